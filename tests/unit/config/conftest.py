"""A kind of network whose settings are all that there is to it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from gateway import plugins


class PaperSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a network on paper.

    file    Where it lies.
    pages   How many pages it has.
    pace    Seconds a page.
    shelf   Where it is kept.
    """

    file: str
    pages: Annotated[int, msgspec.Meta(ge=1)] = 10
    pace: float = 1.0
    shelf: str | None = None

    def __post_init__(self) -> None:
        if self.pages == 13:
            raise ValueError("thirteen pages are not accepted here")


class Paper:
    kind = "paper"
    settings = PaperSettings


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: Any = {"paper": Paper()}
    monkeypatch.setattr(plugins, "adapters", lambda: installed)
