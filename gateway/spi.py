"""All that an adapter author reads: what an adapter is, what it takes and what it gives.

An adapter speaks one kind of network. It is an object that satisfies `Adapter`, registered under the
entry point group `gateway.adapters` by its kind; its verifiers are registered under `gateway.verifiers`
by evidence type, because a verifier runs where no adapter is configured: offline, years later.

    source ─▶ Batch(SourceRecord(NativeRecord, Evidence)) ─▶ the gateway ─▶ Outbound ─▶ sink ─▶ Prepared ─▶ Outcome
    verifier: (NativeRecord, Evidence, VerificationContext) ─▶ Report(Finding, Check)

Rules that every type here follows: digests are SHA-256, 32 raw bytes, unless a name says otherwise;
times are timezone-aware UTC; structs are frozen; deterministic CBOR (RFC 8949 §4.2, text keys only)
is the byte form of what is hashed (`gateway.proofs.cbor`).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NewType, Protocol

import msgspec

from gateway.proofs import cbor

__all__ = [
    "Absent",
    "Adapter",
    "Basis",
    "Batch",
    "Capabilities",
    "Check",
    "Claim",
    "Conflict",
    "DeliveryKey",
    "Diagnosis",
    "Digest",
    "Evidence",
    "Finding",
    "Limits",
    "Locus",
    "NativeRecord",
    "NetworkId",
    "Outbound",
    "Outcome",
    "OutcomeOf",
    "Pending",
    "Position",
    "Prepared",
    "Proof",
    "ProofsOfExistence",
    "Quorum",
    "RecordKey",
    "Refused",
    "Relay",
    "Report",
    "Secrets",
    "Segment",
    "Sink",
    "Source",
    "SourceFault",
    "SourceRecord",
    "TrustAnchors",
    "VerificationContext",
    "Verifier",
    "Void",
    "Written",
    "delivery_key",
    "record_key",
]

Digest = NewType("Digest", bytes)
RecordKey = NewType("RecordKey", bytes)
DeliveryKey = NewType("DeliveryKey", bytes)

LocusValue = str | int | bytes
Locus = Mapping[str, LocusValue]
"""The place on the network that the evidence proves (EVM: block hash and log index). Never a cursor."""


class NetworkId(msgspec.Struct, frozen=True):
    """One network, by what cannot be renamed: its kind, its chain id and the digest of its genesis."""

    kind: str
    chain: str
    genesis: bytes

    @property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(cbor.encode(["network/1", self.kind, self.chain, self.genesis])).digest())


def record_key(network: Digest, source: str, locus: Locus, index: int) -> RecordKey:
    """The key of the `index`-th common record that came out of one native record.

    `source` is the source's global name (contract address; channel and chaincode), so that renaming a
    network in the configuration or reading it again changes no key.
    """
    return RecordKey(hashlib.sha256(cbor.encode(["record/1", network, source, dict(locus), index])).digest())


def delivery_key(record: RecordKey, destination: Digest, revision: int) -> DeliveryKey:
    """The key under which `revision` of a record arrives at a network: the same by every path."""
    return DeliveryKey(hashlib.sha256(cbor.encode(["delivery/1", record, destination, revision])).digest())


class NativeRecord(msgspec.Struct, frozen=True):
    """What stands on the network, byte for byte, with the name of its format."""

    format: str
    content: bytes

    @property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self.content).digest())


class Evidence(msgspec.Struct, frozen=True):
    """Proof of one native record.

    type        e.g. ``evm-receipt/1``; chooses the verifier
    network     digest of the network that it is about
    extraction  which bytes the native record is (contract and log index; transaction and key)
    shared      digests of what the record shares with its block: header, signatures, validator changes
    own         what is its own: a branch, an index, a salt. Holds no neighbour's content
    """

    type: str
    network: bytes
    extraction: Mapping[str, Any]
    shared: tuple[bytes, ...]
    own: Mapping[str, Any]

    def encode(self) -> bytes:
        """Deterministic CBOR; `digest` is over these bytes."""
        return cbor.encode(
            {
                "type": self.type,
                "network": self.network,
                "extraction": dict(self.extraction),
                "shared": list(self.shared),
                "own": dict(self.own),
            }
        )

    @property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(self.encode()).digest())


# ── Source ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Position(msgspec.Struct, frozen=True, order=False):
    """How far a source was read: a height, and the digest of the block at it (so that a fork is noticed)."""

    height: int
    block: bytes


class Relay(msgspec.Struct, frozen=True):
    """What a gateway leaves beside a record that it writes.

    key   the delivery key
    mark  32 bytes by which that gateway, and only it, knows its own writing again
    path  digests of the networks that the record has been on, the origin first; empty for an office's own record
    """

    key: bytes
    mark: bytes
    path: tuple[bytes, ...] = ()


class SourceRecord(msgspec.Struct, frozen=True):
    """One native record with its evidence, as a source read it.

    source     the source's global name
    time       the block's own time
    entry      the key under which the network itself holds it: the same as `relay.key` where it came by a sink
    relay      what the writer left beside it; for an office's own, a random mark of 32 bytes and an empty path
    withdraws  the entry key of an earlier record that this one declares void, or None
    """

    source: str
    locus: Locus
    native: NativeRecord
    evidence: Evidence
    time: datetime
    entry: bytes
    relay: Relay
    withdraws: bytes | None = None


class SourceFault(msgspec.Struct, frozen=True):
    """Something on the network that is a record by its place and cannot be read as one; its neighbours pass.

    code    of the fault, as errors have them
    reason  one sentence, without content
    """

    locus: Locus
    code: str
    reason: str


class Batch(msgspec.Struct, frozen=True):
    """A run of final records in network order. One without records is a checkpoint.

    parent     the position that the run follows; the gateway refuses a batch whose parent is not where it stands
    position   the position after it
    head       the height of the newest final block that the source knows (progress, backlog)
    seen       when the source first saw the run's last block (latency is measured from it)
    shared     content by digest of all that the records' evidence names as shared
    retracted  loci of records that were final and that the network has taken back: the source stops after these
    faults     what stands there and cannot be read as a record: told and counted, never silently passed over
    """

    parent: Position | None
    position: Position
    head: int
    seen: datetime
    records: tuple[SourceRecord, ...] = ()
    shared: Mapping[bytes, bytes] = {}
    retracted: tuple[Locus, ...] = ()
    faults: tuple[SourceFault, ...] = ()


class Source(Protocol):
    """Reads final records. What final means is configured. One source, one position."""

    name: str
    """The source's global name: what `record_key` takes."""

    def read(self, after: Position | None, until: Position | None = None) -> AsyncIterator[Batch]:
        """Batches that follow `after` (None: from the first block that is configured), then waits for more.

        With `until` it ends there (a backfill). Raises Transient where asking again may help, Broken where
        the network contradicts `after` or itself; nothing else.
        """
        ...

    async def aclose(self) -> None:
        """Ends every wait and connection within a second."""
        ...


