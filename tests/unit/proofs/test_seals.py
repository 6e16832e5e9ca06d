"""Seals of the four forms, on blocks that are built by the rules of each (see sealed_blocks)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, Misuse
from gateway.proofs import rlp, seals
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.seals import BFT_MIX_HASH, SealForm, Vote
from gateway.proofs.secp256k1 import ORDER
from gateway.proofs.validators import ValidatorSet, judge
from tests.unit.proofs.sealed_blocks import EMPTY_OMMERS, address, key_of, keys, sealed, seals_of, with_seals

FORMS = list(SealForm)
BFT = [SealForm.QBFT, SealForm.IBFT2, SealForm.ISTANBUL]
FOUR = keys(4)
SET = ValidatorSet(0, tuple(address(key) for key in FOUR))


def good(form: SealForm, number: int = 7, **more: Any) -> Header:
    listed = [] if form is SealForm.CLIQUE else SET.members
    return sealed(form, number, listed, FOUR[:3], **more)


@pytest.mark.parametrize("form", FORMS)
def test_a_sealed_block_names_its_signers(form: SealForm) -> None:
    found = judge(form, good(form), SET)
    wanted = FOUR[:1] if form is SealForm.CLIQUE else FOUR[:3]
    assert found.signers == tuple(sorted(address(key) for key in wanted))
    assert found.required == (1 if form is SealForm.CLIQUE else 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_header_reads_back_to_its_bytes(form: SealForm) -> None:
    data = good(form).encode()
    assert Header.decode(data).encode() == data


@pytest.mark.parametrize("form", [SealForm.QBFT, SealForm.IBFT2])
def test_the_block_hash_does_not_depend_on_round_or_seals(form: SealForm) -> None:
    first, second = good(form, turn=0), sealed(form, 7, SET.members, FOUR[1:], turn=3, author=FOUR[0])
    hashes = {seals.block_hash(header, seals.read_extra(form, header)) for header in (first, second)}
    assert len(hashes) == 1


@pytest.mark.parametrize("form", [SealForm.QBFT, SealForm.IBFT2])
def test_seals_of_another_round_are_foreign(form: SealForm) -> None:
    other = seals_of(good(form, turn=1), form)
    with pytest.raises(InputError) as error:
        judge(form, with_seals(good(form, turn=0), form, other), SET)
    assert error.value.code == "validators.foreign-seal"


@pytest.mark.parametrize(("validators", "required"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (20, 14)])
def test_the_quorum_is_two_thirds_rounded_up(validators: int, required: int) -> None:
    assert seals.quorum(validators) == required


@pytest.mark.parametrize("form", BFT)
def test_one_below_the_quorum_is_not_enough(form: SealForm) -> None:
    with pytest.raises(InputError) as error:
        judge(form, sealed(form, 7, SET.members, FOUR[:2]), SET)
    assert error.value.code == "validators.below-quorum"


@pytest.mark.parametrize("form", BFT)
def test_a_seal_twice_counts_once(form: SealForm) -> None:
    header = sealed(form, 7, SET.members, FOUR[:2])
    made = seals_of(header, form)
    with pytest.raises(InputError) as error:
        judge(form, with_seals(header, form, [*made, made[0], made[1]]), SET)
    assert error.value.code == "validators.below-quorum"


@pytest.mark.parametrize("form", FORMS)
def test_a_malleated_seal_is_refused(form: SealForm) -> None:
    made = seals_of(good(form), form)
    first = made[0]
    twin = first[:32] + (ORDER - int.from_bytes(first[32:64], "big")).to_bytes(32, "big") + bytes([first[64] ^ 1])
    with pytest.raises(InputError) as error:
        judge(form, with_seals(good(form), form, [twin, *made[1:]]), SET)
    assert error.value.code == "seals.bad-seal"
    assert "upper half" in error.value.detail


@pytest.mark.parametrize("form", BFT)
def test_a_seal_of_a_stranger_rejects_the_block(form: SealForm) -> None:
    with pytest.raises(InputError) as error:
        judge(form, sealed(form, 7, SET.members, [*FOUR[:3], key_of("stranger")]), SET)
    assert error.value.code == "validators.foreign-seal"


@pytest.mark.parametrize("form", BFT)
def test_more_seals_than_validators_are_not_even_looked_at(form: SealForm) -> None:
    with pytest.raises(InputError) as error:
        judge(form, sealed(form, 7, SET.members, [*FOUR, key_of("stranger")]), SET)
    assert error.value.code == "validators.too-many-seals"


@pytest.mark.parametrize("form", BFT)
def test_seals_that_a_proof_does_not_need_can_be_left_out(form: SealForm) -> None:
    header = sealed(form, 7, SET.members, FOUR, turn=2)
    extra = seals.read_extra(form, header)
    fewer = seals.with_seals(header, extra, extra.seals[1:])
    assert fewer != header
    assert judge(form, fewer, SET).hash == judge(form, header, SET).hash
    assert seals.with_seals(header, extra, extra.seals) == header


def test_a_clique_seal_is_part_of_its_block() -> None:
    header = good(SealForm.CLIQUE)
    with pytest.raises(Misuse):
        seals.with_seals(header, seals.read_extra(SealForm.CLIQUE, header), [])


def test_a_clique_block_by_a_stranger_is_refused() -> None:
    with pytest.raises(InputError) as error:
        judge(SealForm.CLIQUE, sealed(SealForm.CLIQUE, 7, [], [key_of("stranger")]), SET)
    assert error.value.code == "validators.foreign-seal"


@pytest.mark.parametrize("form", BFT)
def test_a_header_cannot_bring_its_own_validators(form: SealForm) -> None:
    invented = [key_of(f"invented {index}") for index in range(4)]
    listed = sorted(address(key) for key in invented)
    with pytest.raises(InputError) as error:
        judge(form, sealed(form, 7, listed, invented), SET)
    assert error.value.code == "validators.not-in-force"


FIELDS = [name for name in Header.__struct_fields__ if getattr(good(SealForm.QBFT), name) is not None]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*FIELDS, "base_fee"])
def test_every_field_of_the_header_is_signed(form: SealForm, name: str) -> None:
    header = good(form)
    value = getattr(header, name)
    if value is None:
        changed: object = 7
    elif isinstance(value, int):
        changed = value + 1
    elif name == "extra_data":
        changed = b"\1" + value[1:] if form in (SealForm.CLIQUE, SealForm.ISTANBUL) else value[:6] + b"\1" + value[7:]
    else:
        changed = bytes([value[0] ^ 1]) + value[1:]
    with pytest.raises(InputError):
        judge(form, msgspec.structs.replace(header, **{name: changed}), SET)


@pytest.mark.parametrize("form", FORMS)
def test_another_forms_extra_data_is_refused(form: SealForm) -> None:
    for other in FORMS:
        if other is not form:
            with pytest.raises(InputError):
                judge(other, good(form), SET)


@given(data=st.binary(max_size=400), form=st.sampled_from(FORMS))
def test_extra_data_of_any_kind_is_read_or_refused(data: bytes, form: SealForm) -> None:
    header = msgspec.structs.replace(good(form), extra_data=data)
    try:
        extra = seals.read_extra(form, header)
        seals.signers(header, extra)
    except InputError:
        return


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), form=st.sampled_from(BFT))
def test_no_flip_in_a_sealed_header_passes(at: int, bit: int, form: SealForm) -> None:
    data = bytearray(good(form).encode())
    at %= len(data)
    data[at] ^= 1 << bit
    with pytest.raises(InputError):
        judge(form, Header.decode(bytes(data)), SET)


# ── Blocks of public networks ────────────────────────────────────────────────────────────────────────────────────

NOTHING = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")


def word(text: str) -> bytes:
    return bytes.fromhex(text)


def test_block_30000_of_rinkeby() -> None:
    """Clique: an epoch's block with its three signers. Values as published in Besu's tests (Apache-2.0)."""
    header = Header(
        parent_hash=word("ff570bb9893cb9bac64e346419fb9ad51e203c1cf6da5cfcc0c0dff3351b454b"),
        ommers_hash=EMPTY_OMMERS,
        beneficiary=bytes(20),
        state_root=word("829b58faacea7b0aa625617ba90c93e08150bed160364a7a96505e8205043d34"),
        transactions_root=NOTHING,
        receipts_root=NOTHING,
        logs_bloom=bytes(256),
        difficulty=2,
        number=30_000,
        gas_limit=4_712_388,
        gas_used=0,
        timestamp=1_492_460_444,
        extra_data=word(
            "d783010600846765746887676f312e372e33856c696e7578000000000000000042eb768f2244c8811c63729a21a3569731535f067ffc"
            "57839b00206d1ad20c69a1981b489f772031b279182d99e65703f0076e4812653aab85fca0f0c5bc40d0535af16266714ccb26fc4944"
            "8c10bdf2969411514707d7442956b3397b09a980f4bea9347f70eea52183326247a0239b6d01fa0b07afc44e8a05463301"
        ),
        mix_hash=bytes(32),
        nonce=bytes(8),
    )
    listed = (
        "42eb768f2244c8811c63729a21a3569731535f06",
        "7ffc57839b00206d1ad20c69a1981b489f772031",
        "b279182d99e65703f0076e4812653aab85fca0f0",
    )
    found = judge(SealForm.CLIQUE, header, ValidatorSet(30_000, tuple(map(word, listed))))
    assert found.hash.hex() == "8b27a29300811af926039b90288d3d384dcb55931049c17c4f762e45c116776e"
    assert found.extra.validators == tuple(map(word, listed))
    assert len(found.signers) == 1


def test_block_1_of_a_quorum_istanbul_network() -> None:
    """Istanbul: four validators, three seals. Values as published in Besu's tests (Apache-2.0), from a chain export."""
    header = Header(
        parent_hash=word("a7762d3307dbf2ae6a1ae1b09cf61c7603722b2379731b6b90409cdb8c8288a0"),
        ommers_hash=EMPTY_OMMERS,
        beneficiary=bytes(20),
        state_root=word("ca07595b82f908822971b7e848398e3395e59ee52565c7ef3603df1a1fa7bc80"),
        transactions_root=NOTHING,
        receipts_root=NOTHING,
        logs_bloom=bytes(256),
        difficulty=1,
        number=1,
        gas_limit=4_704_588,
        gas_used=0,
        timestamp=1_530_674_616,
        extra_data=word(
            "d783010800846765746887676f312e392e32856c696e75780000000000000000f90164f8549424defc2d149861d3d245749b81fe0e6b"
            "28e04f31942a813d7db3de19b07f92268b6d4125ed295cbe00943814f17bd4b7ce47ab8146684b3443c0a4b2fc2c94c332d0db1704d1"
            "8f89a590e7586811e36d37ce04b8417480a32e81936a40da3b8b730c28963a80011fdddb70470573675a11c7871873165e213b80b1ed"
            "5bf5a59a31874baf1d6e83d55141f719ada73815c8712c4c6501f8c9b8417ba97752c9a3d14ae8c5f6f864c2808b816a0d3ebef9a3b0"
            "3c3cf9e31311baeb2e32609ccc99f13488e9e8ea192debf1c26f8c70c2332dfbb8456292fd93661100b841bbf2d1710a41bee7895dad"
            "bbbc92713ba9e74129bb665984f349950d7b5275303db99b12ea3483430079dd5d90bcc3962f72217863725f6cd72ab5c10c8c540001"
            "b8415df74d9bf9687a3da10a4660cfd6fd6739df59db5535fa3a7c58382ec587f4fe581089a9e3cd4b8c3b77eeabdd756f1f34ffb990"
            "cfd47e81bb205bd10be619d001"
        ),
        mix_hash=BFT_MIX_HASH,
        nonce=bytes(8),
    )
    proposer = "24defc2d149861d3d245749b81fe0e6b28e04f31"
    second, third = "2a813d7db3de19b07f92268b6d4125ed295cbe00", "3814f17bd4b7ce47ab8146684b3443c0a4b2fc2c"
    listed = tuple(map(word, (proposer, second, third, "c332d0db1704d18f89a590e7586811e36d37ce04")))
    found = judge(SealForm.ISTANBUL, header, ValidatorSet(0, listed))
    assert found.hash.hex() == "0d60351c129af309fc8597c81358652d3d0f0e3141b5432888c4aae405ee0184"
    assert found.signers == tuple(map(word, (proposer, second, third)))
    assert seals.proposer_of(header, found.extra).hex() == proposer


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (SealForm.QBFT, "f8f0{}83fedcba{}"),
        (SealForm.IBFT2, "f8f1{}8400fedcba{}"),
    ],
)
def test_extra_data_as_besu_encodes_it(form: SealForm, data: str) -> None:
    """The forms with round, vote and two seals. Values as published in Besu's tests (Apache-2.0)."""
    one, two = f"{1:040x}", f"{2:040x}"
    first, second = f"{1:064x}{10:064x}00", f"{10:064x}{1:064x}00"
    vanity = bytes(range(1, 33)).hex()
    told = data.format(f"a0{vanity}ea94{one}94{two}d794{one}81ff", f"f886b841{first}b841{second}")
    header = msgspec.structs.replace(good(form), extra_data=word(told))
    extra = seals.read_extra(form, header)
    assert extra.validators == (word(one), word(two))
    assert extra.vote == Vote(word(one), True)
    assert extra.round == 0xFEDCBA
    assert extra.seals == (word(first), word(second))
    assert extra.vanity.hex() == vanity
    assert seals.with_seals(header, extra, extra.seals) == header


