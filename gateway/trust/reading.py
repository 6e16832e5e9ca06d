"""Reading a credential, strictly: the quick way for what is as it was sealed, the slow one to say what is wrong."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from gateway.errors import InputError, LimitError
from gateway.model import context, records
from gateway.model.records import CommonRecord
from gateway.spi import Check, CheckOutcome, Limits
from gateway.trust import did, multibase, proof_jcs, strictjson
from gateway.trust.binding import CONTEXTS, LARGEST, NAME, PURPOSE, Binding, MappingName, id_of, time_of
from gateway.trust.checks import FAULTS, FORM, Kind, outcome_of, passed

__all__ = ["Credential", "Examination", "examine", "read"]

_LIMITS: Final = Limits()


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


class _Unfit(Exception):  # never leaves this module: it only says that the quick way does not apply
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
    raise kind(FAULTS[last.id], last.reason, where=last.found)


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
    created = time_of(proof.created) if proof.created is not None else None
    if proof.context != CONTEXTS or (created is None) != (proof.created is None) or method.did.text != node.issuer:
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
    valid_from = time_of(node.valid_from)
    assert valid_from is not None  # by _shape_fault
    told = [passed(kind, label) for kind in FORM]
    if not canonical:
        told[2] = outcome_of(FORM[2], "skipped", "a credential by itself is read in any spelling", label)
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
        None if node.valid_until is None else time_of(node.valid_until),
        proof.cryptosuite,
        created,
        hashlib.sha256(options).digest() + content.digest(),
        signature,
        tuple(told),
    )


def _shape_fault(node: _CredentialNode) -> tuple[str, str] | None:
    """What the types cannot say of a credential: the place and the reason, or None."""
    binding = node.record_binding
    if node.context != CONTEXTS:
        return "@context", "they are not the two that are read"
    if binding.context_digest != _CONTEXT_HEX:
        return "recordBinding.contextDigest", "it is not the digest of the context that is read"
    if not 1 <= binding.revision <= LARGEST:
        return "recordBinding.revision", "it is no positive integer up to 2^53"
    for name in (binding.native_format, binding.evidence_type, binding.mapping_name, binding.mapping_version):
        if NAME.fullmatch(name) is None:
            return "recordBinding", f"{name!r:.120} is no name"
    if node.id != id_of(bytes.fromhex(binding.record_key), binding.revision):
        return "id", "it is not made of record key and revision"
    if time_of(node.valid_from) is None:
        return "validFrom", "it is no UTC time in the form that is read"
    if node.valid_until is not None and time_of(node.valid_until) is None:
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
        checks.append(outcome_of(kind, outcome, reason, label, sub=sub, found=found))
        return Examination(None, tuple(checks))

    size, syntax, form, contexts, numbers, ids, terms, shape, proof_form, suite, purpose, method = FORM
    try:
        document = strictjson.parse(data, limit=limits.member, nesting=limits.nesting)
    except LimitError as error:
        return stop(size, error.detail)
    except InputError as error:
        checks.append(passed(size, label))
        return stop(syntax, error.detail)
    checks.append(passed(size, label))
    if not isinstance(document, dict):
        return stop(syntax, "it is no JSON object")
    checks.append(passed(syntax, label))

    # Numbers go before the canonical form, which large ones have none of; they are told in their own place.
    inexact = strictjson.inexact(document)
    if inexact is None:
        written = strictjson.canonical(document)
        if canonical and written != data:
            return stop(form, "the members are in another order, or written in another way")
    checks.append(
        passed(form, label)
        if canonical and inexact is None
        else outcome_of(form, "skipped", "a credential by itself is read in any spelling", label)
    )

    if document.get("@context") != list(CONTEXTS):
        return stop(contexts, f"they are not {' and '.join(CONTEXTS)}", "@context")
    # The proof has no terms of ours; its members are held to their own list below.
    unsecured = {name: member for name, member in document.items() if name != "proof"}
    inside = _inner_context(unsecured)
    if inside is not None:
        return stop(contexts, "a context stands inside the document", inside)
    binding = document.get("recordBinding")
    if isinstance(binding, dict) and binding.get("contextDigest") not in (None, _CONTEXT_HEX):
        return stop(contexts, "the credential binds another version of the context", "recordBinding.contextDigest")
    checks.append(passed(contexts, label))

    if inexact is not None:
        return stop(numbers, "the number is no integer up to 2^53 - 1", inexact)
    checks.append(passed(numbers, label))

    bad_id = _bad_id(unsecured)
    if bad_id is not None:
        return stop(ids, "the id is no IRI, or holds a blank", bad_id)
    checks.append(passed(ids, label))

    undefined = context.undefined_terms(unsecured)
    if undefined:
        place, _, what = undefined[0].partition(": ")
        return stop(terms, what, place)
    checks.append(passed(terms, label))

    try:
        node = msgspec.convert({**unsecured, "proof": _SOUND_PROOF}, _CredentialNode)
    except (msgspec.ValidationError, RecursionError) as error:
        reason, _, place = str(error).partition(" - at ")
        return stop(shape, reason, place.strip("`") or None)
    fault_of_shape = _shape_fault(node)
    if fault_of_shape is not None:
        return stop(shape, fault_of_shape[1], fault_of_shape[0])
    again = msgspec.to_builtins(node)
    del again["proof"]
    if strictjson.canonical(again) != strictjson.canonical(unsecured):
        return stop(shape, "a member is written though it holds only what its absence says, such as null")
    checks.append(passed(shape, label))

    try:
        proof = proof_jcs.read(document)
    except InputError as error:
        if error.fault is proof_jcs.UNSUPPORTED:
            checks.append(passed(proof_form, label))
            return stop(suite, error.detail, error.where)
        return stop(proof_form, error.detail, error.where)
    if proof.supported and proof.options.get("@context") != document["@context"]:
        return stop(proof_form, "it was made for another @context", "proof.@context")
    if proof.created is not None and time_of(proof.created) is None:
        return stop(proof_form, "its time is no UTC time in the form that is read", "proof.created")
    checks.append(passed(proof_form, label))
    if not proof.supported:
        return stop(suite, f"the cryptosuite {proof.cryptosuite!r:.60}", "proof.cryptosuite")
    checks.append(passed(suite, label))
    if proof.purpose != PURPOSE:
        return stop(purpose, f"it was made for {proof.purpose!r:.60}", "proof.proofPurpose")
    checks.append(passed(purpose, label))
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
    "@context": list(CONTEXTS),
    "type": "DataIntegrityProof",
    "cryptosuite": proof_jcs.CRYPTOSUITE,
    "verificationMethod": "",
    "proofPurpose": PURPOSE,
    "proofValue": "",
}


def _inner_context(value: Any, place: str = "") -> str | None:
    """Where a context stands besides the document's own; also `@vocab` and other keywords."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{place}.{name}" if place else name
            if name.startswith("@") and here != "@context":
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
            if name in ("id", "issuer") and (type(member) is not str or _IRI.fullmatch(member) is None):
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