# ── Sink ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Outbound(msgspec.Struct, frozen=True):
    """One record on its way to one network.

    key         the delivery key: the network keeps it, so that nothing lands twice
    digest      over common content and revision, not over signatures: the same key with another digest is a conflict
    subject     the IP right it is about (`scheme:office:number`), for the network's own lookup
    supersedes  the delivery key of the revision before, which this one replaces or withdraws
    relay       to be written beside it
    """

    key: DeliveryKey
    digest: bytes
    subject: str
    revision: int
    native: NativeRecord
    relay: Relay
    withdrawn: bool = False
    supersedes: DeliveryKey | None = None


class Prepared(msgspec.Struct, frozen=True):
    """One attempt of a batch, complete to its last byte and stored before it is sent.

    keys   the deliveries in it, in order
    body   the adapter's own: signed transaction, nonce. Given back after a restart as it was
    label  names the attempt for a person: a transaction hash
    """

    keys: tuple[DeliveryKey, ...]
    body: bytes
    label: str


class Absent(msgspec.Struct, frozen=True, tag="absent"):
    """The network does not hold the key, and this attempt is not under way: the same bytes are submitted again."""


class Pending(msgspec.Struct, frozen=True, tag="pending"):
    """Under way or not final yet: asked again a little later."""


class Written(msgspec.Struct, frozen=True, tag="written"):
    """Final. `locus` is where it stands; the first writing's, also where a later attempt found it there."""

    locus: dict[str, LocusValue]


class Void(msgspec.Struct, frozen=True, tag="void"):
    """This attempt can never land (its nonce was spent by another transaction); the key is free: prepared anew."""

    reason: str


