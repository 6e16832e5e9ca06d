"""Logs tell what happened and where, and never what a record says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from gateway.cli.logs import configure
from gateway.config import Log

CANARY = "the neighbour's canary"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fail(content: str) -> None:
    raise ValueError(f"cannot read {content}")


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_unforeseen_error_shows_its_place_and_no_content(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(form=form))  # type: ignore[arg-type]  # one of the two
    try:
        fail(CANARY)
    except ValueError as error:
        structlog.get_logger("test").error("worker failed", exc_info=error)
        structlog.get_logger("test").exception("worker failed again")
    said = capsys.readouterr().err
    assert said.count("ValueError") == 2
    assert "test_logs.py" in said
    assert CANARY not in said
    if form == "json":
        assert all(json.loads(line)["level"] == "error" for line in said.splitlines())


def test_nothing_below_the_level_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(level="warning"))
    structlog.get_logger("test").info("started")
    structlog.get_logger("test").warning("slow")
    said = capsys.readouterr()
    assert "started" not in said.err
    assert "slow" in said.err
    assert said.out == ""
