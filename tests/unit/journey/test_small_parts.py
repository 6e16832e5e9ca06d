"""Marks, verdicts at ingest, waiting times, crash points, what is told of a fault."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Broken, InputError
from gateway.journey import crash
from gateway.journey.backoff import Backoff
from gateway.journey.judge import judge
from gateway.journey.marks import mark_of, written_here
from gateway.journey.metrics import Metrics
from gateway.journey.seal import content_digest
from gateway.journey.telling import frames_of, trouble_of
from gateway.spi import (
    Basis,
    Check,
    Claim,
    DeliveryKey,
    Evidence,
    Finding,
    NativeRecord,
    Quorum,
    Relay,
    Report,
    SourceRecord,
)
from tests.unit.store.conftest import WHEN

SOURCES = Path(__file__).resolve().parents[3] / "gateway"


def record(entry: bytes, relay: Relay) -> SourceRecord:
    return SourceRecord("s", {"i": 1}, NativeRecord("f", b""), Evidence("t", b"n" * 32, {}, (), {}), WHEN, entry, relay)


def test_own_writing_is_known_by_the_secret_alone() -> None:
    secret, key = os.urandom(32), DeliveryKey(os.urandom(32))
    mark = mark_of(secret, key)
    assert written_here(secret, record(key, Relay(key, mark)))
    assert not written_here(os.urandom(32), record(key, Relay(key, mark)))
    assert not written_here(secret, record(b"k" * 32, Relay(key, mark))), "copied beside another key"
    assert not written_here(secret, record(b"k" * 32, Relay(b"k" * 32, mark)))
    assert not written_here(secret, record(key, Relay(key, os.urandom(32))))


@given(st.binary(), st.integers(1, 2**31), st.booleans(), st.binary(), st.integers(1, 2**31), st.booleans())
def test_the_digest_that_networks_compare_is_of_content_revision_and_withdrawal(a, b, c, d, e, f) -> None:
    assert (content_digest(a, b, c) == content_digest(d, e, f)) == ((a, b, c) == (d, e, f))


FINE = Check("x.fine", "passed", "it is so")


def report(recorded: str = "passed", valid: str = "passed", *bad: Check) -> Report:
    """A report as verifiers give it; `bad` are the checks that decided."""
    checks = (FINE, *bad)
    ids = tuple(check.id for check in checks)
    quorum = Quorum(3, 3)
    return Report(
        (
            Finding(Claim.RECORDED, recorded, Basis.CONSENSUS, quorum, checks=ids),
            Finding(Claim.VALID, valid, Basis.CONSENSUS, quorum, checks=ids),
        ),
        checks,
        "s",
        {"i": 1},
    )


def test_what_is_recorded_and_valid_passes() -> None:
    judged = judge(report())
    assert judged.why is None
    assert judged.basis is Basis.CONSENSUS


@pytest.mark.parametrize("claim", [0, 1])
@pytest.mark.parametrize("sub", ["HASH_FAILURE", "FORMAT_FAILURE", "SIGNED_DATA_NOT_FOUND"])
def test_what_concerns_one_record_puts_that_one_aside(sub: str, claim: int) -> None:
    bad = Check("x.leaf", "failed", "it differs", sub_indication=sub, hint="look")
    outcomes = ["passed", "passed"]
    outcomes[claim] = "failed"
    judged = judge(report(*outcomes, bad))
    assert judged.why is not None
    assert judged.why.code == "journey.not-proven"
    assert "x.leaf: it differs" in judged.why.detail
    assert judged.why.hint == "look"


@pytest.mark.parametrize("sub", ["NO_CERTIFICATE_CHAIN_FOUND", "SIG_CRYPTO_FAILURE", "SIG_CONSTRAINTS_FAILURE"])
def test_what_concerns_the_network_stops_it(sub: str) -> None:
    bad = Check("x.quorum", "indeterminate", "too few", sub_indication=sub)
    with pytest.raises(Broken, match=r"x\.quorum: too few"):
        judge(report("indeterminate", "indeterminate", bad))


def test_a_report_on_which_no_dossier_could_stand_puts_the_record_aside() -> None:
    for empty in (Report((), ()), msgspec.structs.replace(report(), findings=report().findings[:1])):
        judged = judge(empty)
        assert judged.why is not None
        assert judged.why.code == "journey.no-report"
        assert judged.basis is None


@given(st.floats(0.001, 10), st.floats(10, 1000), st.integers(1, 200))
def test_waits_grow_up_to_the_most_and_begin_again(first: float, most: float, times: int) -> None:
    backoff = Backoff(first, most)
    waits = [backoff.next() for _ in range(times)]
    assert all(first / 2 <= wait <= most for wait in waits)
    assert backoff.failures == times
    backoff.reset()
    assert backoff.next() <= first


def test_every_crash_point_stands_in_the_code_once_by_its_name() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in SOURCES.rglob("*.py"))
    assert sorted(re.findall(r'crash_point\("([^"]+)"\)', text)) == sorted(crash.CRASH_POINTS)


def test_a_crash_point_that_is_not_armed_costs_nothing() -> None:
    crash.crash_point("ingest.read")
    process = os.fork()
    if not process:
        crash.arm("ingest.read:2")
        crash.crash_point("ingest.read")
        crash.crash_point("other")
        crash.crash_point("ingest.read")
        os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == crash.CRASHED


def test_a_fault_is_told_without_what_it_says() -> None:
    canary = "CANARY"
    try:
        _fail(canary)
    except ValueError as error:
        told = " ".join(frames_of(error)) + trouble_of(error)
    assert canary not in told
    assert "_fail" in told
    from gateway.journey.judge import NOT_PROVEN

    assert trouble_of(InputError(NOT_PROVEN, "the detail")) == "journey.not-proven: the detail"


def _fail(text: str) -> None:
    raise ValueError(text)


def test_metrics_are_labelled_by_network_alone() -> None:
    metrics, others = Metrics(), Metrics()
    metrics.landed.labels("xb").inc(3)
    assert others.registry.get_sample_value("gateway_landed_total", {"network": "xb"}) is None
    assert metrics.registry.get_sample_value("gateway_landed_total", {"network": "xb"}) == 3
    for family in metrics.registry.collect():
        for sample in family.samples:
            assert set(sample.labels) <= {"network", "le"}
