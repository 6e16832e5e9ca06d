"""Code lists of WIPO's standards, as data with their source: ST.3 offices, ST.16 kinds, ST.27, ST.61, ST.87 events.

The lists lie in `codes/` beside this file, and each says where it comes from and whether it is complete. Of ST.27
all codes are there. Of ST.61 and ST.87 only what they share with ST.27 is: a code of theirs that has the right
shape is taken as it comes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from gateway.errors import InputError, Misuse, fault

__all__ = [
    "EventCode",
    "EventTable",
    "Standing",
    "event_table",
    "is_kind",
    "is_office",
    "offices",
    "parse_event_code",
    "standing",
    "table",
    "unmapped",
]

UNKNOWN_EVENT = fault(
    "codes.unknown-event",
    "An event code holds a part that its standard does not know.",
    "Correct it at its source; where an office's event has no counterpart, write the category's unmapped code (X00) "
    "and keep the office's own code.",
)
EVENT_SHAPE = fault(
    "codes.event-shape",
    "An event code is not written as ST.27 writes them.",
    "Write state, previous stage, current stage, key event, detailed event, an indicator or none, and the office's own "
    "code: A-1-2-D10-D15-EXM-E902.",
)
NO_TABLE = fault("codes.no-table", "There is no such code list.", "Take one of those in gateway/model/codes.")

Standing = Literal["current", "former", "private use"]
Standard = Literal["ST.27", "ST.61", "ST.87"]


@cache
def table(name: str) -> dict[str, Any]:
    """The code list `name` as its file holds it: `st3`, `st16`, `st27`, `st61`, `st87`. Raises Misuse on another."""
    if not re.fullmatch(r"st[0-9]{1,2}", name):
        raise Misuse(NO_TABLE, repr(name))
    file = resources.files("gateway.model").joinpath("codes", f"{name}.json")
    if not file.is_file():
        raise Misuse(NO_TABLE, repr(name))
    read: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return read


# ── ST.3, ST.16 ──────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _standings() -> dict[str, Standing]:
    lists = table("st3")
    first, last = lists["privateUse"]["first"], lists["privateUse"]["last"]
    made: dict[str, Standing] = {
        first[0] + chr(letter): "private use" for letter in range(ord(first[1]), ord(last[1]) + 1)
    }
    made.update(dict.fromkeys(lists["former"], "former"))
    made.update(dict.fromkeys(lists["current"], "current"))
    return made


def standing(code: str) -> Standing | None:
    """What `code` is in ST.3: current, former, of the range for private use (XA to XZ, as the sandbox offices XA and XB
    are); None where it is no code at all."""
    return _standings().get(code)


def is_office(code: str, *, former: bool = False, private: bool = True) -> bool:
    """Whether `code` may name an office: a current code always, a former or a private one where it is asked for."""
    found = _standings().get(code)
    return found == "current" or (found == "former" and former) or (found == "private use" and private)


def offices(*, former: bool = False, private: bool = False) -> tuple[str, ...]:
    """The codes that `is_office` takes, sorted."""
    return tuple(sorted(code for code in _standings() if is_office(code, former=former, private=private)))


def is_kind(code: str) -> bool:
    """Whether `code` is a kind code of the subset of ST.16 that is held here. An office may use others."""
    return code in table("st16")["kinds"]


# ── ST.27, ST.61, ST.87 ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class EventTable:
    """One standard's events, each with its short name (None: the name is not held here).

    complete  False: codes of the right shape are taken though the list does not hold them
    """

    standard: str
    complete: bool
    states: dict[str, str | None]
    stages: dict[str, str | None]
    categories: dict[str, str | None]
    key_events: dict[str, str | None]
    detailed_events: dict[str, str | None]
    indicators: dict[str, str | None]

    def knows_key_event(self, code: str) -> bool:
        return code in self.key_events or (not self.complete and self._shaped(code))

    def knows_detailed_event(self, code: str) -> bool:
        return code in self.detailed_events or (not self.complete and self._shaped(code))

    def knows_indicator(self, code: str) -> bool:
        return code in self.indicators or (not self.complete and bool(_INDICATOR.match(code)))

    def _shaped(self, code: str) -> bool:
        return bool(_EVENT.match(code)) and code[0] in self.categories


_EVENT = re.compile(r"[A-Z][0-9]{2}\Z")
_INDICATOR = re.compile(r"[A-Z]{3}\Z")


@cache
def event_table(standard: Standard) -> EventTable:
    """The events of ST.27, ST.61 or ST.87. Raises Misuse on another standard."""
    if standard not in ("ST.27", "ST.61", "ST.87"):
        raise Misuse(NO_TABLE, repr(standard))
    lists = table(standard.lower().replace(".", ""))
    return EventTable(
        standard=lists["standard"],
        complete=lists["complete"],
        states=lists["states"],
        stages=lists["stages"],
        categories=lists["categories"],
        key_events=lists["keyEvents"],
        detailed_events=lists["detailedEvents"],
        indicators=lists["indicators"],
    )


def unmapped(category: str, standard: Standard = "ST.27") -> str:
    """The code for an event of `category` that has no counterpart in the standard: `X00`. Raises InputError on a letter
    that is no category."""
    if category not in event_table(standard).categories:
        raise InputError(UNKNOWN_EVENT, f"{category!r} is no category of {standard}")
    return f"{category}00"


@dataclass(frozen=True, slots=True)
class EventCode:
    """One status event code, in its parts. `str()` of it is the writing with hyphens."""

    standard: Standard
    state: str
    previous_stage: str
    current_stage: str
    key_event: str
    detailed_event: str
    indicator: str | None = None
    national: str | None = None

    def __str__(self) -> str:
        parts = (
            self.state,
            self.previous_stage,
            self.current_stage,
            self.key_event,
            self.detailed_event,
            self.indicator,
            self.national,
        )
        return "-".join(part for part in parts if part is not None)


_PARTS = re.compile(
    r"(?P<state>[A-Za-z])(?P<dash>-?)(?P<previous>[0-9])(?P=dash)(?P<current>[0-9])(?P=dash)"
    r"(?P<key>[A-Za-z][0-9]{2})(?P=dash)(?P<detailed>[A-Za-z][0-9]{2})(?P<rest>(?P=dash)[\x20-\x7e]{1,64})?\Z"
)


def parse_event_code(text: str, standard: Standard = "ST.27") -> EventCode:
    """The parts of a status event code, with hyphens (`A-1-2-D10-D15-EXM-E902`) or without (`A12D10D15EXME902`).

    Indicator and national code may both be missing. Three letters after the detailed event are the indicator where the
    standard knows them, else they begin the national code. Source: WIPO ST.96, pat:StatusEventCode.
    Raises InputError where the text has another shape, or a part is not the standard's.
    """
    found = _PARTS.match(text.strip()) if len(text) <= 128 else None
    if found is None:
        raise InputError(EVENT_SHAPE, f"{text[:128]!r} is no event code")
    events = event_table(standard)
    dash = found["dash"]
    rest = (found["rest"] or "")[len(dash) :] if found["rest"] else ""
    head, _, tail = rest.partition("-") if dash else (rest[:3], "", rest[3:])
    known = head.upper() in events.indicators or (dash and tail and events.knows_indicator(head.upper()))
    indicator, national = (head.upper(), tail) if known else (None, rest)
    made = EventCode(
        standard,
        found["state"].upper(),
        found["previous"],
        found["current"],
        found["key"].upper(),
        found["detailed"].upper(),
        indicator or None,
        national or None,
    )
    for part, right in (
        (made.state, made.state in events.states),
        (made.previous_stage, made.previous_stage in events.stages),
        (made.current_stage, made.current_stage in events.stages),
        (made.key_event, events.knows_key_event(made.key_event)),
        (made.detailed_event, events.knows_detailed_event(made.detailed_event)),
        (made.detailed_event, made.detailed_event[0] == made.key_event[0]),
    ):
        if not right:
            raise InputError(UNKNOWN_EVENT, f"{part!r} in {text!r} is none of {standard}'s")
    return made
