"""Seals of the four forms, on blocks that are built by the rules of each (see sealed_blocks)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, Misuse
from gateway.proofs import seals
from gateway.proofs.evm import Header
from gateway.proofs.seals import SealForm
from gateway.proofs.secp256k1 import ORDER
from gateway.proofs.validators import ValidatorSet, judge
from tests.unit.proofs.sealed_blocks import address, key_of, keys, sealed, seals_of, with_seals

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
