"""DIDs and methods that look like another's, or lead out of the registry."""

from __future__ import annotations

import socket

import pytest

from gateway.errors import InputError, TrustError
from gateway.trust import did, multibase
from gateway.trust.credential import check, examine, read
from gateway.trust.registry import Registry
from tests.unit.trust.samples import NOW, XA, XA_KEY, XA_METHOD, key, sealed, signed_again, tree, writer


@pytest.mark.parametrize(
    "text",
    [
        "did:web:xa.example@evil.example",
        "did:web:xa.example%2F@evil.example",
        "did:web:evil.example%23xa.example",
        "did:web:xa.example%00",
        "did:web:xa.example.",
        "did:web:xа.example",  # a Cyrillic letter
        "did:web:xa。example",  # an ideographic full stop
        "did:web:xa.example:..:evil",
        "did:web:xa.example:%2e%2e",
        "did:web:[::1]",
        "did:web:169.254.169.254",
        "did:web:2130706433",
        "did:WEB:xa.example",
        "DID:web:xa.example",
        "did:web:xa.example;service=x",
        "did:web:xa.example?versionId=1",
        "did:jwk:e30",
    ],
)
def test_names_that_lead_elsewhere_are_no_dids(text: str) -> None:
    with pytest.raises(InputError):
        did.parse(text)
    with pytest.raises(InputError):
        did.parse_method(f"{text}#key")
    found = examine(signed_again({**tree(), "issuer": text}))
    assert found.credential is None


def test_a_did_that_begins_as_the_issuers_does() -> None:
    for method in ("did:web:xa.example:sub#issuer-2026", "did:web:xa.example%3A443#issuer-2026", "did:web:xa.exampl#x"):
        found = examine(signed_again(tree(), method=method))
        assert found.checks[-1].id == "credential.issuer.method"


def test_a_fragment_of_another_name_is_another_key() -> None:
    for fragment in ("issuer-2027", "Issuer-2026", "issuer-2026.", "issuer"):
        found = {one.id: one for one in check(read(sealed(method=f"{XA}#{fragment}")), writer().registry(), NOW)}
        assert found["credential.issuer.segment"].outcome == "indeterminate"
        assert found["credential.signature"].outcome == "skipped"


def test_one_key_has_one_did() -> None:
    """Leading ones, other multibase letters, upper case, a missing prefix: none is a second name of one key."""
    good = did.encode_key(XA_KEY.public)
    raw = multibase.encode(XA_KEY.public)
    for other in (f"z1{good[1:]}", f"Z{good[1:]}", f"m{good[1:]}", f"{good}1", good.swapcase(), raw, good[1:]):
        with pytest.raises(InputError):
            did.parse(f"did:key:{other}")


def test_a_did_key_has_no_second_method() -> None:
    text = did.key_did(XA_KEY.public)
    for fragment in ("key-1", did.encode_key(key("other").public), did.encode_key(XA_KEY.public)[:-1]):
        with pytest.raises(InputError):
            did.parse_method(f"{text}#{fragment}")


def test_nothing_is_resolved_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", closed)
    monkeypatch.setattr(socket, "create_connection", closed)
    monkeypatch.setattr(socket, "getaddrinfo", closed)
    registry = Registry.read(writer().encode())
    assert check(read(sealed()), registry, NOW)[-1].outcome == "passed"
    with pytest.raises(TrustError):
        registry.did_document("did:web:elsewhere.example")
    unknown = sealed(issuer="did:web:elsewhere.example", method="did:web:elsewhere.example#k")
    found = {one.id: one.outcome for one in check(read(unknown), registry, NOW)}
    assert found["credential.signature"] == "skipped"
    assert XA_METHOD in registry.did_document(XA).decode()
