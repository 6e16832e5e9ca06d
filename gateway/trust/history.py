"""What the statements of a registry add up to, and the rules by which one more is taken.

`History.accept` checks a statement against all before it and takes it whole, or raises and takes nothing. The
reader and the writer of `gateway.trust.registry` both go through it, so nothing can be written that is not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import msgspec

from gateway.errors import InputError, LimitError, TrustError, fault
from gateway.spi import Basis, NetworkId, Segment
from gateway.trust import did, proof_jcs, strictjson
from gateway.trust.statements import Ended, IssuerKey, KeyOf, ListedMapping, Network, Office, Root, Statement

__all__ = [
    "LIMIT",
    "NESTING",
    "History",
    "Listing",
    "OfficeEntry",
    "Signed",
    "as_text",
    "covers",
    "fingerprint_of",
    "reaches",
    "read",
    "render",
    "unsigned",
    "whole_seconds",
]

LIMIT: Final = 4 * 1024 * 1024
STATEMENTS: Final = 4096
ROOTS: Final = 256
NESTING: Final = 16

FORM = fault(
    "registry.form",
    "The bytes are not a registry in its one form.",
    "Ask the registrar for the file again; do not edit or reformat it.",
)
TOO_LARGE = fault("registry.too-large", "The registry is larger than is read.", "Ask the registrar for a newer form.")
CHAIN = fault(
    "registry.chain",
    "A statement does not follow the one before it: one was removed, moved or changed.",
    "Compare the file's length and fingerprint with another holder's; ask the registrar for it again.",
)
SIGNATURE = fault(
    "registry.signature",
    "A statement is not signed by the root keys in force.",
    "Do not use this file. Ask the registrar, and compare the fingerprint over another channel.",
)
ORDER = fault(
    "registry.order",
    "The times of a statement are in impossible order.",
    "State times that do not run backwards: `issued` never falls, `since` is not after `until`.",
)
DUPLICATE = fault(
    "registry.duplicate",
    "What the statement adds stands in the registry already.",
    "End what stands there, or leave the statement out.",
)
KEY_REUSED = fault(
    "registry.key-reused",
    "One key is stated under two names.",
    "Make a key of its own for every office and purpose; a key's name is never given to another key.",
)
CODE_TAKEN = fault(
    "registry.code-taken",
    "An ST.3 code is held by another office.",
    "End the office that holds it first, if it no longer does.",
)
UNKNOWN = fault(
    "registry.unknown-subject",
    "The statement is about something that the registry does not hold.",
    "Add it first; look at `gateway registry show` for what is there.",
)
OVERLAP = fault(
    "registry.overlap",
    "Two segments of one network hold for the same time and height.",
    "End the earlier segment where the later one begins.",
)
SUBJECT = fault(
    "registry.statement",
    "A statement contradicts itself.",
    "Correct the member that is named.",
)

_WORSE: Final = {"open": 0, "rotated": 1, "revoked": 2, "compromised": 3}
_CHAINED: Final = ("sequence", "previous", "issued", "proof")


class Signed(msgspec.Struct, frozen=True):
    """One statement as it stands in the file. `digest` is the SHA-256 of `line`, its JCS form."""

    sequence: int
    issued: datetime
    body: Statement
    digest: bytes
    line: bytes


class OfficeEntry(msgspec.Struct, frozen=True):
    """An office as the registry holds it now. `ended` is open, rotated, revoked or compromised."""

    did: str
    codes: tuple[str, ...]
    name: str
    ended: str
    statement: bytes

    @property
    def code(self) -> str:
        """Its own ST.3 code, the first of those that it speaks for."""
        return self.codes[0]


class Listing(msgspec.Struct, frozen=True):
    """A mapping that the registry lists. `digest` and `statement` are 32 bytes."""

    name: str
    version: str
    digest: bytes
    since: datetime
    until: datetime | None
    ended: str
    statement: bytes


def fingerprint_of(keys: Iterable[str], threshold: int) -> str:
    """SHA-256 (lower hex) over the JCS form of ``{"keys": [sorted Multikeys], "threshold": n}``."""
    return hashlib.sha256(strictjson.canonical({"keys": sorted(keys), "threshold": threshold})).hexdigest()


# ── the state that statements build ─────────────────────────────────────────────────────────────────────────────────


class History:
    """What the statements so far add up to. `accept` checks one more and takes it, or raises and takes nothing."""

    def __init__(self) -> None:
        self.signed: list[Signed] = []
        self.fingerprint = ""
        self.root = Root((), 1)
        self.roots = 0
        self.offices: dict[str, OfficeEntry] = {}
        self.mappings: dict[bytes, Listing] = {}
        self.segments: dict[tuple[str, str], list[Segment]] = {}
        self.keys: dict[str, str] = {}
        """Every Multikey that was ever stated, with the name under which it was."""

    def copy(self) -> History:
        made = History()
        made.signed = list(self.signed)
        made.fingerprint, made.root, made.roots = self.fingerprint, self.root, self.roots
        made.offices, made.mappings, made.keys = dict(self.offices), dict(self.mappings), dict(self.keys)
        made.segments = {key: list(some) for key, some in self.segments.items()}
        return made

    def accept(self, line: bytes, document: Any) -> Signed:
        place = f"statement {len(self.signed)}"
        body, issued = self._chained(document, place)
        digest = hashlib.sha256(line).digest()
        self._signatures(document, body, place)
        made = Signed(len(self.signed), issued, body, digest, line)
        # Each rule checks all before it changes anything.
        match body:
            case Root():
                self._root(body, made, place)
            case Office():
                self._office(body, made, place)
            case IssuerKey():
                self._issuer_key(body, made, place)
            case Network():
                self._network(body, made, place)
            case ListedMapping():
                self._mapping(body, made, place)
            case Ended():
                self._ended(body, place)
        self.signed.append(made)
        return made

    def segment_of(self, method: str) -> Segment:
        """The segment of a verification method. Raises TrustError where there is none."""
        for segment in self.segments.get(("issuer", did.parse_method(method).did.text), ()):
            if segment.material["method"] == method:
                return segment
        raise TrustError(UNKNOWN, f"no key {method}")

    def _chained(self, document: Any, place: str) -> tuple[Statement, datetime]:
        if not isinstance(document, dict):
            raise InputError(FORM, "it is no object", where=place)
        if not self.signed and document.get("type") != "root":
            raise InputError(FORM, "a registry begins with its root", where=place)
        if type(document.get("sequence")) is not int or document["sequence"] != len(self.signed):
            raise TrustError(CHAIN, f"its sequence is {document.get('sequence')!r:.40}", where=place)
        previous = self.signed[-1].digest.hex() if self.signed else None
        if document.get("previous") != previous:
            raise TrustError(CHAIN, "the digest of the statement before it differs", where=place)
        rest = {name: member for name, member in document.items() if name not in _CHAINED}
        try:
            issued: datetime = msgspec.convert(document.get("issued"), datetime)
            body: Statement = msgspec.convert(rest, Statement)
        except msgspec.ValidationError as error:
            raise InputError(FORM, str(error)[:200], where=place) from error
        again = unsigned(body, len(self.signed), self.signed[-1].digest if self.signed else None, issued)
        if again != {name: member for name, member in document.items() if name != "proof"}:
            raise InputError(FORM, "a member is written in another form than the one that is read", where=place)
        if self.signed and issued < self.signed[-1].issued:
            raise TrustError(ORDER, "it was issued before the statement that it follows", where=place)
        return body, issued

    def _signatures(self, document: dict[str, Any], body: Statement, place: str) -> None:
        found = document.get("proof")
        proofs = found if isinstance(found, list) else [found]
        if isinstance(found, list) and not 2 <= len(found) <= 32:
            raise InputError(FORM, "a list of proofs holds two of them or more", where=place)
        unsecured = {name: member for name, member in document.items() if name != "proof"}
        allowed = {*self.root.keys, *(body.keys if isinstance(body, Root) else ())}
        by: list[str] = []
        for one in proofs:
            proof = proof_jcs.read_value(one)
            method = did.parse_method(proof.method)
            key = method.fragment
            if method.did.method != "key" or key not in allowed:
                raise TrustError(SIGNATURE, f"{proof.method} is no root key", where=place)
            if not proof.supported or proof.purpose != "assertionMethod" or "@context" in proof.options:
                raise TrustError(SIGNATURE, "its proof is of another kind than a statement's", where=place)
            if not proof_jcs.verify_value(unsecured, proof, method.did.key):
                raise TrustError(SIGNATURE, f"the signature of {proof.method} is wrong", where=place)
            by.append(key)
        # One order for one set, and no key counted twice.
        if by != sorted(set(by)):
            raise InputError(FORM, "its proofs are not sorted, or one key signed twice", where=place)
        if self.signed:
            _enough(self.root, by, place)
        if isinstance(body, Root):
            _enough(body, by, place)

    def _root(self, body: Root, made: Signed, place: str) -> None:
        if self.roots >= ROOTS:
            raise LimitError(TOO_LARGE, f"more than {ROOTS} roots", where=place)
        if list(body.keys) != sorted(set(body.keys)) or body.threshold > len(body.keys):
            raise TrustError(SUBJECT, "its keys are not sorted, or fewer than the threshold", where=place)
        for key in body.keys:
            did.decode_key(key)
            if self.keys.get(key, "root") != "root":
                raise TrustError(KEY_REUSED, f"{key} is a key of {self.keys[key]}", where=place)
        if not self.signed:
            self.fingerprint = fingerprint_of(body.keys, body.threshold)
        some = self.segments.setdefault(("registry-root", self.fingerprint), [])
        if some:
            some[-1] = msgspec.structs.replace(some[-1], until=made.issued, ended="rotated")
        material = {"keys": list(body.keys), "threshold": body.threshold}
        some.append(Segment("registry-root", self.fingerprint, material, made.issued, statement=made.digest))
        self.keys |= dict.fromkeys(body.keys, "root")
        self.root, self.roots = body, self.roots + 1

    def _office(self, body: Office, made: Signed, place: str) -> None:
        did.parse(body.did)
        if body.did in self.offices:
            raise TrustError(DUPLICATE, f"the office {body.did}", where=place)
        if len(set(body.codes)) != len(body.codes):
            raise TrustError(SUBJECT, "a code stands twice", where=place)
        for other in self.offices.values():
            taken = sorted(set(other.codes) & set(body.codes)) if other.ended == "open" else []
            if taken:
                raise TrustError(CODE_TAKEN, f"{taken[0]} is held by {other.did}", where=place)
        segments = [self._key(body.did, body.codes, key, made, place) for key in body.keys]
        names = [key.method for key in body.keys]
        if len(set(names)) != len(names) or len({key.public_key_multibase for key in body.keys}) != len(names):
            raise TrustError(KEY_REUSED, "a key stands twice", where=place)
        self.offices[body.did] = OfficeEntry(body.did, body.codes, body.name, "open", made.digest)
        self.keys |= {key.public_key_multibase: key.method for key in body.keys}
        self.segments[("issuer", body.did)] = sorted(segments, key=_began)

    def _issuer_key(self, body: IssuerKey, made: Signed, place: str) -> None:
        office = self.offices.get(body.did)
        if office is None or office.ended != "open":
            raise TrustError(UNKNOWN, f"no office {body.did:.120} is open", where=place)
        segment = self._key(body.did, office.codes, body.key, made, place)
        self.keys[body.key.public_key_multibase] = body.key.method
        some = self.segments[("issuer", body.did)]
        some.append(segment)
        some.sort(key=_began)

    def _key(self, owner: str, codes: tuple[str, ...], key: KeyOf, made: Signed, place: str) -> Segment:
        method = did.parse_method(key.method)
        if method.did.text != owner:
            raise TrustError(SUBJECT, f"{key.method:.120} is no method of {owner}", where=place)
        public = did.decode_key(key.public_key_multibase)
        if method.did.key and method.did.key != public:
            raise TrustError(SUBJECT, "a did:key has no other key than its own", where=place)
        if key.public_key_multibase in self.keys:
            raise TrustError(KEY_REUSED, f"it is the key of {self.keys[key.public_key_multibase]}", where=place)
        if key.method in self.keys.values():
            raise TrustError(KEY_REUSED, f"{key.method:.120} names another key", where=place)
        _in_order(key.since, key.until, place)
        material = {
            "method": key.method,
            "publicKeyMultibase": key.public_key_multibase,
            "office": codes[0],
            "codes": list(codes),
        }
        return Segment("issuer", owner, material, key.since, key.until, statement=made.digest)

    def _network(self, body: Network, made: Signed, place: str) -> None:
        identity = NetworkId(body.kind, body.chain, bytes.fromhex(body.genesis))
        if identity.digest.hex() != body.network:
            raise TrustError(SUBJECT, "its digest is not that of its kind, chain and genesis", where=place)
        if not any(body.office in office.codes and office.ended == "open" for office in self.offices.values()):
            raise TrustError(UNKNOWN, f"no open office holds the code {body.office}", where=place)
        _in_order(body.since, body.until, place)
        if body.first is not None and body.last is not None and body.first > body.last:
            raise TrustError(ORDER, "its first height is above its last", where=place)
        inexact = strictjson.inexact(body.material)
        if inexact is not None:
            raise TrustError(
                SUBJECT, f"its material holds a number that is no integer up to 2^53: {inexact}", where=place
            )
        fixed = {"kind": body.kind, "chain": body.chain, "genesis": body.genesis, "office": body.office}
        for name, value in fixed.items():
            if body.material.get(name, value) != value:
                raise TrustError(SUBJECT, f"its material states another {name}", where=place)
        segment = Segment(
            "network",
            body.network,
            {**body.material, **fixed},
            body.since,
            body.until,
            "open",
            Basis(body.basis),
            body.first,
            body.last,
            made.digest,
        )
        some = self.segments.get(("network", body.network), [])
        for other in some:
            if other.material["office"] != body.office:
                raise TrustError(SUBJECT, f"the network is that of {other.material['office']}", where=place)
            if _overlap(other, segment):
                raise TrustError(OVERLAP, f"with the segment since {as_text(other.since)}", where=place)
        self.segments[("network", body.network)] = sorted([*some, segment], key=_began)

    def _mapping(self, body: ListedMapping, made: Signed, place: str) -> None:
        digest = bytes.fromhex(body.digest)
        for other in self.mappings.values():
            if other.digest == digest or (other.name, other.version) == (body.name, body.version):
                raise TrustError(DUPLICATE, f"the mapping {other.name} {other.version}", where=place)
        self.mappings[digest] = Listing(body.name, body.version, digest, body.since, None, "open", made.digest)

    def _ended(self, body: Ended, place: str) -> None:
        if body.subject in self.offices:
            self._end_office(body, place)
        elif "#" in body.subject:
            self._end_key(body, place)
        elif ("network", body.subject) in self.segments:
            self._end_network(body, place)
        elif _is_digest(body.subject) and bytes.fromhex(body.subject) in self.mappings:
            self._end_mapping(body, place)
        else:
            raise TrustError(UNKNOWN, f"nothing is called {body.subject!r:.120}", where=place)

    def _end_office(self, body: Ended, place: str) -> None:
        office = self.offices[body.subject]
        _only(body, place)
        _worse(office.ended, body.how, place)
        some = self.segments[("issuer", body.subject)]
        # A key that ended worse, or before its office did, keeps its own end.
        ended = [
            _closed(one, body, place) if _WORSE[body.how] > _WORSE[one.ended] and one.since <= body.at else one
            for one in some
        ]
        if any(one.ended == "open" for one in ended):
            raise TrustError(ORDER, "one of its keys begins after that end", where=place)
        self.offices[body.subject] = msgspec.structs.replace(office, ended=body.how)
        self.segments[("issuer", body.subject)] = ended

    def _end_key(self, body: Ended, place: str) -> None:
        _only(body, place)
        found = self.segment_of(body.subject)
        _worse(found.ended, body.how, place)
        some = self.segments[("issuer", found.subject)]
        some[some.index(found)] = _closed(found, body, place)

    def _end_network(self, body: Ended, place: str) -> None:
        some = self.segments[("network", body.subject)]
        chosen = [one for one in some if body.statement is None or one.statement.hex() == body.statement]
        if not chosen:
            raise TrustError(UNKNOWN, "no segment of the network was made by that statement", where=place)
        found = chosen[-1]
        _worse(found.ended, body.how, place)
        closed = _closed(found, body, place)
        if body.last is not None:
            if body.last < (found.first or 0) or (found.last is not None and body.last > found.last):
                raise TrustError(ORDER, "the last height is outside the segment", where=place)
            closed = msgspec.structs.replace(closed, last=body.last)
        some[some.index(found)] = closed

    def _end_mapping(self, body: Ended, place: str) -> None:
        _only(body, place)
        digest = bytes.fromhex(body.subject)
        found = self.mappings[digest]
        _worse(found.ended, body.how, place)
        if body.at < found.since:
            raise TrustError(ORDER, "it ends before it begins", where=place)
        until = body.at if found.until is None else min(found.until, body.at)
        self.mappings[digest] = msgspec.structs.replace(found, ended=body.how, until=until)


# ── rules in few words ──────────────────────────────────────────────────────────────────────────────────────────────


def _enough(root: Root, by: Sequence[str], place: str) -> None:
    found = len(set(by) & set(root.keys))
    if found < root.threshold:
        raise TrustError(SIGNATURE, f"signed by {found} of the {root.threshold} root keys that must", where=place)


def _closed(segment: Segment, body: Ended, place: str) -> Segment:
    """The segment with its end. A second, worse end may shorten it and never lengthens it."""
    if body.at < segment.since:
        raise TrustError(ORDER, "it ends before it begins", where=place)
    until = body.at if segment.until is None else min(segment.until, body.at)
    return msgspec.structs.replace(segment, until=until, ended=body.how)


def _worse(now: str, then: str, place: str) -> None:
    if _WORSE[then] <= _WORSE[now]:
        raise TrustError(DUPLICATE, f"it is {now} already", where=place)


def _only(body: Ended, place: str) -> None:
    if body.last is not None or body.statement is not None:
        raise TrustError(SUBJECT, "`last` and `statement` are for networks", where=place)


def _in_order(since: datetime, until: datetime | None, place: str) -> None:
    if until is not None and until < since:
        raise TrustError(ORDER, "it ends before it begins", where=place)


def covers(segment: Segment, when: datetime) -> bool:
    return segment.since <= when and (segment.until is None or when <= segment.until)


def reaches(segment: Segment, height: int) -> bool:
    return (segment.first is None or segment.first <= height) and (segment.last is None or height <= segment.last)


def _overlap(a: Segment, b: Segment) -> bool:
    """In time by more than the instant in which one hands over to the other, and in height by one or more."""
    in_time = (a.until is None or b.since < a.until) and (b.until is None or a.since < b.until)
    in_height = (a.last is None or b.first is None or b.first <= a.last) and (
        b.last is None or a.first is None or a.first <= b.last
    )
    return in_time and in_height


def _began(segment: Segment) -> datetime:
    return segment.since


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")


def whole_seconds(when: datetime) -> datetime:
    """Statements are dated in whole seconds. Raises TrustError for a time without a zone."""
    if when.tzinfo is None:
        raise TrustError(ORDER, f"{when} has no zone")
    return when.astimezone(UTC).replace(microsecond=0)


def as_text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


# ── form ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def unsigned(body: Statement, sequence: int, previous: bytes | None, issued: datetime) -> dict[str, Any]:
    """The statement's JSON value without its proof, in the one form that is written and read."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_timed(body)))
    document["sequence"] = sequence
    document["issued"] = as_text(whole_seconds(issued))
    if previous is not None:
        document["previous"] = previous.hex()
    return document


