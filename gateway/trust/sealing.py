"""Sealing: the bytes of a credential, put together from parts that were serialised beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from gateway.errors import InputError, Misuse, fault
from gateway.trust import did, multibase, proof_jcs, strictjson
from gateway.trust.binding import CONTEXTS, LARGEST, NAME, PURPOSE, Binding, id_of, text_of
from gateway.trust.signer import Signer

__all__ = ["Sealer", "seal"]

UNSEALABLE = fault(
    "credential.unsealable",
    "The record cannot be sealed as it is given.",
    "Give digests of 32 bytes, names without blanks or quotes, a time with a zone, and the issuer's own method.",
)


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
        contexts = strictjson.canonical(list(CONTEXTS)).decode()
        self._head = f'{{"@context":{contexts},"credentialSubject":'.encode()
        self._issuer = f'","issuer":"{issuer}"'
        # The options of the proof up to `created` and from there on, once as they are signed, once as they stand.
        self._options = f'{{"@context":{contexts},"created":"'
        self._signed = (
            f'","cryptosuite":"{proof_jcs.CRYPTOSUITE}","proofPurpose":"{PURPOSE}",'
            f'"type":"DataIntegrityProof","verificationMethod":"{method}"}}'
        )
        self._before_value = f'","cryptosuite":"{proof_jcs.CRYPTOSUITE}","proofPurpose":"{PURPOSE}","proofValue":"'
        self._after_value = f'","type":"DataIntegrityProof","verificationMethod":"{method}"}}'
        self._sign: Final[Callable[[bytes], bytes]] = signer.sign
        self._of_time: tuple[datetime, str, bytes] | None = None

    def seal(self, record_json: bytes, binding: Binding, valid_from: datetime) -> bytes:
        """The credential of one record.

        record_json  the record as `gateway.model.records.encode` gives it
        valid_from   the block's own time

        Sealing the same again gives the same bytes. Raises Misuse for what no reader would take.
        """
        if record_json[:1] != b"{" or valid_from.tzinfo is None:
            raise Misuse(UNSEALABLE, "a record is a JSON object, and a time has a zone")
        # The records of one block share its time, and with it the options of the proof.
        kept = self._of_time
        if kept is None or kept[0] != valid_from:
            text = text_of(valid_from)
            kept = (valid_from, text, hashlib.sha256(f"{self._options}{text}{self._signed}".encode()).digest())
            self._of_time = kept
        _, time, options = kept
        name = id_of(binding.record_key, binding.revision)
        before = b"".join((self._head, record_json, f',"id":"{name}{self._issuer}'.encode()))
        after = (
            f'{_binding_text(binding)},"type":["VerifiableCredential","RecordCredential"],"validFrom":"{time}"}}'
        ).encode()
        content = hashlib.sha256(before)
        content.update(after)
        value = multibase.encode(self._sign(options + content.digest()))
        proof = f',"proof":{self._options}{time}{self._before_value}{value}{self._after_value}'
        return b"".join((before, proof.encode(), after))


def seal(record_json: bytes, binding: Binding, issuer: str, method: str, signer: Signer, valid_from: datetime) -> bytes:
    """The credential of one record; see `Sealer.seal`, which spares the preparation for many of one issuer."""
    return Sealer(issuer, method, signer).seal(record_json, binding, valid_from)


@lru_cache(maxsize=256)
def _names(native_format: str, evidence_type: str, mapping: str, version: str) -> None:
    for name in (native_format, evidence_type, mapping, version):
        if NAME.fullmatch(name) is None:
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
    if not 1 <= binding.revision <= LARGEST:
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
