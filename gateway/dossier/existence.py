"""Proofs that something existed at a time, as they reach from a file down to what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from gateway.spi import Proof, ProofsOfExistence

__all__ = ["NOTHING_PROVEN", "Known", "WithinFile"]


class Known:
    """Proofs of existence that a verifier holds, read-only; the earliest of each digest counts."""

    __slots__ = ("_proofs",)

    def __init__(self, proofs: Iterable[Proof] = ()) -> None:
        earliest: dict[bytes, Proof] = {}
        for proof in proofs:
            held = earliest.get(proof.digest)
            if held is None or _latest(proof) < _latest(held):
                earliest[proof.digest] = proof
        self._proofs: Final = earliest

    def earliest(self, digest: bytes) -> Proof | None:
        return self._proofs.get(digest)

    def and_also(self, other: ProofsOfExistence) -> Either:
        """These proofs and those of `other`; neither is changed."""
        return Either(self, other)


class Either:
    """Two sets of proofs as one."""

    __slots__ = ("_one", "_other")

    def __init__(self, one: ProofsOfExistence, other: ProofsOfExistence) -> None:
        self._one: Final = one
        self._other: Final = other

    def earliest(self, digest: bytes) -> Proof | None:
        return _earlier(self._one.earliest(digest), self._other.earliest(digest))


class WithinFile:
    """The proofs of `given`, where one for the file counts for each of its members: the file holds them.

    now  a proof of a later time is of no use: it would be a proof out of the future
    """

    __slots__ = ("_file", "_given", "_members", "_now")

    def __init__(self, given: ProofsOfExistence, file: bytes, members: Iterable[bytes], now: datetime) -> None:
        self._given: Final = given
        self._file: Final = file
        self._members: Final = frozenset(members)
        self._now: Final = now

    def earliest(self, digest: bytes) -> Proof | None:
        found = self._usable(digest)
        if digest in self._members and digest != self._file:
            found = _earlier(found, self._usable(self._file))
        return found

    def from_the_future(self) -> Proof | None:
        """A proof for the file or one of its members that is later than `now`, if there is one."""
        for digest in (self._file, *sorted(self._members)):
            proof = self._given.earliest(digest)
            if proof is not None and proof.time > self._now:
                return proof
        return None

    def _usable(self, digest: bytes) -> Proof | None:
        proof = self._given.earliest(digest)
        return None if proof is None or proof.time > self._now else proof


def _earlier(one: Proof | None, other: Proof | None) -> Proof | None:
    if one is None:
        return other
    if other is None:
        return one
    return other if _latest(other) < _latest(one) else one


def _latest(proof: Proof) -> float:
    """Proofs are upper bounds: time and accuracy together."""
    return proof.time.timestamp() + proof.accuracy


NOTHING_PROVEN: Final = Known()
