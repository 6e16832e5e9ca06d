"""What is believed to begin with, and when a dated segment of it counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.dossier.tally import Tally
from gateway.spi import Proof, Segment, TrustAnchors
from gateway.trust.registry import Registry

__all__ = ["NO_ANCHORS", "Believed", "Watched", "interval", "out_of_force", "text_of", "why"]


class _NoAnchors:
    """A verifier that believes nothing."""

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        return None

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        return ()


NO_ANCHORS: Final[TrustAnchors] = _NoAnchors()


class Believed:
    """The anchors of one verification. `given` is False where there are none, or only a file's own copy."""

    __slots__ = ("anchors", "digest", "given", "registry")

    def __init__(self, anchors: TrustAnchors) -> None:
        registry = anchors if isinstance(anchors, Registry) else None
        self.given: Final = anchors is not NO_ANCHORS and (registry is None or registry.origin == "given")
        self.registry: Final = registry if self.given else None
        self.anchors: Final = anchors
        self.digest: Final = None if self.registry is None else self.registry.digest.hex()

    def check(self, tally: Tally) -> None:
        registry = self.registry
        if not self.given:
            tally.unsettled(
                "registry.given",
                "NO_CERTIFICATE_CHAIN_FOUND",
                "no anchors were given, so nobody's key can be known",
                hint="Give the registry that you trust with --anchors FILE; the copy in the file is not believed.",
            )
        elif registry is None or self.digest is None:
            tally.passed("registry.given", "anchors were given by the verifier")
        else:
            tally.passed("registry.given", "anchors were given by the verifier", registry.fingerprint, (self.digest,))

    def compare(self, tally: Tally, copy: bytes | None, digest: str) -> None:
        """Tells how the file's own copy, of this digest, stands to the registry that was given. It lowers nothing."""
        registry = self.registry
        if copy is None or registry is None:
            return
        if digest == self.digest:
            tally.passed("registry.copy", "the file's copy of the registry is the one that was given", digest)
            return
        # Statements are lines that are only ever added to, so one state begins with another without its last line.
        mine, theirs = registry.encode().rpartition(b"\n]}")[0], copy.rpartition(b"\n]}")[0]
        hint = None
        if mine and theirs.startswith(mine + b",\n"):
            reason = "the file's copy of the registry has further statements, which are not believed here"
            hint = "Ask the registrar for the newest registry, and judge again with that."
        elif theirs and mine.startswith(theirs + b",\n"):
            reason = "the file's copy of the registry is older than the one that was given"
        else:
            reason = "the file's copy of the registry is another than the one that was given"
            hint = "Compare the fingerprints of both roots with the registrar, over another channel."
        tally.skipped("registry.copy", reason, hint=hint, expected=self.digest, found=digest)


class Watched:
    """Anchors that note which segments of networks they gave: what the verifier of the evidence went by.

    A verifier that asks for the one in force goes by that; one that only ever asks for all goes by all.
    """

    __slots__ = ("_all", "_anchors", "_asked", "_given")

    def __init__(self, anchors: TrustAnchors) -> None:
        self._anchors: Final = anchors
        self._given: list[Segment] = []
        self._all: list[Segment] = []
        self._asked = False

    @property
    def used(self) -> Sequence[Segment]:
        return self._given if self._asked else self._all

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        found = self._anchors.at(use, subject, when, height)
        if use == "network":
            self._asked = True
            if found is not None:
                self._given.append(found)
        return found

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        found = self._anchors.all(use, subject)
        if use == "network":
            self._all.extend(found)
        return found


def out_of_force(segment: Segment, proof: Proof | None, now: datetime) -> str | None:
    """Why a segment does not count: in force now, or proven to have been used while it was; else the sub-indication."""
    if segment.ended == "open" and _covers(segment, now):
        return None
    # A time that is proven is an upper bound, so its error is added.
    if proof is not None and _covers(segment, proof.time + timedelta(seconds=proof.accuracy)):
        return None
    return "REVOKED_NO_POE" if segment.ended in ("revoked", "compromised") else "OUT_OF_BOUNDS_NO_POE"


def _covers(segment: Segment, when: datetime) -> bool:
    return segment.since <= when and (segment.until is None or when <= segment.until)


def interval(segment: Segment) -> str:
    return f"{text_of(segment.since)} to {'open' if segment.until is None else text_of(segment.until)}"


def text_of(when: datetime) -> str:
    """UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def why(proof: Proof | None, now: datetime) -> str:
    """The time that counts, and why that one."""
    if proof is None:
        return f"{text_of(now)}: the time to judge at, for no earlier existence is proven"
    return f"{text_of(proof.time)}: its existence by then is proven ({proof.check})"
