"""The JSON-LD context: pinned, whole, and checked against PyLD, which follows the W3C's algorithms."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld

from gateway.model import context, records
from gateway.model.context import CONTEXT, CONTEXT_DIGEST, CONTEXT_ID, CREDENTIALS_CONTEXT, CREDENTIALS_ID, VOCABULARY
from tests import strategies

XSD = "http://www.w3.org/2001/XMLSchema#"
STRUCTS: dict[str, type[msgspec.Struct]] = {
    "Application": records.Application,
    "PriorityDocument": records.PriorityDocument,
    "LegalStatusEvent": records.LegalStatusEvent,
    "OwnershipTransfer": records.OwnershipTransfer,
}
NUMBER = {"scheme": "xa-application", "office": "XA", "original": "XA 2026/123", "normalised": "XA-2026-000123"}
RECORD: dict[str, Any] = {"type": "Application", "office": "XA", "right": "patent", "applicationNumber": NUMBER}


def load(url: str, options: object) -> dict[str, Any]:
    held = {CONTEXT_ID: CONTEXT, CREDENTIALS_ID: CREDENTIALS_CONTEXT}
    if url not in held:
        raise AssertionError(f"PyLD asked for {url}")
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": json.loads(held[url]),
    }


def expand(document: dict[str, Any]) -> list[Any]:
    made: list[Any] = jsonld.expand(document, {"documentLoader": load})
    return made


def credential(subject: dict[str, Any]) -> dict[str, Any]:
    both = [CREDENTIALS_ID, CONTEXT_ID]
    return {
        "@context": both,
        "id": "urn:uuid:00000000-0000-8000-8000-000000000001",
        "type": ["VerifiableCredential", "RecordCredential"],
        "issuer": "did:web:office.xa.example",
        "validFrom": "2026-11-22T15:00:00Z",
        "credentialSubject": subject,
        "recordBinding": {
            "type": "RecordBinding",
            "recordKey": "00" * 32,
            "revision": 2,
            "network": "11" * 32,
            "nativeFormat": "uspto-odp",
            "nativeDigest": "22" * 32,
            "evidenceType": "sandbox/1",
            "evidenceDigest": "33" * 32,
            "mappingName": "uspto-odp",
            "mappingVersion": "1",
            "mappingDigest": "44" * 32,
            "contextDigest": CONTEXT_DIGEST.hex(),
            "lossesDigest": "55" * 32,
            "withdrawn": True,
            "supersedes": "66" * 32,
        },
        "proof": {
            "@context": both,
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": "2026-11-22T15:00:00Z",
            "verificationMethod": "did:web:office.xa.example#key-1",
            "proofPurpose": "assertionMethod",
            "proofValue": "z3FX",
        },
    }


# ── An own detector of drops, which knows nothing of how the check works ─────────────────────────────────────────


def said(value: Any) -> Iterator[tuple[str, Any]]:
    """What a JSON document says: each scalar, each type and name, and each member that leads to an object."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "@context":
                continue
            for each in item if isinstance(item, list) else [item]:
                if key in ("type", "id"):
                    yield (key, "")
                elif key == "proofPurpose":  # @type @vocab: the purpose is itself a term
                    yield ("scalar", f"str:https://w3id.org/security#{each}")
                elif isinstance(each, dict):
                    yield ("node", "")
                    yield from said(each)
                else:
                    yield ("scalar", f"{type(each).__name__}:{each}")
    else:
        raise AssertionError(value)


def understood(value: Any) -> Iterator[tuple[str, Any]]:
    """The same, of PyLD's expanded form."""
    if isinstance(value, list):
        for item in value:
            yield from understood(item)
    elif "@value" in value:
        yield ("scalar", f"{type(value['@value']).__name__}:{value['@value']}")
    elif "@list" in value:
        yield from understood(value["@list"])
    elif "@graph" in value:
        yield from understood(value["@graph"])
    elif set(value) == {"@id"}:
        yield ("scalar", f"str:{value['@id']}")
    else:
        yield ("node", "")
        for key, item in value.items():
            if key == "@type":
                yield from (("type", "") for _ in item)
            elif key == "@id":
                yield ("id", "")
            else:
                yield from understood(item)