def test_blocks_with_fields_of_later_forks_are_hashed_with_them() -> None:
    """Besu's networks follow Ethereum's forks: a base fee, withdrawals, blobs."""
    later: dict[str, Any] = {"base_fee": 7}
    more = {
        "withdrawals_root": b"w" * 32,
        "blob_gas_used": 0,
        "excess_blob_gas": 0,
        "parent_beacon_root": b"p" * 32,
        "requests_hash": b"r" * 32,
    }
    for fields in (later, later | {"withdrawals_root": b"w" * 32}, later | more):
        for form in FORMS:
            header = good(form, **fields)
            extra = seals.read_extra(form, header)
            assert judge(form, header, SET).hash == seals.block_hash(header, extra)
            with pytest.raises(InputError):
                judge(form, msgspec.structs.replace(header, base_fee=8), SET)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 11, 12, 40, 200])
def test_hashes_are_those_of_the_header_written_out(form: SealForm, size: int) -> None:
    """Cutting the header's bytes gives what writing it anew gives, whatever its lengths."""
    listed = [] if form is SealForm.CLIQUE else [keccak256(b"%d" % n)[:20] for n in range(size)]
    for number in (0, 127, 128, 2**40):
        for turn in (0, 1, 127, 128, 70_000):
            vote = Vote(b"v" * 20, number == 0)
            header = sealed(form, number, listed, FOUR[:3], turn=turn, vote=vote, timestamp=number)
            extra = seals.read_extra(form, header)
            named, signed = seals.digests(header, extra)
            assert (named, signed) == written_out(form, header, extra)


def written_out(form: SealForm, header: Header, extra: seals.Extra) -> tuple[bytes, bytes]:
    def hashed(data: bytes) -> bytes:
        return keccak256(msgspec.structs.replace(header, extra_data=data).encode())

    if form is SealForm.CLIQUE:
        return header.hash, hashed(header.extra_data[:-65])
    if form is SealForm.ISTANBUL:
        named = hashed(extra.vanity + rlp.encode([extra.validators, extra.proposer, []]))
        return named, keccak256(named + b"\2")
    items = rlp.items(rlp.decode(header.extra_data))
    if form is SealForm.QBFT:
        return hashed(rlp.encode([*items[:3], b"", []])), hashed(rlp.encode([*items[:4], []]))
    return hashed(rlp.encode(items[:3])), hashed(rlp.encode(items[:4]))


def test_a_header_with_fields_of_a_wrong_size_is_refused() -> None:
    header = good(SealForm.QBFT)
    extra = seals.read_extra(SealForm.QBFT, header)
    for name in ("parent_hash", "beneficiary", "logs_bloom"):
        with pytest.raises(InputError):
            seals.digests(msgspec.structs.replace(header, **{name: b"short"}), extra)
