"""Credentials: an office's signed word around one common record, bound by digest to all that proves it.

A W3C Verifiable Credential (Data Model 2.0) of the type `RecordCredential`, with one Data Integrity proof of
the cryptosuite `eddsa-jcs-2022`, in one byte form (RFC 8785):

    @context           credentials/v2, then the gateway's own context; nothing else, and nowhere else
    id                 urn:uuid (RFC 9562, version 8) made of record key and revision
    issuer             the office's DID
    validFrom          the block's own time
    credentialSubject  the common record
    recordBinding      what binds it: record key, revision, network, digests (SHA-256, 64 lower-case hex digits)
    proof              by a key of the issuer, for assertions; `created` is validFrom, so that sealing again
                       gives the same bytes, and is never taken for the time of signing

`seal` writes one, `read` and `examine` read one strictly, `check` judges one against anchors, in one call that
binds issuer, verification method, purpose, validity, cryptosuite and the registry's segment to each other.
Reading decodes into typed structs and compares the encoding of what was read with what was given: an undefined
term, a context inside, a float, a member that stands twice cannot survive that. Only where they differ does the
slower way look for the reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gateway.errors import Fault, InputError, LimitError, Misuse, fault
from gateway.model import context, records
from gateway.model.records import CommonRecord
from gateway.proofs import ed25519
from gateway.spi import Check, CheckOutcome, Limits, Proof, Segment, TrustAnchors
from gateway.trust import did, multibase, proof_jcs, strictjson
from gateway.trust.signer import Signer

__all__ = [
    "CHECKS",
    "LEEWAY",
    "VCDM_CONTEXT",
    "Binding",
    "Credential",
    "Examination",
    "Kind",
    "MappingName",
    "Sealer",
    "check",
    "examine",
    "read",
    "seal",
]

VCDM_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
LEEWAY: Final = timedelta(minutes=5)
"""How far a block's clock may run ahead of the verifier's before `validFrom` counts as lying in the future."""

_CONTEXTS: Final = (VCDM_CONTEXT, context.CONTEXT_ID)
_TYPES: Final = ("VerifiableCredential", "RecordCredential")
_PURPOSE: Final = "assertionMethod"
_LIMITS: Final = Limits()


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Kind(NamedTuple):
    """One check: its id, what it asks, and how it ends where the answer is no."""

    id: str
    asks: str
    otherwise: str
    hint: str


_FORM: Final = (
    Kind(
        "credential.limits",
        "The credential is no larger and no deeper than is read",
        "failed, FORMAT_FAILURE",
        "Ask the issuer for a credential within the limits, or raise them.",
    ),
    Kind(
        "credential.json",
        "The credential is one JSON object, with no member twice",
        "failed, FORMAT_FAILURE",
        "Ask for the file again as it was handed out.",
    ),
    Kind(
        "credential.canonical",
        "The bytes are the canonical form (RFC 8785)",
        "failed, FORMAT_FAILURE",
        "Inside a dossier only the bytes count that were sealed; do not reformat them.",
    ),
    Kind(
        "credential.context",
        "The contexts are the two that are pinned by digest, and stand nowhere but at the top",
        "failed, FORMAT_FAILURE",
        "A context changes what every term means; only those that this release holds are read.",
    ),
    Kind(
        "credential.numbers",
        "Every number is an integer up to 2^53",
        "failed, FORMAT_FAILURE",
        "Write other numbers as text.",
    ),
    Kind(
        "credential.ids",
        "Every id is an IRI without blanks",
        "failed, FORMAT_FAILURE",
        "An id that is no IRI yields no claim at all to a JSON-LD reader; put numbers into an identifier.",
    ),
    Kind(
        "credential.terms",
        "Every member is a term that the contexts define",
        "failed, FORMAT_FAILURE",
        "Leave out what no context defines: a JSON-LD reader would drop it without a word.",
    ),
    Kind(
        "credential.shape",
        "It is a RecordCredential with all its members: a common record, a binding, an id made of both",
        "failed, FORMAT_FAILURE",
        "Compare it with docs/reference/credential.md; the place that is named is the first that differs.",
    ),
    Kind(
        "credential.proof.form",
        "It carries one Data Integrity proof, in one form, made for these contexts",
        "failed, FORMAT_FAILURE",
        "Ask the issuer for the credential with its one proof.",
    ),
    Kind(
        "credential.proof.suite",
        "This release knows the proof's cryptosuite",
        "indeterminate, GENERIC",
        f"Ask for {proof_jcs.CRYPTOSUITE}, or verify with a newer release.",
    ),
    Kind(
        "credential.proof.purpose",
        "The proof was made for an assertion",
        "indeterminate, CHAIN_CONSTRAINTS_FAILURE",
        "A proof for another purpose (a login, an agreement) says nothing of a record.",
    ),
    Kind(
        "credential.issuer.method",
        "The verification method is the issuer's own",
        "failed, FORMAT_FAILURE",
        "Somebody else's key cannot speak for the issuer; ask the issuer.",
    ),
)
_STANDING: Final = (
    Kind(
        "credential.issuer.segment",
        "An anchor names this key as the issuer's",
        "indeterminate, NO_CERTIFICATE_CHAIN_FOUND",
        "Give the registry that lists the issuer with --anchors.",
    ),
    Kind(
        "credential.signature",
        "The signature is good",
        "failed, SIG_CRYPTO_FAILURE; skipped where no key is known",
        "The content or the proof was changed. Ask the issuer for the credential again.",
    ),
    Kind(
        "credential.issuer.standing",
        "The key was in force when the credential existed",
        "failed, REVOKED, EXPIRED or NOT_YET_VALID; indeterminate, REVOKED_NO_POE or OUT_OF_BOUNDS_NO_POE",
        "Ask for a dossier with a proof of when the credential existed, or for one sealed by the key in force.",
    ),
    Kind(
        "credential.issuer.office",
        "The issuer speaks for the office whose record it is",
        "indeterminate, CHAIN_CONSTRAINTS_FAILURE",
        "Ask the registrar whether the issuer speaks for that office; its codes stand in the registry.",
    ),
    Kind(
        "credential.validity",
        "It is valid by its own dates",
        "failed, NOT_YET_VALID or EXPIRED",
        "Check the verifier's clock; then ask the issuer.",
    ),
)
CHECKS: Final[Mapping[str, Kind]] = MappingProxyType({kind.id: kind for kind in (*_FORM, *_STANDING)})
"""Every check that is made of a credential, in the order in which it is made."""

_FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        kind.id: fault(kind.id, f"This does not hold: {kind.asks[0].lower()}{kind.asks[1:]}.", kind.hint)
        for kind in _FORM
    }
)
UNSEALABLE = fault(
    "credential.unsealable",
    "The record cannot be sealed as it is given.",
    "Give digests of 32 bytes, names without blanks or quotes, a time with a zone, and the issuer's own method.",
)


# ── what is read and written ────────────────────────────────────────────────────────────────────────────────────────


class MappingName(NamedTuple):
    """A mapping by name, version and digest (32 bytes)."""

    name: str
    version: str
    digest: bytes


class Binding(msgspec.Struct, frozen=True):
    """What a credential binds its record to. Keys and digests are 32 raw bytes.

    record_key       key of the common record
    revision         1 for the first; a correction or withdrawal is the next
    network          digest of the network that the native record stands on
    native_format    name of its format, with the digest of its bytes
    evidence_type    type of the evidence, with the digest of its encoding
    mapping          the mapping that gave the record
    context_digest   of the gateway's own JSON-LD context
    losses_digest    of the loss report
    withdrawn        this revision declares the record void
    supersedes       of the revision that this one replaces or withdraws, or None
    """

    record_key: bytes
    revision: int
    network: bytes
    native_format: str
    native_digest: bytes
    evidence_type: str
    evidence_digest: bytes
    mapping: MappingName | tuple[str, str, bytes]
    context_digest: bytes
    losses_digest: bytes
    withdrawn: bool = False
    supersedes: bytes | None = None


class Credential(msgspec.Struct, frozen=True):
    """A credential whose form holds. Nothing is said of its signature: `check` does.

    data         its canonical bytes; `digest` is their SHA-256
    record_json  the common record in it, canonical bytes
    signed       the 64 bytes that `signature` is over
    created      of the proof; a claim, and not the time of signing
    checks       the checks of form that it passed
    """

    data: bytes
    digest: bytes
    id: str
    issuer: str
    method: str
    record: CommonRecord
    record_json: bytes
    binding: Binding
    valid_from: datetime
    valid_until: datetime | None
    cryptosuite: str
    created: datetime | None
    signed: bytes
    signature: bytes
    checks: tuple[Check, ...]


class Examination(msgspec.Struct, frozen=True):
    """What reading came to: a credential where its form holds, and the checks of form up to where it does not."""

    credential: Credential | None
    checks: tuple[Check, ...]


class _BindingNode(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, tag_field="type",
    tag="RecordBinding",
):  # fmt: skip
    record_key: records.Sha256
    revision: int
    network: records.Sha256
    native_format: str
    native_digest: records.Sha256
    evidence_type: str
    evidence_digest: records.Sha256
    mapping_name: str
    mapping_version: str
    mapping_digest: records.Sha256
    context_digest: records.Sha256
    losses_digest: records.Sha256
    withdrawn: bool
    supersedes: records.Sha256 | None = None


class _ProofNode(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    context: tuple[str, str] = msgspec.field(name="@context")
    type: Literal["DataIntegrityProof"]
    cryptosuite: Literal["eddsa-jcs-2022"]
    verification_method: str
    proof_purpose: Literal["assertionMethod"]
    proof_value: str
    created: str | None = None


class _CredentialNode(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    context: tuple[str, str] = msgspec.field(name="@context")
    type: tuple[Literal["VerifiableCredential"], Literal["RecordCredential"]]
    id: str
    issuer: str
    valid_from: str
    credential_subject: CommonRecord
    record_binding: _BindingNode
    proof: _ProofNode
    valid_until: str | None = None


_decoder: Final = msgspec.json.Decoder(_CredentialNode, strict=True)
_encoder: Final = msgspec.json.Encoder(order="sorted")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,127}", re.ASCII)
_LARGEST: Final = strictjson.LARGEST_INTEGER


def _id_of(record_key: bytes, revision: int) -> str:
    """RFC 9562 version 8: SHA-256 over ``record-credential/1``, the record key and the revision in eight bytes."""
    made = hashlib.sha256(b"record-credential/1" + record_key + revision.to_bytes(8, "big")).hexdigest()
    variant = "89ab"[int(made[16], 16) & 3]
    return f"urn:uuid:{made[:8]}-{made[8:12]}-8{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"


def _text_of(when: datetime) -> str:
    """UTC, to the second, or with six digits of it where there is a fraction."""
    return when.astimezone(UTC).isoformat()[:-6] + "Z"


def _time_of(text: str) -> datetime | None:
    """The time that `_text_of` writes as `text`, or None where it writes none so."""
    if text[-1:] != "Z":
        return None
    try:
        when = datetime.fromisoformat(text)
        return when if _text_of(when) == text else None
    except (ValueError, OverflowError):
        return None


# ── sealing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Sealer:
    """Seals for one issuer with one key.

    The bytes are put together from parts that were serialised beforehand; that they are what RFC 8785 gives for
    the same document is shown in the tests, for every part that varies.

    Raises Misuse where `method` is not the issuer's own, or a did:key is not the signer's.
    """

    def __init__(self, issuer: str, method: str, signer: Signer) -> None:
        try:
            parsed = did.parse_method(method)
        except InputError as error:
            raise Misuse(UNSEALABLE, error.detail, where=method) from error
        if parsed.did.text != issuer:
            raise Misuse(UNSEALABLE, "the verification method is not the issuer's", where=method)
        if parsed.did.key and parsed.did.key != signer.public:
            raise Misuse(UNSEALABLE, "the signer's key is not the did:key's", where=method)
        contexts = strictjson.canonical(list(_CONTEXTS)).decode()
        self._head = f'{{"@context":{contexts},"credentialSubject":'.encode()
        self._issuer = f'","issuer":"{issuer}"'
        # The options of the proof up to `created` and from there on, once as they are signed, once as they stand.
        self._options = f'{{"@context":{contexts},"created":"'
        self._signed = (
            f'","cryptosuite":"{proof_jcs.CRYPTOSUITE}","proofPurpose":"{_PURPOSE}",'
            f'"type":"DataIntegrityProof","verificationMethod":"{method}"}}'
        )
        self._before_value = f'","cryptosuite":"{proof_jcs.CRYPTOSUITE}","proofPurpose":"{_PURPOSE}","proofValue":"'
        self._after_value = f'","type":"DataIntegrityProof","verificationMethod":"{method}"}}'
        self._sign: Final[Callable[[bytes], bytes]] = signer.sign

    def seal(self, record_json: bytes, binding: Binding, valid_from: datetime) -> bytes:
        """The credential of one record.

        record_json  the record as `gateway.model.records.encode` gives it
        valid_from   the block's own time

        Sealing the same again gives the same bytes. Raises Misuse for what no reader would take.
        """
        if record_json[:1] != b"{" or valid_from.tzinfo is None:
            raise Misuse(UNSEALABLE, "a record is a JSON object, and a time has a zone")
        time = _text_of(valid_from)
        name = _id_of(binding.record_key, binding.revision)
        before = b'%b%b,"id":"%b' % (self._head, record_json, (name + self._issuer).encode())
        after = (
            f'{_binding_text(binding)},"type":["VerifiableCredential","RecordCredential"],"validFrom":"{time}"}}'
        ).encode()
        content = hashlib.sha256(before)
        content.update(after)
        options = hashlib.sha256(f"{self._options}{time}{self._signed}".encode())
        value = multibase.encode(self._sign(options.digest() + content.digest()))
        proof = f',"proof":{self._options}{time}{self._before_value}{value}{self._after_value}'
        return b"%b%b%b" % (before, proof.encode(), after)


def seal(record_json: bytes, binding: Binding, issuer: str, method: str, signer: Signer, valid_from: datetime) -> bytes:
    """The credential of one record; see `Sealer.seal`, which spares the preparation for many of one issuer."""
    return Sealer(issuer, method, signer).seal(record_json, binding, valid_from)


@lru_cache(maxsize=256)
def _names(native_format: str, evidence_type: str, mapping: str, version: str) -> None:
    for name in (native_format, evidence_type, mapping, version):
        if _NAME.fullmatch(name) is None:
            raise Misuse(UNSEALABLE, f"{name!r:.120} is no name")


def _binding_text(binding: Binding) -> str:
    """The member `recordBinding`, by RFC 8785. Raises Misuse."""
    mapping, version, mapping_digest = binding.mapping
    _names(binding.native_format, binding.evidence_type, mapping, version)
    key, supersedes = binding.record_key, binding.supersedes
    if not (
        len(key)
        == len(binding.network)
        == len(binding.native_digest)
        == len(binding.evidence_digest)
        == len(mapping_digest)
        == len(binding.context_digest)
        == len(binding.losses_digest)
        == (32 if supersedes is None else len(supersedes))
        == 32
    ):
        raise Misuse(UNSEALABLE, "a key or digest is not 32 bytes long")
    if not 1 <= binding.revision <= _LARGEST:
        raise Misuse(UNSEALABLE, f"the revision {binding.revision}")
    before = "" if supersedes is None else f'"supersedes":"{supersedes.hex()}",'
    return (
        f',"recordBinding":{{"contextDigest":"{binding.context_digest.hex()}"'
        f',"evidenceDigest":"{binding.evidence_digest.hex()}"'
        f',"evidenceType":"{binding.evidence_type}"'
        f',"lossesDigest":"{binding.losses_digest.hex()}"'
        f',"mappingDigest":"{mapping_digest.hex()}"'
        f',"mappingName":"{mapping}"'
        f',"mappingVersion":"{version}"'
        f',"nativeDigest":"{binding.native_digest.hex()}"'
        f',"nativeFormat":"{binding.native_format}"'
        f',"network":"{binding.network.hex()}"'
        f',"recordKey":"{key.hex()}"'
        f',"revision":{binding.revision},{before}"type":"RecordBinding"'
        f',"withdrawn":{"true" if binding.withdrawn else "false"}}}'
    )


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Unfit(Exception):  # noqa: N818  # never leaves this module: it only says that the quick way does not apply
    pass


def read(data: bytes, limits: Limits = _LIMITS, *, canonical: bool = True) -> Credential:
    """The credential in `data`. Raises LimitError over a limit, InputError where any check of form does not pass.

    canonical  False for a credential that comes by itself, in any spelling of JSON: it is read as its canonical form
    """
    found = examine(data, limits, canonical=canonical)
    if found.credential is not None:
        return found.credential
    last = next(one for one in found.checks if one.outcome not in ("passed", "skipped"))
    kind = LimitError if last.id == "credential.limits" else InputError
    raise kind(_FAULTS[last.id], last.reason, where=last.found)


def examine(data: bytes, limits: Limits = _LIMITS, *, canonical: bool = True) -> Examination:
    """Every check of form, up to the first that does not pass. Never raises on what `data` holds."""
    label = hashlib.sha256(data).hexdigest()
    if len(data) <= limits.member:
        try:
            made = _quick(data, label, canonical=True)
            return Examination(made, made.checks)
        except _Unfit:
            pass
    return _slow(data, label, limits, canonical)


def _quick(data: bytes, label: str, *, canonical: bool) -> Credential:
    """The credential, where `data` is exactly what would be written for what it says. Raises _Unfit otherwise."""
    try:
        node = _decoder.decode(data)
        if _encoder.encode(node) != data or _shape_fault(node) is not None:
            raise _Unfit
        signature = multibase.decode(node.proof.proof_value, length=64)
        method = did.parse_method(node.proof.verification_method)
    except (msgspec.MsgspecError, InputError, UnicodeError, RecursionError) as error:
        raise _Unfit(str(error)) from error
    proof = node.proof
    created = _time_of(proof.created) if proof.created is not None else None
    if proof.context != _CONTEXTS or (created is None) != (proof.created is None) or method.did.text != node.issuer:
        raise _Unfit
    # In text that is canonical and holds no other members than those above, these marks stand once each: inside a
    # string their quotes would be escaped.
    start = data.index(b',"proof":{')
    end = data.index(b'},"recordBinding":{', start) + 1
    subject = data.index(b',"credentialSubject":') + 21
    options = data[start + 9 : end].replace(b'"proofValue":"%b",' % proof.proof_value.encode(), b"", 1)
    content = hashlib.sha256(data[:start])
    content.update(data[end:])
    binding = node.record_binding
    valid_from = _time_of(node.valid_from)
    assert valid_from is not None  # by _shape_fault
    passed = [_passed(kind, label) for kind in _FORM]
    if not canonical:
        passed[2] = _outcome(_FORM[2], "skipped", "a credential by itself is read in any spelling", label)
    return Credential(
        data,
        bytes.fromhex(label) if canonical else hashlib.sha256(data).digest(),
        node.id,
        node.issuer,
        method.text,
        node.credential_subject,
        data[subject : data.index(b',"id":"urn:uuid:', subject)],
        Binding(
            bytes.fromhex(binding.record_key),
            binding.revision,
            bytes.fromhex(binding.network),
            binding.native_format,
            bytes.fromhex(binding.native_digest),
            binding.evidence_type,
            bytes.fromhex(binding.evidence_digest),
            MappingName(binding.mapping_name, binding.mapping_version, bytes.fromhex(binding.mapping_digest)),
            bytes.fromhex(binding.context_digest),
            bytes.fromhex(binding.losses_digest),
            binding.withdrawn,
            None if binding.supersedes is None else bytes.fromhex(binding.supersedes),
        ),
        valid_from,
        None if node.valid_until is None else _time_of(node.valid_until),
        proof.cryptosuite,
        created,
        hashlib.sha256(options).digest() + content.digest(),
        signature,
        tuple(passed),
    )


def _shape_fault(node: _CredentialNode) -> tuple[str, str] | None:
    """What the types cannot say of a credential: the place and the reason, or None."""
    binding = node.record_binding
    if node.context != _CONTEXTS:
        return "@context", "they are not the two that are read"
    if binding.context_digest != _CONTEXT_HEX:
        return "recordBinding.contextDigest", "it is not the digest of the context that is read"
    if not 1 <= binding.revision <= _LARGEST:
        return "recordBinding.revision", "it is no positive integer up to 2^53"
    for name in (binding.native_format, binding.evidence_type, binding.mapping_name, binding.mapping_version):
        if _NAME.fullmatch(name) is None:
            return "recordBinding", f"{name!r:.120} is no name"
    if node.id != _id_of(bytes.fromhex(binding.record_key), binding.revision):
        return "id", "it is not made of record key and revision"
    if _time_of(node.valid_from) is None:
        return "validFrom", "it is no UTC time in the form that is read"
    if node.valid_until is not None and _time_of(node.valid_until) is None:
        return "validUntil", "it is no UTC time in the form that is read"
    try:
        did.parse(node.issuer)
    except InputError as error:
        return "issuer", error.detail
    try:
        records.check(node.credential_subject)
    except InputError as error:
        return f"credentialSubject {error.where or ''}".rstrip(), error.detail
    return None


_CONTEXT_HEX: Final = context.CONTEXT_DIGEST.hex()


def _slow(data: bytes, label: str, limits: Limits, canonical: bool) -> Examination:
    """Finds the first check of form that does not pass; or, for a credential in another spelling, reads it."""
    checks: list[Check] = []

    def stop(kind: Kind, reason: str, found: str | None = None) -> Examination:
        outcome: CheckOutcome = "failed" if kind.otherwise.startswith("failed") else "indeterminate"
        sub = kind.otherwise.split(", ")[1]
        checks.append(_outcome(kind, outcome, reason, label, sub=sub, found=found))
        return Examination(None, tuple(checks))

    size, syntax, form, contexts, numbers, ids, terms, shape, proof_form, suite, purpose, method = _FORM
    try:
        document = strictjson.parse(data, limit=limits.member, nesting=limits.nesting)
    except LimitError as error:
        return stop(size, error.detail)
    except InputError as error:
        checks.append(_passed(size, label))
        return stop(syntax, error.detail)
    checks.append(_passed(size, label))
    if not isinstance(document, dict):
        return stop(syntax, "it is no JSON object")
    checks.append(_passed(syntax, label))

    # Numbers go before the canonical form, which large ones have none of; they are told in their own place.
    inexact = strictjson.inexact(document)
    if inexact is None:
        written = strictjson.canonical(document)
        if canonical and written != data:
            return stop(form, "the members are in another order, or written in another way")
    checks.append(
        _passed(form, label)
        if canonical and inexact is None
        else _outcome(form, "skipped", "a credential by itself is read in any spelling", label)
    )

    if document.get("@context") != list(_CONTEXTS):
        return stop(contexts, f"they are not {' and '.join(_CONTEXTS)}", "@context")
    inside = _inner_context(document)
    if inside is not None:
        return stop(contexts, "a context stands inside the document", inside)
    binding = document.get("recordBinding")
    if isinstance(binding, dict) and binding.get("contextDigest") not in (None, _CONTEXT_HEX):
        return stop(contexts, "the credential binds another version of the context", "recordBinding.contextDigest")
    checks.append(_passed(contexts, label))

    if inexact is not None:
        return stop(numbers, "the number is no integer up to 2^53", inexact)
    checks.append(_passed(numbers, label))

    bad_id = _bad_id(document)
    if bad_id is not None:
        return stop(ids, "the id is no IRI, or holds a blank", bad_id)
    checks.append(_passed(ids, label))

    # The proof has no terms of ours; its members are held to their own list below.
    undefined = context.undefined_terms({name: member for name, member in document.items() if name != "proof"})
    if undefined:
        place, _, what = undefined[0].partition(": ")
        return stop(terms, what, place)
    checks.append(_passed(terms, label))

    try:
        node = msgspec.convert({**document, "proof": _SOUND_PROOF}, _CredentialNode)
    except (msgspec.ValidationError, RecursionError) as error:
        reason, _, place = str(error).partition(" - at ")
        return stop(shape, reason, place.strip("`") or None)
    fault_of_shape = _shape_fault(node)
    if fault_of_shape is not None:
        return stop(shape, fault_of_shape[1], fault_of_shape[0])
    again = msgspec.to_builtins(node)
    again["proof"] = document.get("proof")
    if strictjson.canonical(again) != strictjson.canonical(document):
        return stop(shape, "a member is written though it holds only what its absence says, such as null")
    checks.append(_passed(shape, label))

    try:
        proof = proof_jcs.read(document)
    except InputError as error:
        if error.fault is proof_jcs.UNSUPPORTED:
            checks.append(_passed(proof_form, label))
            return stop(suite, error.detail, error.where)
        return stop(proof_form, error.detail, error.where)
    if proof.supported and proof.options.get("@context") != document["@context"]:
        return stop(proof_form, "it was made for another @context", "proof.@context")
    if proof.created is not None and _time_of(proof.created) is None:
        return stop(proof_form, "its time is no UTC time in the form that is read", "proof.created")
    checks.append(_passed(proof_form, label))
    if not proof.supported:
        return stop(suite, f"the cryptosuite {proof.cryptosuite!r:.60}", "proof.cryptosuite")
    checks.append(_passed(suite, label))
    if proof.purpose != _PURPOSE:
        return stop(purpose, f"it was made for {proof.purpose!r:.60}", "proof.proofPurpose")
    checks.append(_passed(purpose, label))
    try:
        owner = did.parse_method(proof.method).did.text
    except InputError as error:
        return stop(method, error.detail, "proof.verificationMethod")
    if owner != node.issuer:
        return stop(
            method, f"the method is of {owner:.120}, the issuer is {node.issuer:.120}", "proof.verificationMethod"
        )
    try:
        made = _quick(written, label, canonical=canonical)
    except _Unfit as error:
        # Every reason is found above; should one ever not be, the credential still does not pass.
        return stop(shape, f"it is not what is written for what it says {error}".rstrip())
    return Examination(made, made.checks)


_SOUND_PROOF: Final = {
    "@context": list(_CONTEXTS),
    "type": "DataIntegrityProof",
    "cryptosuite": proof_jcs.CRYPTOSUITE,
    "verificationMethod": "",
    "proofPurpose": _PURPOSE,
    "proofValue": "",
}


def _inner_context(value: Any, place: str = "") -> str | None:
    """Where a context stands that is neither the document's nor its proof's; also `@vocab` and other keywords."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{place}.{name}" if place else name
            if name.startswith("@") and here not in ("@context", "proof.@context"):
                return here
            found = _inner_context(member, here)
            if found is not None:
                return found
    elif isinstance(value, list):
        for index, member in enumerate(value):
            # An object among the document's contexts is one that defines terms inline.
            found = _inner_context(member, f"{place}[{index}]")
            if found is not None:
                return found
    return None