def drops(document: dict[str, Any]) -> Counter[tuple[str, Any]]:
    """What the document says and PyLD does not understand, or the other way round. Empty: nothing is dropped."""
    try:
        expanded = expand(document)
    except jsonld.JsonLdError:
        return Counter({("refused", ""): 1})
    there, back = Counter(said(document)), Counter(understood(expanded))
    back[("node", "")] -= 1  # the document itself
    return (there - back) + (back - there)


# ── Pinned ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_context_is_the_one_that_is_pinned() -> None:
    assert hashlib.sha256(CONTEXT).digest() == CONTEXT_DIGEST
    # a change of the file makes another context: it gets another id, another digest, and its old bytes stay
    assert CONTEXT_DIGEST.hex() == "969978f52c1482fb7c53e60e6f68595ff21cd44e9e0b88809a8d907059c4191b"
    assert CONTEXT_ID == "urn:uuid:0f6b2d1e-58c4-4a7e-9b57-2d4c8e6a1f30"


def test_no_name_of_ours_needs_to_be_resolved_or_is_anybody_elses() -> None:
    assert CONTEXT_ID.startswith("urn:uuid:")
    assert VOCABULARY.startswith("urn:uuid:")
    assert all(iri.startswith(VOCABULARY) for iri in context.terms().values())
    assert all(iri == VOCABULARY + term for term, iri in context.terms().items())


def test_the_credentials_context_is_the_w3cs() -> None:
    bundled = pytest.importorskip("pyld.documentloader.frozen").BUNDLED_CONTEXTS[CREDENTIALS_ID]
    assert json.loads(CREDENTIALS_CONTEXT) == json.loads(bundled.read_text("utf-8"))


def test_everything_is_protected() -> None:
    def look(level: dict[str, Any]) -> None:
        assert level["@protected"] is True
        assert "@vocab" not in level
        assert "@base" not in level
        for defined in level.values():
            if isinstance(defined, dict) and "@context" in defined:
                look(defined["@context"])

    look(json.loads(CONTEXT)["@context"])


# ── Whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


def members(struct: type[msgspec.Struct]) -> Iterator[tuple[str, Any]]:
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        yield field.encode_name, field.type


def inner(kind: Any) -> tuple[Any, bool]:
    """The type inside of an option, a bag, a constraint; and whether it was a bag."""
    bag = False
    while True:
        if isinstance(kind, msgspec.inspect.UnionType):
            (kind,) = [each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)]
        elif isinstance(kind, msgspec.inspect.VarTupleType):
            kind, bag = kind.item_type, True
        elif isinstance(kind, msgspec.inspect.Metadata):
            kind = kind.type
        else:
            return kind, bag


def test_every_member_of_every_record_is_defined_as_what_it_is() -> None:
    def look(struct: type[msgspec.Struct], level: dict[str, Any]) -> None:
        names = {name for name, _ in members(struct)}
        assert names == {name for name in level if not name.startswith("@")}, struct
        for name, kind in members(struct):
            kind, bag = inner(kind)
            defined = level[name]
            assert defined["@id"] == VOCABULARY + name
            assert ("@container" in defined) == bag, name
            assert defined.get("@container") in (None, "@set", "@list")
            if isinstance(kind, msgspec.inspect.StructType):
                look(kind.cls, defined["@context"])
                continue
            expected = None
            if name.endswith("Date"):
                expected = XSD + "date"
            elif isinstance(kind, msgspec.inspect.BoolType):
                expected = XSD + "boolean"
            elif isinstance(kind, msgspec.inspect.IntType):
                expected = XSD + "nonNegativeInteger"
            assert defined.get("@type") == expected, name

    top = json.loads(CONTEXT)["@context"]
    for name, struct in STRUCTS.items():
        look(struct, top[name]["@context"])


