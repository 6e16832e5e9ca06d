"""The registry: what is stated is found again, and each rule refuses what it is for."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import GatewayError, InputError, TrustError
from gateway.spi import Basis, NetworkId
from gateway.trust import did
from gateway.trust.registry import Registry, RegistryWriter, fingerprint_of
from gateway.trust.signer import Ed25519Signer
from gateway.trust.statements import Ended, Root
from tests.unit.trust.samples import (
    BEGAN,
    NETWORK,
    NOW,
    ROOT,
    VECTORS,
    XA,
    XA_KEY,
    XA_METHOD,
    XB,
    XB_METHOD,
    digest,
    key,
    key_of,
    writer,
)

DAY = timedelta(days=1)
HEX = NETWORK.digest.hex()


def code(caught: pytest.ExceptionInfo[GatewayError]) -> str:
    return caught.value.code


def test_what_is_stated_is_found_again() -> None:
    found = Registry.read(writer().encode())
    assert found.encode() == writer().encode()
    assert found.digest == hashlib.sha256(writer().encode()).digest()
    assert found.newest == BEGAN
    assert found.fingerprint == fingerprint_of([did.encode_key(ROOT.public)], 1)
    assert found.root.name == "Offices of the pilot"
    assert [office.code for office in found.offices] == ["XA", "XB"]
    office = found.office_of(XB)
    assert office is not None
    assert (office.codes, office.ended) == (("XB", "XC"), "open")
    assert found.office_of("did:web:nobody.example") is None
    segment = found.at("issuer", XA)
    assert segment is not None
    assert segment.material == {
        "method": XA_METHOD,
        "publicKeyMultibase": did.encode_key(XA_KEY.public),
        "office": "XA",
        "codes": ["XA"],
    }
    network = found.at("network", HEX)
    assert network is not None
    assert network.basis is Basis.CONSENSUS
    assert network.material["kind"] == "sandbox"
    assert network.material["office"] == "XA"
    assert network.material["threshold"] == 3
    assert network.statement == found.statements[3].digest
    root = found.at("registry-root", found.fingerprint)
    assert root is not None
    assert root.material == {"keys": [did.encode_key(ROOT.public)], "threshold": 1}
    assert found.networks == (network,)


def test_the_bytes_do_not_change_from_release_to_release() -> None:
    assert writer().encode() == (VECTORS / "registry.json").read_bytes()


def test_the_file_is_json_with_a_statement_a_line() -> None:
    data = writer().encode()
    document = json.loads(data)
    lines = data.decode().splitlines()
    assert lines[0] == '{"statements":['
    assert lines[-1] == "]}"
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == document["statements"]
    for before, after in itertools.pairwise(lines[1:-1]):
        assert json.loads(after.rstrip(","))["previous"] == hashlib.sha256(before.rstrip(",").encode()).hexdigest()


def test_a_registry_only_grows() -> None:
    made = writer()
    before = made.encode()
    made.add_mapping([ROOT], name="m", version="1", digest=digest("m"), since=BEGAN, issued=BEGAN)
    # All but the closing brackets are the bytes of before.
    assert made.encode().startswith(before.removesuffix(b"\n]}\n"))


def test_a_fingerprint_is_compared_where_it_is_known() -> None:
    data = writer().encode()
    assert Registry.read(data, fingerprint=Registry.read(data).fingerprint)
    with pytest.raises(TrustError) as caught:
        Registry.read(data, fingerprint="00" * 32)
    assert code(caught) == "registry.foreign-root"


def test_a_copy_that_a_file_brings_is_material() -> None:
    found = Registry.material(writer().encode())
    assert found.origin == "material"
    assert found.at("issuer", XA) is None
    assert found.at("network", HEX, BEGAN, 3) is None
    assert found.all("issuer", XA) == ()
    assert found.office_of(XA) is None
    assert not found.lists_mapping(digest("m"))
    assert found.offices != ()


# ── segments ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_segments_are_closed_intervals() -> None:
    made = writer()
    made.rotate_key([ROOT], old=XA_METHOD, new=key_of(f"{XA}#second", key("second"), since=NOW), issued=NOW)
    found = made.registry()

    def method(when: datetime | None) -> str | None:
        segment = found.at("issuer", XA, when)
        return None if segment is None else str(segment.material["method"])

    second = timedelta(seconds=1)
    assert method(BEGAN - second) is None
    assert method(BEGAN) == XA_METHOD
    assert method(NOW - second) == XA_METHOD
    assert method(NOW) == f"{XA}#second"
    assert method(None) == f"{XA}#second"
    assert [one.ended for one in found.all("issuer", XA)] == ["rotated", "open"]
    assert found.all("issuer", XA)[0].until == NOW
    assert [one.method for one in found.methods_of(XA)] == [f"{XA}#second"]


def test_networks_are_found_by_height_too() -> None:
    made = writer()
    made.end([ROOT], subject=HEX, how="rotated", at=NOW, last=99, issued=NOW)
    made.add_network(
        [ROOT],
        network=NETWORK,
        office="XA",
        material={"threshold": 4},
        basis=Basis.CONSENSUS,
        since=BEGAN,
        first=100,
        issued=NOW,
    )
    found = made.registry()

    def threshold(when: datetime | None, height: int | None) -> object:
        segment = found.at("network", HEX, when, height)
        return None if segment is None else segment.material["threshold"]

    assert threshold(None, 0) == 3
    assert threshold(None, 99) == 3
    assert threshold(None, 100) == 4
    assert threshold(None, None) == 4
    assert threshold(NOW + DAY, 99) is None
    assert threshold(NOW, 99) == 3
    assert threshold(BEGAN - DAY, 100) is None
    assert [one.last for one in found.all("network", HEX)] == [99, None]


def test_one_segment_of_several_is_ended_by_its_statement() -> None:
    made = writer()
    first = made.registry().all("network", HEX)[0]
    made.end([ROOT], subject=HEX, how="rotated", at=NOW, issued=NOW)
    made.add_network(
        [ROOT], network=NETWORK, office="XA", material={}, basis=Basis.CONSENSUS, since=NOW, issued=NOW
    )  # fmt: skip
    made.end([ROOT], subject=HEX, how="compromised", at=BEGAN + DAY, statement=first.statement, issued=NOW)
    found = made.registry().all("network", HEX)
    assert [(one.ended, one.until) for one in found] == [("compromised", BEGAN + DAY), ("open", None)]
    with pytest.raises(TrustError, match="no segment"):
        made.end([ROOT], subject=HEX, how="revoked", at=NOW, statement=digest("none"), issued=NOW)


def test_a_worse_end_may_be_stated_later_and_only_shortens() -> None:
    made = writer()
    made.end([ROOT], subject=XA_METHOD, how="rotated", at=NOW, issued=NOW)
    made.end([ROOT], subject=XA_METHOD, how="compromised", at=NOW - DAY, issued=NOW + DAY)
    segment = made.registry().all("issuer", XA)[0]
    assert (segment.ended, segment.until) == ("compromised", NOW - DAY)
    for how in ("rotated", "revoked", "compromised"):
        with pytest.raises(TrustError) as caught:
            made.end([ROOT], subject=XA_METHOD, how=how, at=NOW, issued=NOW + DAY)  # type: ignore[arg-type]  # each of them
        assert code(caught) == "registry.duplicate"
    made = writer()
    made.end([ROOT], subject=XA_METHOD, how="rotated", at=NOW, issued=NOW)
    made.end([ROOT], subject=XA_METHOD, how="compromised", at=NOW + DAY, issued=NOW + DAY)
    assert made.registry().all("issuer", XA)[0].until == NOW


def test_an_office_ends_with_all_its_keys_and_frees_its_codes() -> None:
    made = writer()
    made.add_key([ROOT], did=XB, key=key_of(f"{XB}#second", key("b2")), issued=BEGAN)
    made.end([ROOT], subject=XB_METHOD, how="rotated", at=BEGAN + DAY, issued=NOW)
    made.end([ROOT], subject=XB, how="revoked", at=NOW, issued=NOW)
    found = made.registry()
    assert [(one.ended, one.until) for one in found.all("issuer", XB)] == [
        ("revoked", BEGAN + DAY),
        ("revoked", NOW),
    ]
    assert found.at("issuer", XB) is None
    office = found.office_of(XB)
    assert office is not None
    assert office.ended == "revoked"
    with pytest.raises(TrustError) as caught:
        made.add_key([ROOT], did=XB, key=key_of(f"{XB}#third", key("b3")), issued=NOW)
    assert code(caught) == "registry.unknown-subject"
    made.add_office(
        [ROOT], did="did:web:new.example", codes=("XB",), name="Successor",
        keys=(key_of("did:web:new.example#k", key("new"), since=NOW),), issued=NOW,
    )  # fmt: skip
    assert [office.did for office in made.registry().offices if "XB" in office.codes and office.ended == "open"] == [
        "did:web:new.example"
    ]


def test_a_mapping_is_relied_on_until_it_is_revoked() -> None:
    made = writer()
    made.add_mapping([ROOT], name="national-x", version="1.2", digest=digest("m"), since=BEGAN, issued=NOW)
    assert made.registry().lists_mapping(digest("m"))
    assert not made.registry().lists_mapping(digest("other"))
    made.end([ROOT], subject=digest("m").hex(), how="rotated", at=NOW, issued=NOW)
    assert made.registry().lists_mapping(digest("m"))
    made.end([ROOT], subject=digest("m").hex(), how="revoked", at=NOW, issued=NOW)
    assert not made.registry().lists_mapping(digest("m"))
    assert made.registry().mappings[0].ended == "revoked"


# ── the root ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_root_changes_hands_and_the_fingerprint_stays() -> None:
    made = writer()
    before = made.registry().fingerprint
    new = key("root 2")
    made.rotate_root([ROOT], [new], issued=NOW)
    with pytest.raises(TrustError) as caught:
        made.end([ROOT], subject=XA_METHOD, how="revoked", at=NOW, issued=NOW)
    assert code(caught) == "registry.not-root"
    made.end([new], subject=XA_METHOD, how="revoked", at=NOW, issued=NOW)
    found = Registry.read(made.encode(), fingerprint=before)
    assert found.fingerprint == before
    assert found.root.keys == (did.encode_key(new.public),)
    segments = found.all("registry-root", before)
    assert [(one.ended, one.until) for one in segments] == [("rotated", NOW), ("open", None)]


def test_a_new_root_must_be_signed_by_the_old_and_by_itself() -> None:
    new = key("root 2")
    for signers in ([new], [ROOT]):
        made = writer()
        with pytest.raises(TrustError) as caught:
            made.append(Root((did.encode_key(new.public),), 1), signers, issued=NOW)
        assert code(caught) == "registry.not-root"
        assert made.encode() == writer().encode()


def test_two_of_three_root_keys_sign() -> None:
    three = [key(f"root {index}") for index in range(3)]
    names = [did.encode_key(one.public) for one in three]
    made = RegistryWriter.new(three[:2], keys=names, threshold=2, issued=BEGAN)
    for some in ([three[0]], [three[2], three[2]], [three[0], key("stranger")]):
        with pytest.raises(GatewayError):
            made.add_office(some, did=XA, codes=("XA",), name="X", keys=(key_of(XA_METHOD, XA_KEY),), issued=BEGAN)
    made.add_office(three[1:], did=XA, codes=("XA",), name="X", keys=(key_of(XA_METHOD, XA_KEY),), issued=BEGAN)
    assert Registry.read(made.encode()).fingerprint == fingerprint_of(names, 2)
    assert fingerprint_of(names, 2) != fingerprint_of(names, 1)
    four = [key(f"next {index}") for index in range(2)]
    made.rotate_root(three[:2], four, issued=NOW)
    assert Registry.read(made.encode()).root.threshold == 2


# ── the writer ──────────────────────────────────────────────────────────────────────────────────────────────────────


def refused(work: object, expected: str) -> None:
    with pytest.raises(GatewayError) as caught:
        work()  # type: ignore[operator]  # a lambda of no arguments
    assert code(caught) == expected


def test_each_rule_refuses_what_it_is_for() -> None:
    made = writer()
    before = made.encode()
    sig = [ROOT]
    new = key_of("did:web:xd.example#k", key("d"))

    def office(**other: object) -> None:
        values: dict[str, object] = {
            "did": "did:web:xd.example", "codes": ("XD",), "name": "D", "keys": (new,), "issued": NOW, **other,
        }  # fmt: skip
        made.add_office(sig, **values)  # type: ignore[arg-type]  # by name

    def network(**other: object) -> None:
        values: dict[str, object] = {
            "network": NetworkId("sandbox", "other", b"\x01"), "office": "XA", "material": {}, "basis": Basis.CONSENSUS,
            "since": NOW, "issued": NOW, **other,
        }  # fmt: skip
        made.add_network(sig, **values)  # type: ignore[arg-type]  # by name

    refused(lambda: office(did=XA, keys=(key_of(f"{XA}#k", key("d")),)), "registry.duplicate")
    refused(lambda: office(codes=("XD", "XB")), "registry.code-taken")
    refused(lambda: office(codes=("XC",)), "registry.code-taken")
    refused(lambda: office(codes=("XD", "XD")), "registry.statement")
    refused(lambda: office(codes=()), "registry.form")
    refused(lambda: office(codes=("Office",)), "registry.form")
    refused(lambda: office(name=""), "registry.form")
    refused(lambda: office(keys=()), "registry.form")
    refused(lambda: office(keys=(key_of(XB_METHOD, key("d")),)), "registry.statement")
    refused(lambda: office(keys=(key_of("did:web:xd.example#k", XA_KEY),)), "registry.key-reused")
    refused(lambda: office(keys=(key_of("did:web:xd.example#k", ROOT),)), "registry.key-reused")
    refused(lambda: office(keys=(new, key_of("did:web:xd.example#l", key("d")))), "registry.key-reused")
    refused(lambda: office(keys=(new, key_of("did:web:xd.example#k", key("e")))), "registry.key-reused")
    refused(lambda: office(keys=(key_of("did:web:xd.example#k", key("d"), NOW, NOW - DAY),)), "registry.order")
    refused(lambda: office(did="did:web:10.0.0.1"), "did.malformed")
    refused(lambda: office(issued=BEGAN - DAY), "registry.order")
    refused(lambda: office(issued=datetime(2026, 6, 1)), "registry.order")
    refused(
        lambda: office(did=did.key_did(key("d").public), keys=(key_of(did.key_method(key("d").public), key("e")),)),
        "registry.statement",
    )
    refused(lambda: made.add_key(sig, did="did:web:xd.example", key=new, issued=NOW), "registry.unknown-subject")
    refused(lambda: made.add_key(sig, did=XA, key=key_of(XA_METHOD, key("d")), issued=NOW), "registry.key-reused")
    refused(lambda: made.add_key(sig, did=XA, key=key_of(f"{XA}#2", XA_KEY), issued=NOW), "registry.key-reused")
    refused(lambda: network(office="XZ"), "registry.unknown-subject")
    refused(lambda: network(until=NOW - DAY), "registry.order")
    refused(lambda: network(first=2, last=1), "registry.order")
    refused(lambda: network(material={"x": 1.5}), "registry.statement")
    refused(lambda: network(material={"x": 2**53}), "jcs.no-canonical-form")
    refused(lambda: network(material={"chain": "another"}), "registry.statement")
    refused(lambda: network(network=NETWORK, office="XB"), "registry.statement")
    refused(lambda: network(network=NETWORK), "registry.overlap")
    refused(lambda: network(network=NETWORK, first=5, last=9), "registry.overlap")
    made_of = {"name": "m", "version": "1", "since": NOW, "issued": NOW}
    refused(lambda: made.add_mapping(sig, **{**made_of, "name": "a name"}, digest=digest("m")), "registry.form")  # type: ignore[arg-type]  # by name
    for subject in ("did:web:xd.example", "did:web:xd.example#k", f"{XA}#2", digest("m").hex(), "x", ""):
        refused(lambda: made.end(sig, subject=subject, how="revoked", at=NOW, issued=NOW), "registry.unknown-subject")  # noqa: B023  # called at once
    refused(lambda: made.end(sig, subject=XA_METHOD, how="revoked", at=BEGAN - DAY, issued=NOW), "registry.order")
    refused(lambda: made.end(sig, subject=XA_METHOD, how="revoked", at=NOW, last=3, issued=NOW), "registry.statement")
    refused(lambda: made.end(sig, subject=XA, how="revoked", at=BEGAN - DAY, issued=NOW), "registry.order")
    refused(lambda: made.append(Ended(XA, "lost", NOW), sig, issued=NOW), "registry.form")  # type: ignore[arg-type]  # on purpose
    refused(lambda: made.end([], subject=XA, how="revoked", at=NOW, issued=NOW), "registry.not-root")
    refused(lambda: made.end([XA_KEY], subject=XA, how="revoked", at=NOW, issued=NOW), "registry.not-root")
    refused(
        lambda: made.append(Root((did.encode_key(XA_KEY.public),), 1), [ROOT, XA_KEY], issued=NOW),
        "registry.key-reused",
    )
    refused(lambda: made.append(Root((did.encode_key(ROOT.public),), 2), sig, issued=NOW), "registry.not-root")
    # Nothing of all that was added.
    assert made.encode() == before


def test_a_mapping_is_listed_once() -> None:
    made = writer()
    made.add_mapping([ROOT], name="m", version="1", digest=digest("m"), since=BEGAN, issued=NOW)
    for name, version, of in (("m", "1", "other"), ("n", "2", "m")):
        refused(
            lambda: made.add_mapping([ROOT], name=name, version=version, digest=digest(of), since=BEGAN, issued=NOW),  # noqa: B023  # called at once
            "registry.duplicate",
        )


def test_a_rotation_that_is_refused_leaves_the_old_key_as_it_was() -> None:
    made = writer()
    before = made.encode()
    refused(
        lambda: made.rotate_key([ROOT], old=XA_METHOD, new=key_of(XB_METHOD, key("x"), since=NOW), issued=NOW),
        "registry.statement",
    )
    refused(
        lambda: made.rotate_key([ROOT], old=f"{XA}#none", new=key_of(f"{XA}#2", key("x"), since=NOW), issued=NOW),
        "registry.unknown-subject",
    )
    assert made.encode() == before
    assert made.registry().at("issuer", XA) is not None


def test_a_snapshot_does_not_change_with_the_writer() -> None:
    made = writer()
    found = made.registry()
    made.end([ROOT], subject=XA_METHOD, how="revoked", at=NOW, issued=NOW)
    assert found.at("issuer", XA) is not None
    assert made.registry().at("issuer", XA) is None


def test_times_are_stated_in_whole_seconds_of_utc() -> None:
    exact = datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC)
    made = writer()
    made.end([ROOT], subject=XA_METHOD, how="rotated", at=exact, issued=exact)
    assert made.registry().all("issuer", XA)[0].until == exact.replace(microsecond=0)
    assert Registry.read(made.encode()).newest == exact.replace(microsecond=0)


# ── two copies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_copies_are_told_apart() -> None:
    old = writer().registry()
    made = writer()
    made.end([ROOT], subject=XA_METHOD, how="revoked", at=NOW, issued=NOW)
    one = made.registry()
    made = writer()
    made.end([ROOT], subject=XB_METHOD, how="revoked", at=NOW, issued=NOW)
    other = made.registry()
    foreign = RegistryWriter.new([Ed25519Signer.generate()], issued=BEGAN).registry()
    assert old.relation(Registry.material(writer().encode())) == "same"
    assert (old.relation(one), one.relation(old)) == ("older", "newer")
    assert (one.relation(other), other.relation(one)) == ("forked", "forked")
    assert one.relation(foreign) == "foreign"


def test_the_did_document_comes_from_the_registry() -> None:
    found = json.loads(writer().registry().did_document(XA))
    assert found["assertionMethod"] == [XA_METHOD]
    refused(lambda: writer().registry().did_document("did:web:nobody.example"), "registry.unknown-subject")


def test_a_registry_begins_with_its_root() -> None:
    with pytest.raises(InputError):
        RegistryWriter.open(b'{"statements":[\n\n]}\n')
    with pytest.raises(InputError):
        Registry.read(b"")
