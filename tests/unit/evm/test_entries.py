from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.proofs import abi
from gateway_evm import entry as entries
from gateway_evm import register
from gateway_evm.entry import Entry
from tests.unit.evm.recorded import FORKS, recording

WORD = st.binary(min_size=32, max_size=32)
ENTRIES = st.builds(
    Entry,
    key=WORD,
    digest=WORD,
    mark=WORD,
    salt=WORD,
    subject=st.text(max_size=80),
    format=st.text(max_size=80),
    body=st.binary(max_size=300),
    path=st.lists(WORD, max_size=5).map(tuple),
    withdrawn=st.booleans(),
    supersedes=st.none() | WORD.filter(any),
)


def as_tuple(entry: Entry) -> tuple[Any, ...]:
    supersedes = entry.supersedes or bytes(32)
    return (
        entry.key, entry.digest, supersedes, entry.mark, entry.salt, entry.withdrawn, entry.subject, list(entry.path),
        entry.format, entry.body,
    )  # fmt: skip


@given(ENTRIES)
def test_the_hand_written_layout_is_the_abis(entry: Entry) -> None:
    packed = entries.pack(entry)
    encoded = abi.encode([entries.ENTRY_TYPE], [as_tuple(entry)])
    assert encoded == (32).to_bytes(32, "big") + packed
    assert entries.hash_of(packed) == hashlib.sha256(encoded).digest()
    assert entries.unpack(packed) == entry


@given(st.lists(ENTRIES, max_size=4), st.integers(0, 2**64 - 1))
def test_a_call_is_the_abis_and_is_cut_into_its_entries(some: list[Entry], fence: int) -> None:
    packed = [entries.pack(each) for each in some]
    data = entries.calldata(fence, packed)
    types = ["uint64", f"{entries.ENTRY_TYPE}[]"]
    assert data == entries.RECORD + abi.encode(types, [fence, [as_tuple(each) for each in some]])
    assert entries.entries_of(data) == packed


@settings(max_examples=300)
@given(ENTRIES, st.data())
def test_changed_entries_are_refused_or_read_as_they_would_be_written(entry: Entry, data: st.DataObject) -> None:
    changed = bytearray(entries.pack(entry))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert entries.pack(entries.unpack(bytes(changed))) == bytes(changed)
    except InputError:
        pass


@given(st.binary(max_size=700))
def test_any_bytes_are_entries_or_refused(data: bytes) -> None:
    for read in (entries.unpack, entries.entries_of, lambda each: entries.entries_of(entries.RECORD + each)):
        try:
            read(data)
        except InputError:
            pass


def test_a_cut_call_is_refused() -> None:
    entry = Entry(b"k" * 32, b"d" * 32, b"m" * 32, b"s" * 32, "subject", "format", b"body")
    packed = [entries.pack(entry)] * 3
    data = entries.calldata(1, packed)
    for wrong in (
        b"\x00\x00\x00\x00" + data[4:],
        data[:80],
        data[:36] + (96).to_bytes(32, "big") + data[68:],
        data[:68] + (2**200).to_bytes(32, "big") + data[100:],
        data[:100] + (0).to_bytes(32, "big") + data[132:],
        data[:132] + (96).to_bytes(32, "big") + data[164:],
    ):
        with pytest.raises(InputError):
            entries.entries_of(wrong)
    with pytest.raises(InputError):
        entries.unpack(entries.pack(entry) + bytes(32))
    with pytest.raises(InputError):
        entries.unpack(entries.pack(entry)[:-32])


@pytest.mark.parametrize("fork", FORKS)
def test_what_the_contract_hashed_is_what_is_hashed_here(fork: str) -> None:
    """The recorded events come from the contract's own abi.encode and sha256, run by a real node."""
    told = 0
    for transaction, receipt in zip(recording(fork)["block"]["transactions"], recording(fork)["receipts"], strict=True):
        packed = entries.entries_of(bytes.fromhex(transaction["input"][2:]))
        by_hash = {entries.hash_of(each).hex(): entries.unpack(each) for each in packed}
        for log in receipt["logs"]:
            entry = by_hash[log["data"][66:]]
            told += 1
            assert log["topics"][1] == "0x" + entry.key.hex()
            assert log["topics"][2] == "0x" + entries.subject_hash(entry.salt, entry.subject).hex()
            assert log["topics"][0] == "0x" + (entries.WITHDRAWN if entry.withdrawn else entries.RECORDED).hex()
    assert told == 6


def test_signatures_are_those_of_the_artefact() -> None:
    functions: dict[str, str] = {}
    events: dict[bytes, str] = {}
    for each in register.artefact().abi:
        inputs = each.get("inputs", [])
        assert isinstance(inputs, list)
        signature = f"{each.get('name')}({','.join(abi.from_components(part).text for part in inputs)})"
        if each["type"] == "function":
            functions[str(each["name"])] = signature
        elif each["type"] == "event":
            events[abi.topic(signature)] = str(each["name"])
    assert abi.selector(functions["record"]) == entries.RECORD
    assert {events[topic] for topic in (entries.RECORDED, entries.WITHDRAWN, entries.CONFLICT)} == {
        "Recorded", "Withdrawn", "Conflict",
    }  # fmt: skip
    calls = {
        "digestsOf": register.ask_digests([]), "writers": register.ask_writer(b"a" * 20),
        "fences": register.ask_fence(b"a" * 20), "owner": register.ask_owner(),
        "setWriter": register.set_writer(b"a" * 20, allowed=True),
    }  # fmt: skip
    for name, call in calls.items():
        assert call[:4] == abi.selector(functions[name]), name
    assert register.is_known(bytes.fromhex(register.artefact().code_hash))
    assert not register.is_known(bytes(32))
