"""The registry: which DID speaks for which office, with which keys, networks and mappings, from when to when.

A file of signed, dated statements that is only ever added to. Each statement is numbered, names the digest of
the one before it, and is signed (`eddsa-jcs-2022`) by the root keys in force; so one that was removed, moved or
changed is noticed. The first statement names the root keys; `fingerprint` is of them, and stays what it is when
the root changes hands, because each new root is signed by the one before.

    {"statements":[            one statement a line, each by RFC 8785
    {"issued":…,"proof":…},
    {"issued":…,"proof":…}
    ]}

A registry that the verifier gives is an anchor. The copy that a file brings with itself is `material`: it
answers no question about trust (`Registry.at` gives None) and can only be compared with what was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from gateway.errors import InputError, TrustError, fault
from gateway.spi import Basis, NetworkId, Segment
from gateway.trust import did, history, proof_jcs, strictjson
from gateway.trust.did import PublicMethod
from gateway.trust.history import LIMIT, History, Listing, OfficeEntry, Signed, fingerprint_of
from gateway.trust.signer import Signer
from gateway.trust.statements import Ended, Ending, IssuerKey, KeyOf, ListedMapping, Network, Office, Root, Statement

__all__ = [
    "LIMIT",
    "Listing",
    "OfficeEntry",
    "Origin",
    "Registry",
    "RegistryWriter",
    "Relation",
    "Signed",
    "fingerprint_of",
]

FOREIGN = fault(
    "registry.foreign-root",
    "The registry begins with other root keys than those that were expected.",
    "Compare the fingerprint with the registrar over another channel before you believe either.",
)
NOT_ROOT = fault(
    "registry.not-root",
    "The keys that are to sign are not the root keys in force, or too few of them.",
    "Open the key store that holds the root key; `gateway registry show` names the keys in force.",
)

Origin = Literal["given", "material"]
Relation = Literal["same", "older", "newer", "forked", "foreign"]


class Registry:
    """A registry whose every statement was checked. Satisfies `gateway.spi.TrustAnchors`.

    Segments: use ``issuer``, subject a DID, material {method, publicKeyMultibase, office, codes}; use
    ``network``, subject the network's digest in lower hex, material {kind, chain, genesis, office, …the
    adapter's own}; use ``registry-root``, subject the fingerprint, material {keys, threshold}.
    """

    def __init__(self, state: History, origin: Origin) -> None:
        self._state = state
        self.origin: Final[Origin] = origin

    @classmethod
    def read(cls, data: bytes, *, fingerprint: str | None = None) -> Registry:
        """The registry in `data`, which the caller gives as an anchor.

        fingerprint  of the root keys that it must begin with, where the caller knows it

        Raises LimitError, InputError where it is not in its one form, TrustError where a statement is not
        signed, not in order, or contradicts an earlier one.
        """
        state = history.read(data)
        if fingerprint is not None and state.fingerprint != fingerprint:
            raise TrustError(FOREIGN, f"its fingerprint is {state.fingerprint}")
        return cls(state, "given")

    @classmethod
    def material(cls, data: bytes) -> Registry:
        """The registry that a file brings with itself: checked like any other, and never an anchor."""
        return cls(history.read(data), "material")

    # ── TrustAnchors ────────────────────────────────────────────────────────────────────────────────────────────

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        """The segment in force at `when`, at `height`, or at both; without either, the open one.

        Intervals are closed: at the instant in which one ends and the next begins, the later one is given.
        """
        some = self.all(use, subject)
        if when is None and height is None:
            # One whose end was stated beforehand is open too, but yields to one without an end.
            still = [one for one in some if one.ended == "open"]
            endless = [one for one in still if one.until is None and one.last is None]
            held = endless or still
        else:
            held = [
                one
                for one in some
                if (when is None or history.covers(one, when)) and (height is None or history.reaches(one, height))
            ]
        return held[-1] if held else None

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        """Every segment that was ever in force, oldest first; none where this copy is material."""
        if self.origin == "material":
            return ()
        return tuple(self._state.segments.get((use, subject), ()))

    # ── what else is asked ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def fingerprint(self) -> str:
        """Of the root keys with which the registry began; lower hex."""
        return self._state.fingerprint

    @property
    def root(self) -> Root:
        """The root in force."""
        return self._state.root

    @property
    def newest(self) -> datetime:
        """When the newest statement was issued."""
        return self._state.signed[-1].issued

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file's bytes."""
        return hashlib.sha256(self.encode()).digest()

    @property
    def statements(self) -> tuple[Signed, ...]:
        return tuple(self._state.signed)

    @property
    def offices(self) -> tuple[OfficeEntry, ...]:
        return tuple(self._state.offices.values())

    @property
    def mappings(self) -> tuple[Listing, ...]:
        return tuple(self._state.mappings.values())

    @property
    def networks(self) -> tuple[Segment, ...]:
        """Every segment of every network, oldest first; also where this copy is material, to be looked at."""
        return tuple(segment for (use, _), some in self._state.segments.items() if use == "network" for segment in some)

    def office_of(self, text: str) -> OfficeEntry | None:
        """The office that the DID `text` speaks for, or None; ended ones too, with `ended` saying so."""
        return self._state.offices.get(text) if self.origin == "given" else None

    def lists_mapping(self, digest: bytes) -> bool:
        """Whether a mapping of this digest may be relied on: listed, and neither revoked nor compromised."""
        found = self._state.mappings.get(digest) if self.origin == "given" else None
        return found is not None and found.ended in ("open", "rotated")

    def refuses_mapping(self, digest: bytes) -> bool:
        """Whether it states that a mapping of this digest was revoked or compromised; a release may still ship it."""
        found = self._state.mappings.get(digest) if self.origin == "given" else None
        return found is not None and found.ended in ("revoked", "compromised")

    def methods_of(self, text: str) -> tuple[PublicMethod, ...]:
        """The issuing keys of a DID that are open now: what its DID document names."""
        return tuple(
            PublicMethod(segment.material["method"], did.decode_key(segment.material["publicKeyMultibase"]))
            for segment in self._state.segments.get(("issuer", text), ())
            if segment.ended == "open"
        )

    def did_document(self, text: str) -> bytes:
        """The DID document that an office serves, from its open keys. Raises TrustError for an unknown DID."""
        if text not in self._state.offices:
            raise TrustError(history.UNKNOWN, f"no office has the DID {text}")
        return did.document(text, self.methods_of(text))

    def relation(self, other: Registry) -> Relation:
        """How this copy stands to another: the same, older or newer by some statements, forked, or of another root.

        ``forked`` means that one root signed two histories: neither is to be believed before that is explained.
        """
        if self.fingerprint != other.fingerprint:
            return "foreign"
        mine = [one.digest for one in self._state.signed]
        theirs = [one.digest for one in other._state.signed]
        shared = min(len(mine), len(theirs))
        if mine[:shared] != theirs[:shared]:
            return "forked"
        if len(mine) == len(theirs):
            return "same"
        return "older" if len(mine) < len(theirs) else "newer"

    def encode(self) -> bytes:
        """The file's bytes."""
        return history.render([one.line for one in self._state.signed])