class Conflict(msgspec.Struct, frozen=True, tag="conflict"):
    """The network holds the key with another digest: never a success."""

    digest: bytes


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The network will not take it: the lane is parked for a person."""

    reason: str


OutcomeOf = Absent | Pending | Written | Void | Conflict | Refused
Outcome = OutcomeOf


class Sink(Protocol):
    """Writes records, each at most once, whatever happens between two calls."""

    async def prepare(self, records: Sequence[Outbound], fence: int) -> Prepared:
        """One attempt of the whole batch, in the order given; signed, not sent. May ask the network.

        `fence` rises with every new holder of the lane; a network that can refuses an older one.
        Raises Transient, or Permanent where one record can never be taken (its index in `where`).
        """
        ...

    async def submit(self, prepared: Prepared) -> None:
        """Sends an attempt. Sending it again is harmless. Returning says nothing of its outcome.

        Raises Transient, or Permanent where the network refuses all of it; `outcome` still says what landed before.
        """
        ...

    async def outcome(self, prepared: Prepared) -> Sequence[OutcomeOf]:
        """What became of each key of the attempt, in its order; by the network's own word, not by memory."""
        ...

    async def find(self, keys: Sequence[DeliveryKey]) -> Sequence[OutcomeOf]:
        """What the network holds under each key, whoever wrote it: Absent, Written or Pending, without digest check."""
        ...

    async def aclose(self) -> None: ...


# ── Verifier ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Basis(enum.StrEnum):
    """What a claim rests on, from the weakest to the strongest a policy can ask for."""

    ATTESTED = "attested"
    AUTHORITY = "authority"
    ENDORSEMENT = "endorsement"
    WORK = "work"
    CONSENSUS = "consensus"

    def at_least(self, other: Basis) -> bool:
        order = list(Basis)
        return order.index(self) >= order.index(other)


class Claim(enum.StrEnum):
    RECORDED = "recorded"
    VALID = "valid"
    EXISTED_BY = "existed_by"
    CURRENT_AT = "current_at"
    TRANSLATED = "translated"
    ISSUED = "issued"