_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f-\xa0\u2028\u2029\u3000]+")


def _bad_id(value: Any, place: str = "") -> str | None:
    """Where an `id`, or a member that names something by IRI, is none. By RFC 3987, as far as blanks go."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{place}.{name}" if place else name
            if name in ("id", "issuer", "verificationMethod") and (
                type(member) is not str or _IRI.fullmatch(member) is None
            ):
                return here
            found = _bad_id(member, here)
            if found is not None:
                return found
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found = _bad_id(member, f"{place}[{index}]")
            if found is not None:
                return found
    return None


def _passed(kind: Kind, label: str) -> Check:
    return Check(kind.id, "passed", kind.asks, "credential", inputs=(label,))


def _outcome(
    kind: Kind,
    outcome: CheckOutcome,
    reason: str,
    label: str,
    *,
    sub: str | None = None,
    expected: str | None = None,
    found: str | None = None,
    at: str | None = None,
    inputs: tuple[str, ...] = (),
    parent: str | None = None,
) -> Check:
    hint = kind.hint if outcome in ("failed", "indeterminate") else None
    return Check(kind.id, outcome, reason, "credential", sub, expected, found, at, (label, *inputs), parent, hint)


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def check(
    credential: Credential, anchors: TrustAnchors, now: datetime, existed: Proof | None = None
) -> tuple[Check, ...]:
    """Every check of a credential: those of its form, and those of its issuer, signature and times.

    now      read once, outside
    existed  proof of when `credential.digest` existed; without it the issuer's key is judged as of `now`

    Pure; never raises. The key's segment is sought among all that were ever in force, and judged by its dates:
    a rotation leaves what existed before it, a compromise asks for a proof that it did.
    """
    label = credential.digest.hex()
    segment = _segment_of(credential, anchors)
    statement = () if segment is None or not segment.statement else (segment.statement.hex(),)
    return (
        *credential.checks,
        _check_segment(credential, anchors, segment, label, statement),
        _check_signature(credential, segment, label, statement),
        _check_standing(credential, segment, now, existed, label, statement),
        _check_office(credential, segment, label, statement),
        _check_validity(credential, now, label),
    )


def _segment_of(credential: Credential, anchors: TrustAnchors) -> Segment | None:
    for segment in anchors.all("issuer", credential.issuer):
        if segment.material.get("method") == credential.method:
            return segment
    return None


def _check_segment(
    credential: Credential, anchors: TrustAnchors, segment: Segment | None, label: str, statement: tuple[str, ...]
) -> Check:
    kind = CHECKS["credential.issuer.segment"]
    if segment is not None:
        return _outcome(
            kind, "passed", f"the registry states {credential.method}", label, inputs=statement,
            parent="credential.issuer.method",
        )  # fmt: skip
    known = anchors.all("issuer", credential.issuer)
    reason = (
        f"the anchors hold {credential.issuer}, but not this key of it"
        if known
        else f"no anchor holds {credential.issuer}"
    )
    return _outcome(
        kind, "indeterminate", reason, label, sub="NO_CERTIFICATE_CHAIN_FOUND", found=credential.method,
        parent="credential.issuer.method",
    )  # fmt: skip


def _check_signature(credential: Credential, segment: Segment | None, label: str, statement: tuple[str, ...]) -> Check:
    kind = CHECKS["credential.signature"]
    parent = "credential.issuer.segment"
    own = did.parse(credential.issuer).key
    public = own
    if segment is not None:
        try:
            public = did.decode_key(str(segment.material.get("publicKeyMultibase", "")))
        except InputError as error:
            return _outcome(
                kind, "failed", f"the anchor's key is refused: {error.detail}", label, sub="SIG_CRYPTO_FAILURE",
                inputs=statement, parent=parent,
            )  # fmt: skip
        if own and own != public:
            return _outcome(
                kind, "failed", "the anchor states another key than the did:key is", label, sub="SIG_CRYPTO_FAILURE",
                inputs=statement, parent=parent,
            )  # fmt: skip
    if not public:
        return _outcome(kind, "skipped", "no key of the issuer is known", label, parent=parent)
    key = did.encode_key(public)
    if ed25519.verify(public, credential.signature, credential.signed):
        return _outcome(kind, "passed", f"by {key}", label, inputs=statement, parent=parent)
    return _outcome(
        kind, "failed", "the signature is not over this content by this key", label, sub="SIG_CRYPTO_FAILURE",
        expected=key, inputs=statement, parent=parent,
    )  # fmt: skip


def _check_standing(
    credential: Credential,
    segment: Segment | None,
    now: datetime,
    existed: Proof | None,
    label: str,
    statement: tuple[str, ...],
) -> Check:
    kind = CHECKS["credential.issuer.standing"]
    parent = "credential.issuer.segment"
    if segment is None:
        return _outcome(
            kind, "skipped", "no anchor holds the key, so none says when it was in force", label, parent=parent
        )
    # A time that is proven is an upper bound, so its error is added.
    when = now if existed is None else existed.time + timedelta(seconds=existed.accuracy)
    at = (
        f"{_text_of(now)}, now: nothing proves when it existed"
        if existed is None
        else f"{_text_of(when)}, proven by {existed.check}"
    )
    span = f"{_text_of(segment.since)} to {_text_of(segment.until) if segment.until else 'open'}"
    worse = segment.ended in ("revoked", "compromised")

    def told(outcome: CheckOutcome, reason: str, sub: str | None = None) -> Check:
        return _outcome(
            kind, outcome, reason, label, sub=sub, expected=span, found=segment.ended, at=at, inputs=statement,
            parent=parent,
        )  # fmt: skip

    if segment.until is not None and credential.valid_from > segment.until:
        # By the issuer's own word the record is younger than the key's end, so the signature is.
        word = f"the key was {segment.ended}" if segment.ended != "open" else "the key's time had ended"
        reason = (
            f"{word} on {_text_of(segment.until)}, before {_text_of(credential.valid_from)}, when the record came to be"
        )
        return told("failed", reason, "REVOKED" if worse else "EXPIRED")
    if existed is not None and when < segment.since:
        return told("failed", "it is proven to have existed before the key was in force", "NOT_YET_VALID")
    if segment.since <= when and (segment.until is None or when <= segment.until):
        # A rotation that was announced leaves the key in force up to its day.
        if existed is None and not worse:
            return told("passed", "the key is in force")
        if existed is not None:
            end = "" if segment.ended == "open" else f"; it was {segment.ended} later"
            return told("passed", f"the key was in force when the credential existed{end}")
    if worse:
        return told(
            "indeterminate", f"the key was {segment.ended}, and nothing proves that it was before", "REVOKED_NO_POE"
        )
    reason = "the key is not in force now, and nothing proves that the credential existed while it was"
    if existed is not None:
        reason = "the key's time had ended by then, and nothing proves that the credential is older"
    return told("indeterminate", reason, "OUT_OF_BOUNDS_NO_POE")


def _check_office(credential: Credential, segment: Segment | None, label: str, statement: tuple[str, ...]) -> Check:
    kind = CHECKS["credential.issuer.office"]
    parent = "credential.issuer.segment"
    office = credential.record.office
    if segment is None:
        return _outcome(kind, "skipped", "no anchor says for which offices the issuer speaks", label, parent=parent)
    codes = [str(code) for code in segment.material.get("codes") or [segment.material.get("office", "")]]
    if office in codes:
        return _outcome(kind, "passed", f"it speaks for {office}", label, inputs=statement, parent=parent)
    return _outcome(
        kind, "indeterminate", f"the record is of the office {office}, for which the issuer does not speak", label,
        sub="CHAIN_CONSTRAINTS_FAILURE", expected=", ".join(codes), found=office, inputs=statement, parent=parent,
    )  # fmt: skip


def _check_validity(credential: Credential, now: datetime, label: str) -> Check:
    kind = CHECKS["credential.validity"]
    start, end = credential.valid_from, credential.valid_until
    at = f"{_text_of(now)}, now"

    def told(outcome: CheckOutcome, reason: str, sub: str | None = None) -> Check:
        span = f"{_text_of(start)} to {_text_of(end) if end else 'open'}"
        return _outcome(kind, outcome, reason, label, sub=sub, expected=span, at=at, parent="credential.signature")

    if now + LEEWAY < start:
        return told("failed", "it is valid from a time that has not come", "NOT_YET_VALID")
    if end is not None and (end < start or end + LEEWAY < now):
        return told("failed", f"by its own word it was valid until {_text_of(end)}", "EXPIRED")
    return told("passed", "it is valid by its own dates")