class RegistryWriter:
    """Adds statements to a registry. Each call signs, checks as a reader would, and only then adds.

        writer = RegistryWriter.new([root], issued=now, name="Offices of the pilot")
        writer.add_office([root], did=…, codes=("XA",), name=…, keys=(KeyOf(method, multikey, since=now),), issued=now)
        path.write_bytes(writer.encode())

    `signers` are those of root keys, as many as the root's threshold asks for. Every method raises TrustError
    (or InputError, for a malformed DID or key) where a reader would, and then nothing was added.
    """

    def __init__(self, state: History) -> None:
        self._state = state

    @classmethod
    def new(
        cls,
        signers: Sequence[Signer],
        *,
        issued: datetime,
        name: str | None = None,
        threshold: int | None = None,
        keys: Sequence[str] = (),
    ) -> RegistryWriter:
        """A registry of one statement.

        keys       Multikeys of all root keys, where more of them exist than sign now
        threshold  how many must sign; all who sign now where None
        """
        writer = cls(History())
        named = tuple(sorted({*keys, *(did.encode_key(one.public) for one in signers)}))
        writer.append(Root(named, len(signers) if threshold is None else threshold, name), signers, issued=issued)
        return writer

    @classmethod
    def open(cls, data: bytes) -> RegistryWriter:
        """A writer that goes on where the registry in `data` ends. Raises as `Registry.read`."""
        return cls(history.read(data))

    def append(self, body: Statement, signers: Sequence[Signer], *, issued: datetime) -> bytes:
        """Adds one statement and gives its digest."""
        state = self._state
        document = history.unsigned(body, len(state.signed), state.signed[-1].digest if state.signed else None, issued)
        by_method = sorted(((did.key_method(one.public), one) for one in signers), key=lambda pair: pair[0])
        proofs = [proof_jcs.prove(document, one, method) for method, one in by_method]
        if not proofs:
            raise TrustError(NOT_ROOT, "nobody signs")
        document["proof"] = proofs[0] if len(proofs) == 1 else proofs
        line = strictjson.canonical(document)
        try:
            signed = state.accept(line, strictjson.parse(line, limit=LIMIT, nesting=history.NESTING))
        except TrustError as error:
            if error.fault is history.SIGNATURE:
                raise TrustError(NOT_ROOT, error.detail) from error
            raise
        return signed.digest

    def add_office(
        self,
        signers: Sequence[Signer],
        *,
        did: str,
        codes: Sequence[str],
        name: str,
        keys: Sequence[KeyOf],
        issued: datetime,
    ) -> bytes:
        """An office with its DID, the ST.3 codes that it speaks for (its own first) and its issuing keys."""
        return self.append(Office(did, tuple(codes), name, tuple(keys)), signers, issued=issued)

    def add_key(self, signers: Sequence[Signer], *, did: str, key: KeyOf, issued: datetime) -> bytes:
        """A further issuing key of an office."""
        return self.append(IssuerKey(did, key), signers, issued=issued)

    def add_network(
        self,
        signers: Sequence[Signer],
        *,
        network: NetworkId,
        office: str,
        material: dict[str, Any],
        basis: Basis,
        since: datetime,
        issued: datetime,
        until: datetime | None = None,
        first: int | None = None,
        last: int | None = None,
    ) -> bytes:
        """A segment of a network. `material` is what the adapter's `segment()` gave."""
        body = Network(
            network.digest.hex(),
            network.kind,
            network.chain,
            network.genesis.hex(),
            office,
            material,
            basis.value,
            history.whole_seconds(since),
            None if until is None else history.whole_seconds(until),
            first,
            last,
        )
        return self.append(body, signers, issued=issued)

    def add_mapping(
        self, signers: Sequence[Signer], *, name: str, version: str, digest: bytes, since: datetime, issued: datetime
    ) -> bytes:
        """A mapping that may be relied on beside those that a release ships."""
        return self.append(
            ListedMapping(name, version, digest.hex(), history.whole_seconds(since)), signers, issued=issued
        )

    def end(
        self,
        signers: Sequence[Signer],
        *,
        subject: str,
        how: Ending,
        at: datetime,
        issued: datetime,
        last: int | None = None,
        statement: bytes | None = None,
    ) -> bytes:
        """Ends a key (by its method), an office (by its DID), a network or a mapping (by digest, lower hex)."""
        body = Ended(subject, how, history.whole_seconds(at), last, None if statement is None else statement.hex())
        return self.append(body, signers, issued=issued)

    def rotate_key(
        self, signers: Sequence[Signer], *, old: str, new: KeyOf, issued: datetime, how: Ending = "rotated"
    ) -> bytes:
        """Ends the method `old` where `new` begins, and adds `new`. Two statements; the digest is of the second."""
        self._state.segment_of(old)
        owner = did.parse_method(old).did.text
        before = self._state.copy()
        try:
            self.end(signers, subject=old, how=how, at=new.since, issued=issued)
            return self.add_key(signers, did=owner, key=new, issued=issued)
        except (TrustError, InputError):
            self._state = before
            raise

    def rotate_root(
        self,
        old: Sequence[Signer],
        new: Sequence[Signer],
        *,
        issued: datetime,
        keys: Sequence[str] = (),
        threshold: int | None = None,
    ) -> bytes:
        """Hands the registry over to new root keys; enough of the old ones sign, and enough of the new ones."""
        named = tuple(sorted({*keys, *(did.encode_key(one.public) for one in new)}))
        body = Root(named, len(new) if threshold is None else threshold, self._state.root.name)
        everyone = {one.public: one for one in (*old, *new)}
        return self.append(body, tuple(everyone.values()), issued=issued)

    def registry(self) -> Registry:
        """What was written so far, as one that is given. A snapshot: later statements do not show in it."""
        return Registry(self._state.copy(), "given")

    def encode(self) -> bytes:
        """The file's bytes."""
        return history.render([one.line for one in self._state.signed])
