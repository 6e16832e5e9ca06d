"""The outcome of checking one file, in the terms of ETSI EN 319 102-1 V1.4.1, clause 5.1.3 and tables 5 and 6.

`NO_CERTIFICATE_CHAIN_FOUND_NO_POE` is the European Commission's DSS's; all others are the standard's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, NoReturn

import msgspec

from gateway.errors import Misuse, fault
from gateway.spi import Check, CheckOutcome, Finding

__all__ = [
    "FAILURES",
    "SCHEMA",
    "SEVERITY",
    "About",
    "Anchors",
    "Existence",
    "Indication",
    "Object",
    "PolicyName",
    "Verdict",
    "combine",
    "release",
    "schema",
]

SCHEMA: Final = "ip-verdict/1"

Indication = Literal["TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"]

# The first that applies is told. What is certain goes before what is not; among what is not, what points at misuse
# goes before what is merely missing.
SEVERITY: Final = (
    "FORMAT_FAILURE",
    "HASH_FAILURE",
    "SIG_CRYPTO_FAILURE",
    "REVOKED",
    "EXPIRED",
    "NOT_YET_VALID",
    "REVOKED_NO_POE",
    "OUT_OF_BOUNDS_NO_POE",
    "CHAIN_CONSTRAINTS_FAILURE",
    "SIG_CONSTRAINTS_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    "TIMESTAMP_ORDER_FAILURE",
    "NO_CERTIFICATE_CHAIN_FOUND_NO_POE",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "NO_POE",
    "SIGNED_DATA_NOT_FOUND",
    "TRY_LATER",
    "POLICY_PROCESSING_ERROR",
    "GENERIC",
)
FAILURES: Final = frozenset(SEVERITY[:6])
"""The sub-indications of TOTAL-FAILED; with GENERIC, which goes with both."""

_RANK: Final = {name: rank for rank, name in enumerate(SEVERITY)}

TRUTH = fault(
    "verdict.truth",
    "A verdict is neither true nor false.",
    'Compare `verdict.indication`: INDETERMINATE is neither "yes" nor "no".',
)


class Existence(msgspec.Struct, frozen=True):
    """That an object existed at `time`; `check` is the id of the check that proved it."""

    time: datetime
    kind: str
    check: str


class Object(msgspec.Struct, frozen=True):
    """One thing that was looked at: SHA-256 (lower hex), a label, and the earliest time at which it surely existed."""

    digest: str
    label: str
    earliest: Existence | None = None


class PolicyName(msgspec.Struct, frozen=True):
    """Which policy was applied; `digest` is the SHA-256 (lower hex) of its JSON."""

    id: str
    digest: str


class Anchors(msgspec.Struct, frozen=True):
    """What was believed to begin with.

    given    whether the verifier was given anchors; the file's own copy never counts
    digest   SHA-256 (lower hex) of the registry's bytes
    root     fingerprint of the registry's root key
    newest   time of its newest statement
    """

    given: bool
    digest: str | None = None
    root: str | None = None
    newest: datetime | None = None


class About(msgspec.Struct, frozen=True):
    """What the file says it is about. Nothing here is proven unless the claims are.

    record      class of the common record
    subjects    the IP rights, `office/scheme/number`
    issuer      DID
    record_key  lower hex
    network     digest of the network, lower hex
    """

    record: str
    subjects: tuple[str, ...]
    issuer: str
    record_key: str
    revision: int
    network: str
    withdrawn: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """The outcome, with all that it rests on: the same file, policy, anchors and `now` give the same bytes.

    claims     what was claimed and how it stands, asked for or not
    checks     every single check, in the order in which it was made
    best_time  the earliest proven time at which the credential existed
    now        the time at which it was judged
    dossier    SHA-256 (lower hex) of the file
    release    of the gateway that judged
    """

    indication: Indication
    sub_indication: str | None
    claims: tuple[Finding, ...]
    checks: tuple[Check, ...]
    now: datetime
    policy: PolicyName
    anchors: Anchors
    dossier: str
    release: str
    about: About | None = None
    best_time: datetime | None = None
    objects: tuple[Object, ...] = ()
    schema: Literal["ip-verdict/1"] = SCHEMA

    def __bool__(self) -> NoReturn:
        raise Misuse(TRUTH)

    def encode(self) -> bytes:
        """JSON with sorted members and no blanks."""
        return _encoder.encode(self)

    def check(self, name: str) -> tuple[Check, ...]:
        """The checks with the id `name`."""
        return tuple(check for check in self.checks if check.id == name)


_encoder: Final = msgspec.json.Encoder(order="sorted")


def combine(parts: Iterable[tuple[CheckOutcome, str | None]]) -> tuple[Indication, str | None]:
    """The worst of `parts` (outcome and sub-indication each), by `SEVERITY`.

    What failed goes before what is indeterminate; what was skipped counts as indeterminate. No parts: passed.
    """
    failed: list[str] = []
    open_: list[str] = []
    for outcome, sub in parts:
        if outcome == "failed":
            failed.append(sub if sub in FAILURES else "GENERIC")
        elif outcome != "passed":
            open_.append(sub if sub in _RANK else "GENERIC")
    if failed:
        return "TOTAL-FAILED", min(failed, key=_RANK.__getitem__)
    if open_:
        return "INDETERMINATE", min(open_, key=_RANK.__getitem__)
    return "TOTAL-PASSED", None


_MOMENTS: Final = frozenset({"now", "time", "best_time", "newest"})
_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$"
_DIGESTS: Final = frozenset({"digest", "dossier", "root", "record_key", "network"})


@cache
def release() -> str:
    """The release that judges, as it was installed."""
    try:
        return version("ip-office-gateway")
    except PackageNotFoundError:
        return "unknown"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `Verdict.encode`."""
    made = msgspec.json.schema(Verdict)
    for name, part in made["$defs"].items():
        if part.get("type") != "object":
            continue
        part["description"] = inspect.cleandoc(part.get("description", ""))
        part["additionalProperties"] = False
        # Checks leave out what they have nothing to say about; all else is always written.
        if name != "Check":
            part["required"] = sorted(part["properties"])
        for called, property_ in part["properties"].items():
            property_.pop("default", None)
            if called in _MOMENTS:
                for one in property_.get("anyOf", [property_]):
                    if one.get("type") == "string":
                        one.update(format="date-time", pattern=_MOMENT)
            elif called in _DIGESTS:
                for one in property_.get("anyOf", [property_]):
                    if one.get("type") == "string":
                        one["pattern"] = "^[0-9a-f]{64}$"
    sub = {"anyOf": [{"enum": list(SEVERITY)}, {"type": "null"}]}
    made["$defs"]["Verdict"]["properties"]["sub_indication"] = sub
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ip-verdict:1",
        "title": "Verdict about a dossier or a credential",
        **made,
    }