def test_the_order_of_lines_and_of_parties_is_kept() -> None:
    record = {**RECORD, "applicantBag": [{"nameBag": [{"value": "B"}]}, {"nameBag": [{"value": "A"}]}]}
    (expanded,) = expand({"@context": CONTEXT_ID, **record})
    (bag,) = expanded[VOCABULARY + "applicantBag"]
    assert len(bag["@list"]) == 2


@settings(max_examples=120)
@given(strategies.common_records())
def test_no_record_loses_a_term(record: records.CommonRecord) -> None:
    document = json.loads(records.encode(record))
    assert context.undefined_terms(document) == ()
    assert context.undefined_terms({"@context": CONTEXT_ID, **document}) == ()
    assert not drops({"@context": CONTEXT_ID, **document})


@settings(max_examples=25)
@given(strategies.common_records())
def test_no_record_in_a_credential_loses_a_term(record: records.CommonRecord) -> None:
    document = credential(json.loads(records.encode(record)))
    assert context.undefined_terms(document) == ()
    assert not drops(document)


@settings(max_examples=15)
@given(strategies.common_records())
def test_every_text_reaches_the_graph_unharmed(record: records.CommonRecord) -> None:
    document = json.loads(records.encode(record))
    graph = jsonld.to_rdf({"@context": CONTEXT_ID, **document}, {"documentLoader": load})["@default"]
    literals = {quad["object"]["value"] for quad in graph if quad["object"]["type"] == "literal"}
    for kind, text in said(document):
        if kind == "scalar":
            name, _, value = text.partition(":")
            assert (value.lower() if name == "bool" else value) in literals


def test_dates_numbers_and_truths_have_their_types_in_the_graph() -> None:
    document = {
        "@context": CONTEXT_ID,
        "type": "PriorityDocument",
        "documentSize": 2**53 - 1,
        "certifiedDate": "2026-11-22",
        "confidential": True,
        "availableTo": ["XA", "XB"],
    }
    graph = jsonld.to_rdf(document, {"documentLoader": load})["@default"]
    assert {
        (
            quad["predicate"]["value"].removeprefix(VOCABULARY),
            quad["object"]["value"],
            quad["object"].get("datatype", ""),
        )
        for quad in graph
    } >= {
        ("documentSize", "9007199254740991", XSD + "nonNegativeInteger"),
        ("certifiedDate", "2026-11-22", XSD + "date"),
        ("confidential", "true", XSD + "boolean"),
        ("availableTo", "XA", XSD + "string"),
        ("availableTo", "XB", XSD + "string"),
    }


# ── The check finds what PyLD drops ──────────────────────────────────────────────────────────────────────────────