def _timed(body: Statement) -> Statement:
    """`body` with its times in UTC and whole seconds, the only form in which they are written."""
    match body:
        case Office(keys=keys):
            return msgspec.structs.replace(body, keys=tuple(_timed_key(key) for key in keys))
        case IssuerKey(key=key):
            return msgspec.structs.replace(body, key=_timed_key(key))
        case Network(since=since, until=until):
            return msgspec.structs.replace(
                body, since=whole_seconds(since), until=None if until is None else whole_seconds(until)
            )
        case ListedMapping(since=since):
            return msgspec.structs.replace(body, since=whole_seconds(since))
        case Ended(at=at):
            return msgspec.structs.replace(body, at=whole_seconds(at))
        case Root():
            return body


def _timed_key(key: KeyOf) -> KeyOf:
    until = None if key.until is None else whole_seconds(key.until)
    return msgspec.structs.replace(key, since=whole_seconds(key.since), until=until)


def render(lines: Sequence[bytes]) -> bytes:
    return b'{"statements":[\n' + b",\n".join(lines) + b"\n]}\n"


def read(data: bytes) -> History:
    if len(data) > LIMIT:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {LIMIT} are read")
    opening, closing = b'{"statements":[\n', b"\n]}\n"
    if not (data.startswith(opening) and data.endswith(closing)) or len(data) < len(opening) + len(closing):
        _malformed("it does not begin and end as a registry does")
    # JCS text holds no line feed, so the lines are the statements.
    lines = data[len(opening) : -len(closing)].split(b",\n", STATEMENTS)
    if len(lines) > STATEMENTS:
        raise LimitError(TOO_LARGE, f"more than {STATEMENTS} statements")
    state = History()
    for number, line in enumerate(lines):
        document = strictjson.parse(line, limit=LIMIT, nesting=NESTING)
        if strictjson.canonical(document) != line:
            _malformed("it is not in canonical form", f"statement {number}")
        state.accept(line, document)
    return state


def _malformed(detail: str, where: str | None = None) -> NoReturn:
    raise InputError(FORM, detail, where=where)