CheckOutcome = Literal["passed", "failed", "indeterminate", "skipped"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was checked. `id` is stable and dotted, and begins with the stem of the evidence type.

    What did not pass has a `sub_indication` (ETSI EN 319 102-1), and the gateway acts on it: FORMAT_FAILURE,
    HASH_FAILURE and SIGNED_DATA_NOT_FOUND put this one record into quarantine and its neighbours pass. With any other,
    or none, the network itself is not believed, and its source stops for a person.

    object  digest (hex) or label of what was looked at
    inputs  digests (hex) of everything it used
    parent  id of the check that made it worth asking
    at      the time used, and why that one
    """

    id: str
    outcome: CheckOutcome
    reason: str
    object: str = ""
    sub_indication: str | None = None
    expected: str | None = None
    found: str | None = None
    at: str | None = None
    inputs: tuple[str, ...] = ()
    parent: str | None = None
    hint: str | None = None


class Quorum(msgspec.Struct, frozen=True):
    """How many signed, how many were required, and who."""

    signed: int
    required: int
    by: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """A claim that a verifier looked at; `checks` are the ids that decided, all in the same report, one at least.

    On the basis `attested` leave `quorum` out: who stands for it is the issuer, whom the gateway puts there. `note` is
    a sentence for the reader of a verdict, printed beside the claim.
    """

    claim: Claim
    outcome: CheckOutcome
    basis: Basis | None
    quorum: Quorum | None = None
    time: datetime | None = None
    checks: tuple[str, ...] = ()
    note: str | None = None


class Report(msgspec.Struct, frozen=True):
    """What a verifier gives back: always, whatever the bytes, `recorded` and `valid`, each once.

    Beside these two, evidence may tell of `existed_by` and `current_at`, and of nothing else. Where the network has no
    rules that a record could break, `valid` stands on the checks of `recorded`; `skipped` will not do, for the policy
    `office` asks for both. A report of another form puts the record into quarantine as `journey.no-report`.

    source     the source's global name, and
    locus      the place on the network, that the evidence proves: the record key is computed again from these two.
               Both None where it proves none
    withdraws  whether the entry at that place declares another one void; None where the evidence does not tell
    """

    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    source: str | None = None
    locus: Locus | None = None
    withdraws: bool | None = None


class Segment(msgspec.Struct, frozen=True):
    """A dated anchor: for this use and subject, this material was to be believed from `since` to `until`.

    use        registry-root | issuer | network | timestamp | witness | log
    subject    a DID, or the hex digest of a network
    material   what is believed: keys, validators, contract and its code hash. Plain JSON values, bytes as lower hex
    basis      for networks: the least that is accepted, so that nobody can offer less
    ended      open | rotated | revoked | compromised
    positions  for networks: the closed interval of heights it covers; None leaves that side open
    statement  digest of the registry statement that says so
    """

    use: str
    subject: str
    material: Mapping[str, Any]
    since: datetime
    until: datetime | None = None
    ended: str = "open"
    basis: Basis | None = None
    first: int | None = None
    last: int | None = None
    statement: bytes = b""


class Proof(msgspec.Struct, frozen=True):
    """That something existed at a time; `check` is the id of the check that proved it."""

    digest: bytes
    time: datetime
    kind: Literal["timestamp", "cosigned", "consensus", "received", "given"]
    check: str
    accuracy: float = 0.0


class TrustAnchors(Protocol):
    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        """The segment in force at a proven time or a height; without either, the open one."""
        ...

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        """Every segment that was ever in force, oldest first."""
        ...


class ProofsOfExistence(Protocol):
    def earliest(self, digest: bytes) -> Proof | None: ...


class Limits(msgspec.Struct, frozen=True):
    """Checked before anything is decoded. Bytes and counts."""

    dossier: int = 4 * 1024 * 1024
    member: int = 2 * 1024 * 1024
    members: int = 256
    native: int = 1024 * 1024
    evidence: int = 256 * 1024
    nesting: int = 32
    proof_nodes: int = 64
    shared: int = 64


class VerificationContext(msgspec.Struct, frozen=True):
    """All that a verification may know besides the file. `now` was read once, outside."""

    now: datetime
    anchors: TrustAnchors
    poe: ProofsOfExistence
    shared: Mapping[bytes, bytes]
    limits: Limits = Limits()


class Verifier(Protocol):
    """Checks evidence of one type. Pure: no clock, no network, no globals; never raises on bad input."""

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        """Asks `context.anchors` for ("network", evidence.network.hex()) at the record's height, also where nothing is
        signed: what passes without an anchor of its network is believed by nobody."""
        ...


# ── Adapter ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Capabilities(msgspec.Struct, frozen=True):
    """What a network can do, as data.

    claims      what its evidence can prove
    basis       the strongest basis that its evidence can reach; the registry states it as the least to be accepted
    idempotent  the network itself refuses a key that it holds: a second attempt lands nothing. Else the gateway
                asks `find` before each attempt
    batch       how many records one attempt may hold
    batch_bytes how many bytes of native content one attempt may hold
    in_flight   how many attempts may be under way at once
    finality    one sentence for a person
    """

    claims: tuple[Claim, ...]
    basis: Basis
    idempotent: bool
    batch: int
    batch_bytes: int
    in_flight: int
    finality: str


class Diagnosis(msgspec.Struct, frozen=True):
    """One line of what `gateway network doctor` tells: what was looked at, whether it works, and the cure."""

    subject: str
    ok: bool
    found: str
    cure: str = ""


class Secrets(Protocol):
    """Keys by name, opened from the key store; adapters never see the passphrase."""

    def private(self, name: str) -> bytes:
        """The raw private key `name`. Raises TrustError where there is none."""
        ...


class Adapter(Protocol):
    """One kind of network. Built without arguments; holds no state of its own. Its docstring's first line is what
    `gateway adapter list` prints.

    settings  a msgspec Struct type (frozen, forbids unknown fields) whose docstring lines are the reference of its
              keys. Some names and marks mean something to the gateway:

        the first without a default            WHERE in `gateway init --network NAME=KIND:WHERE`
        `file`, or ending in `_file`           a path: made absolute, from the configuration's folder. No other is
        `file`, `chain` without a default      `init` fills in NAME.ledger and NAME-register where none is given
        Meta(extra={"key": KIND})              on an Annotated str: names a key of the key file, which `init` makes;
                                               KIND is ed25519, secp256k1 or secret. See `Secrets`
        `writer`, a text without such a mark   the name that keeps writers apart: an office's own writing
                                               (`gateway network write`) goes under NAME-office
    """

    @property
    def kind(self) -> str: ...

    @property
    def settings(self) -> type[msgspec.Struct]: ...

    def capabilities(self, settings: Any) -> Capabilities: ...

    async def identify(self, settings: Any) -> NetworkId:
        """Asks the network who it is. Raises Transient or Permanent.

        Transient is asked again for ever. Where `found` was never called, say so in the hint."""
        ...

    async def found(self, settings: Any, secrets: Secrets) -> Any:
        """Lays down what the network must hold (a ledger file, a contract) where it is missing, and returns the
        settings that name it. Harmless when all is there."""
        ...

    async def segment(self, settings: Any) -> Mapping[str, Any]:
        """The material of a registry segment for this network, for a person to look at and an office to sign.

        Texts, whole numbers, booleans, lists and maps; bytes as lower hex. The registry adds `kind`, `chain`, `genesis`
        (hex) and `office`, and a verifier finds all of it in `Segment.material`. Of one network always the same: where
        it differs from what is registered, `gateway network found` refuses.
        """
        ...

    def source(self, settings: Any, network: NetworkId) -> Source: ...

    def sink(self, settings: Any, network: NetworkId, secrets: Secrets) -> Sink: ...

    async def diagnose(self, settings: Any) -> Sequence[Diagnosis]:
        """In the order in which a person would look. Never raises."""
        ...