def changed(path: str, value: Any) -> dict[str, Any]:
    document = credential(copy.deepcopy(RECORD))
    *steps, last = path.split(".")
    place: Any = document
    for step in steps:
        place = place[step]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("credentialSubject.surprise", "gone", "$.credentialSubject.surprise"),
        ("credentialSubject.applicationNumber.surprise", "gone", "$.credentialSubject.applicationNumber.surprise"),
        ("surprise", "gone", "$.surprise"),
        ("recordBinding.surprise", "gone", "$.recordBinding.surprise"),
        ("proof.surprise", "gone", "$.proof.surprise"),
        # terms in the wrong node: a scheme is a term of numbers only, an event's code of events only
        ("credentialSubject.scheme", "gone", "$.credentialSubject.scheme"),
        ("credentialSubject.eventCode", "A10", "$.credentialSubject.eventCode"),
        ("recordKey", "00", "$.recordKey"),
        (
            "credentialSubject.applicationNumber.filingDate",
            "2026-01-01",
            "$.credentialSubject.applicationNumber.filingDate",
        ),
        ("credentialSubject.statusCode", None, "$.credentialSubject.statusCode"),
        ("credentialSubject.id", "XA 2026/123", "$.credentialSubject.id"),
        ("id", "urn:uuid:00 00", "$.id"),
        ("id", "relative", "$.id"),
        ("issuer", "did:web:office xa", "$.issuer"),
        ("credentialSubject.type", "Aplication", "$.credentialSubject.type"),
        ("type", ["VerifiableCredential", "Surprise"], "$.type"),
    ],
)
def test_what_pyld_drops_is_found(path: str, value: Any, place: str) -> None:
    document = changed(path, value)
    assert next(found.partition(": ")[0] for found in context.undefined_terms(document)) == place


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("credentialSubject.surprise", "gone"),
        ("credentialSubject.applicationNumber.surprise", "gone"),
        ("surprise", "gone"),
        ("recordBinding.surprise", "gone"),
        ("credentialSubject.scheme", "gone"),
        ("credentialSubject.eventCode", "A10"),
        ("recordKey", "00"),
        ("credentialSubject.applicationNumber.filingDate", "2026-01-01"),
        ("credentialSubject.statusCode", None),
    ],
)
def test_the_detector_itself_finds_drops(path: str, value: Any) -> None:
    """An oracle that never complains would prove nothing."""
    assert drops(changed(path, value))
    assert not drops(credential(copy.deepcopy(RECORD)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("@context", [CREDENTIALS_ID, CONTEXT_ID, {"surprise": "urn:x:y"}]),
        ("@context", [CREDENTIALS_ID, CONTEXT_ID, {"@vocab": "urn:x:"}]),
        ("@context", [CREDENTIALS_ID, CONTEXT_ID, "https://evil.example/context"]),
        ("@context", {"@vocab": "urn:x:"}),
        ("@context", []),
        ("@context", None),
        ("@context", [CREDENTIALS_ID, CREDENTIALS_ID]),
        ("@context", [[CREDENTIALS_ID, CONTEXT_ID]]),
        ("credentialSubject.@context", CONTEXT_ID),
        ("credentialSubject.@context", {"surprise": "urn:x:y"}),
        ("credentialSubject.applicationNumber.@context", None),
        ("proof.@context", {"@vocab": "urn:x:"}),
        ("proof.@context", CONTEXT_ID),
        ("proof.@context", [CONTEXT_ID, CREDENTIALS_ID]),
        ("proof.@context", []),
        ("proof.proofPurpose", "for fun"),
        ("recordBinding.@context", [CREDENTIALS_ID, CONTEXT_ID]),
        ("@vocab", "urn:x:"),
        ("@graph", []),
        ("credentialSubject.@id", "urn:x:y"),
        ("credentialSubject.@type", "Application"),
        ("credentialSubject.statusText", {"@value": "x", "@language": "en"}),
        ("credentialSubject.titleBag", [[{"value": "x"}]]),
        ("credentialSubject.confidential", 0.5),
        ("credentialSubject.confidential", 1.0),
        ("credentialSubject.confidential", float("nan")),
        ("recordBinding.revision", 2**53),
        ("recordBinding.revision", -(2**53)),
        ("credentialSubject.statusCode", "\ud800"),
        ("credentialSubject.type", []),
        ("credentialSubject.type", [{"a": 1}]),
        ("credentialSubject.type", "type"),
        ("credentialSubject.id", 7),
        ("credentialSubject.id", ["urn:x:y"]),
        ("credentialSubject.id", "urn:x:\u3000y"),
        ("credentialSubject.id", "urn:x:<y>"),
        ("credentialSubject.id", ""),
        ("credentialSubject.statusCode", b"bytes"),
    ],
)
def test_what_would_be_read_in_two_ways_is_refused(path: str, value: Any) -> None:
    assert context.undefined_terms(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("proof.@context", CREDENTIALS_ID),
        ("proof.@context", [CREDENTIALS_ID]),
        ("proof.@context", [CREDENTIALS_ID, CONTEXT_ID]),
        ("recordBinding.revision", 2**53 - 1),
        ("credentialSubject.id", "urn:x:y%20z"),
        ("issuer", {"id": "did:web:office.xa.example", "name": "Office XA"}),
    ],
)
def test_what_is_harmless_is_let_through(path: str, value: Any) -> None:
    assert context.undefined_terms(changed(path, value)) == ()


