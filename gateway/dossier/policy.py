"""What a verifier asks of a file, as data: three named policies, not ten flags."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.errors import InputError, fault
from gateway.spi import Basis, Claim

__all__ = ["COURT", "INSPECT", "OFFICE", "POLICIES", "Algorithm", "Policy", "Requirement", "policy"]

UNKNOWN = fault("policy.unknown", "There is no policy of that name.", "Take one of: court, office, inspect.")


class Requirement(msgspec.Struct, frozen=True):
    """One claim that is asked for, the weakest basis that will do, and how many must have signed at the least."""

    claim: Claim
    basis: Basis = Basis.ATTESTED
    signed: int = 1


class Algorithm(msgspec.Struct, frozen=True):
    """A signature suite of credentials that is relied on, and up to when (None: no end is set yet)."""

    name: str
    until: datetime | None = None


class Policy(msgspec.Struct, frozen=True):
    """What is asked. One that asks for no claim never gives TOTAL-PASSED.

    claims      each must hold, on its basis or a stronger one; the network's registry segment may ask for more
    algorithms  the suites that credentials may be signed with
    summary     one sentence for a person; part of the digest, like all the rest
    """

    id: str
    summary: str
    claims: tuple[Requirement, ...]
    algorithms: tuple[Algorithm, ...] = (Algorithm("eddsa-jcs-2022"),)

    def encode(self) -> bytes:
        """JSON with sorted members and no blanks; `digest` is over these bytes."""
        return _encoder.encode(self)

    @property
    def digest(self) -> bytes:
        found = _digests.get(self.id)
        if found is not None and (found[0] is self or found[0] == self):
            return found[1]
        return hashlib.sha256(self.encode()).digest()


_encoder: Final = msgspec.json.Encoder(order="sorted")

OFFICE: Final = Policy(
    "office",
    "Recorded, valid, translated and issued, each on the basis that the registry asks of its network or better.",
    (
        Requirement(Claim.RECORDED),
        Requirement(Claim.VALID),
        Requirement(Claim.TRANSLATED),
        Requirement(Claim.ISSUED),
    ),
)
COURT: Final = Policy(
    "court",
    "As office, but the network itself must vouch, not the office's word alone, and a time must be proven"
    " by which it existed.",
    (
        Requirement(Claim.RECORDED, Basis.AUTHORITY),
        Requirement(Claim.VALID, Basis.AUTHORITY),
        Requirement(Claim.TRANSLATED, Basis.AUTHORITY),
        # That the office issued it is the office's own word, by what the claim says.
        Requirement(Claim.ISSUED, Basis.ATTESTED),
        Requirement(Claim.EXISTED_BY, Basis.AUTHORITY),
    ),
)
INSPECT: Final = Policy("inspect", "Asks for nothing and shows everything; never gives TOTAL-PASSED.", ())

POLICIES: Final[Mapping[str, Policy]] = MappingProxyType({one.id: one for one in (COURT, OFFICE, INSPECT)})
_digests: Final = {one.id: (one, hashlib.sha256(one.encode()).digest()) for one in POLICIES.values()}


def policy(name: str) -> Policy:
    """The policy `name`. Raises InputError where there is none."""
    found = POLICIES.get(name)
    if found is None:
        raise InputError(UNKNOWN, f"{name!r} is no policy")
    return found