def test_a_proof_among_several_may_repeat_the_context() -> None:
    document = credential(copy.deepcopy(RECORD))
    document["proof"] = [document["proof"], document["proof"]]
    assert context.undefined_terms(document) == ()


def test_deep_and_wide_documents_end() -> None:
    deep: dict[str, Any] = {"type": "Application"}
    for _ in range(5_000):
        deep = {"recordBinding": deep}
    assert any("deep" in found for found in context.undefined_terms(deep))
    wide = {f"surprise{number}": 1 for number in range(5_000)}
    assert len(context.undefined_terms(wide)) == 100
    nothings: tuple[object, ...] = (None, [], "x", 1, b"", {}, {"id": "urn:x:y"})
    for nothing in nothings:
        assert context.undefined_terms(nothing)


_scalars = (
    st.text(max_size=6)
    | st.sampled_from(["Application", "urn:x:y", "2026-01-01", ""])
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats()
    | st.none()
)


@st.composite
def _documents(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes whose members are mostly terms that hold where they stand, with values of every kind."""
    top = json.loads(CONTEXT)["@context"]

    def node(level: dict[str, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        here = dict(level)
        if draw(st.booleans()):
            made["type"] = draw(st.sampled_from([*STRUCTS, "RecordBinding", ["RecordCredential", "Application"]]))
            for kind in made["type"] if isinstance(made["type"], list) else [made["type"]]:
                here |= top[kind].get("@context", {})
        names = [name for name, defined in here.items() if isinstance(defined, dict) and not name[0].isupper()]
        for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
            inside = level | here[name].get("@context", {})
            made[name] = value(inside, depth)
        if draw(st.integers(0, 9)) == 0:
            made[draw(st.sampled_from(["surprise", "scheme", "filingDate", "id", "@id", "@context"]))] = draw(_scalars)
        return made

    def value(level: dict[str, Any], depth: int) -> Any:
        kind = draw(st.sampled_from(["scalar", "scalar", "node", "list"])) if depth < 4 else "scalar"
        if kind == "node":
            return node(level, depth + 1)
        if kind == "list":
            return [value(level, depth + 1) for _ in range(draw(st.integers(0, 2)))]
        return draw(_scalars)

    return node(top, 0)


PASSED = Counter[bool]()


@settings(max_examples=400)
@given(_documents())
def test_what_the_check_passes_pyld_keeps(document: dict[str, Any]) -> None:
    """On no document is the check content while PyLD drops a value, a type or a node."""
    if content := context.undefined_terms(document) == ():
        assert not drops({"@context": CONTEXT_ID, **document})
    PASSED[content] += 1


def test_the_check_had_both_to_pass_and_to_refuse() -> None:
    if PASSED:
        assert PASSED[True] > 40
        assert PASSED[False] > 40


# ── What our terms equal ─────────────────────────────────────────────────────────────────────────────────────────


def test_equivalents_speak_of_terms_that_exist() -> None:
    rows = context.equivalents()
    assert {row["of"] for row in rows} == {"ST.96", "EPO", "schema.org"}
    for row in rows:
        assert row["term"] in context.terms()
        assert row["relation"] in {"equal", "broader", "narrower"}
        assert row["theirs"]
    assert len({(row["term"], row["of"], row["theirs"]) for row in rows}) == len(rows)
