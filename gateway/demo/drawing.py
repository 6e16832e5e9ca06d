"""Draws what went where: two networks, a gateway between them, one row for every record that crossed. Plain SVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape

import msgspec

__all__ = ["Crossing", "Outcome", "Side", "draw"]

Side = Literal["left", "right"]
Outcome = Literal["landed", "parked", "quarantined", "under way"]


class Network(msgspec.Struct, frozen=True):
    """One side of the picture. `facts` are a few short lines under its name."""

    office: str
    name: str
    facts: tuple[str, ...]


class Crossing(msgspec.Struct, frozen=True):
    """One native record on its way.

    origin   the side that it came from
    number   the right that it is about, as a person writes it
    title    what a person calls it
    native   its format there, and where it stands
    kinds    the common records that came out of it, with their numbers
    foreign  the format on the other side, and where it stands now
    losses   how many fields the other side's format could not hold
    """

    origin: Side
    number: str
    title: str
    native: tuple[str, str]
    kinds: tuple[tuple[str, int], ...]
    foreign: tuple[str, str]
    losses: int
    outcome: Outcome


class Claim(msgspec.Struct, frozen=True):
    """One claim of the verdict, in a word and a basis."""

    claim: str
    passed: bool | None
    basis: str


INK, SOFT, FAINT, PAPER, CARD = "#182230", "#5b6778", "#dfe4ea", "#f6f5f1", "#ffffff"
LEFT, RIGHT, GOOD, WARN, BAD = "#0e7c7b", "#5145cd", "#1a7f4b", "#b7620b", "#b3261e"
TINT: Final = {LEFT: "#e3f1f0", RIGHT: "#ebe9fb"}
WIDTH, MARGIN, PANEL, ROW, TOP = 1240, 36, 384, 104, 236
MIDDLE = WIDTH / 2
SANS = "font-family=\"'Inter','Segoe UI','Helvetica Neue','Noto Sans','DejaVu Sans',sans-serif\""
MONO = "font-family=\"'JetBrains Mono','SF Mono','Menlo','DejaVu Sans Mono',monospace\""


def draw(left: Network, right: Network, crossings: Sequence[Crossing], verdict: str, claims: Sequence[Claim]) -> str:
    """The whole picture as an SVG document."""
    bottom = TOP + max(1, len(crossings)) * ROW
    height = bottom + 150
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
    parts = [
        f'{opening} aria-labelledby="title what">',
        f'<title id="title">{escape(f"Records between office {left.office} and office {right.office}")}</title>',
        f'<desc id="what">{escape(_in_words(left, right, crossings, verdict))}</desc>',
        _definitions(),
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _heading(left, right, crossings),
        _panel(left, MARGIN, LEFT, bottom),
        _panel(right, WIDTH - MARGIN - PANEL, RIGHT, bottom),
        _gateway(bottom),
    ]
    for place, crossing in enumerate(crossings):
        parts.append(_row(crossing, TOP + place * ROW))
    parts.append(_verdict(verdict, claims, bottom + 44))
    parts.append("</svg>\n")
    return "\n".join(parts)


def _definitions() -> str:
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0.5 1 9 5 0.5 9 2.6 5z" fill="{colour}"/></marker>'
        for name, colour in (("to-right", LEFT), ("to-left", RIGHT), ("stopped", BAD))
    )
    return f"<defs>{heads}</defs>"


def _heading(left: Network, right: Network, crossings: Sequence[Crossing]) -> str:
    landed = sum(number for each in crossings if each.outcome == "landed" for _, number in each.kinds)
    line = f"{landed} common record{'' if landed == 1 else 's'} landed in the other network's own form, each with proof"
    return (
        _text(MARGIN, 56, "What went where", 25, INK, weight=650)
        + _text(MARGIN, 82, line, 14.5, SOFT)
        + _legend(left, right)
    )


def _legend(left: Network, right: Network) -> str:
    x = WIDTH - MARGIN - 300
    return "".join(
        f'<path d="M{x + place * 156} 70 h40" stroke="{colour}" stroke-width="2.5" marker-end="url(#{head})"/>'
        + _text(x + place * 156 + 50, 75, f"{one.office} to {other.office}", 13, SOFT)
        for place, (colour, head, one, other) in enumerate(
            ((LEFT, "to-right", left, right), (RIGHT, "to-left", right, left))
        )
    )


def _panel(network: Network, x: float, colour: str, bottom: float) -> str:
    top = 108
    facts = "".join(_text(x + 76, top + 60 + 19 * place, fact, 12.5, SOFT) for place, fact in enumerate(network.facts))
    return (
        f'<rect x="{x}" y="{top}" width="{PANEL}" height="{bottom - top + 8}" rx="16" fill="{CARD}" '
        f'stroke="{FAINT}"/>'
        f'<rect x="{x + 20}" y="{top + 24}" width="42" height="42" rx="11" fill="{colour}"/>'
        + _text(x + 41, top + 51, network.office, 16, "#ffffff", weight=700, anchor="middle")
        + _text(x + 76, top + 40, network.name, 16.5, INK, weight=620)
        + facts
    )


def _gateway(bottom: float) -> str:
    top, width = 108, 196
    x = MIDDLE - width / 2
    return (
        f'<rect x="{x}" y="{top}" width="{width}" height="{bottom - top + 8}" rx="16" fill="#eef0ee" stroke="{FAINT}" '
        f'stroke-dasharray="2 5" stroke-linecap="round"/>'
        + _text(MIDDLE, top + 40, "gateway", 16.5, INK, weight=620, anchor="middle")
        + _text(MIDDLE, top + 60, "verify · translate · seal", 12.5, SOFT, anchor="middle")
        + _text(MIDDLE, top + 79, "route · deliver", 12.5, SOFT, anchor="middle")
    )


def _row(crossing: Crossing, y: float) -> str:
    colour = LEFT if crossing.origin == "left" else RIGHT
    inner = 20
    cards = {"left": (MARGIN + inner, LEFT), "right": (WIDTH - MARGIN - PANEL + inner, RIGHT)}
    width, height = PANEL - 2 * inner, ROW - 22
    middle = y + height / 2
    other: Side = "right" if crossing.origin == "left" else "left"
    arrived = crossing.outcome == "landed"
    ends = {"left": MARGIN + inner + width + 5, "right": WIDTH - MARGIN - PANEL + inner - 5}
    capsule = 172
    toward = 1 if crossing.origin == "left" else -1
    head = "to-right" if crossing.origin == "left" else "to-left"
    way = (
        f'<path d="M{ends[crossing.origin]} {middle} H{MIDDLE - toward * (capsule / 2 + 3)}" stroke="{colour}" '
        f'stroke-width="2.5" fill="none"/>'
    )
    if arrived:
        way += (
            f'<path d="M{MIDDLE + toward * (capsule / 2 + 3)} {middle} H{ends[other]}" stroke="{colour}" '
            f'stroke-width="2.5" fill="none" marker-end="url(#{head})"/>'
        )
    else:
        way += (
            f'<path d="M{MIDDLE + toward * (capsule / 2 + 3)} {middle} h{toward * 26}" stroke="{BAD}" '
            f'stroke-width="2.5" stroke-dasharray="4 4" fill="none" marker-end="url(#stopped)"/>'
        )
    called = (crossing.number, crossing.title)
    here = _card(cards[crossing.origin][0], y, (width, height), colour, called, crossing.native, own=True)
    there = _card(cards[other][0], y, (width, height), colour, called, crossing.foreign, own=False) if arrived else ""
    return f"<g>{way}{here}{there}{_capsule(crossing, y, height, capsule, colour)}</g>"


def _card(
    x: float,
    y: float,
    size: tuple[float, float],
    colour: str,
    called: tuple[str, str],
    stands: tuple[str, str],
    *,
    own: bool,
) -> str:
    (width, height), (number, title), (form, place) = size, called, stands
    fill, line = (TINT[colour], "none") if own else (CARD, colour)
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="11" fill="{fill}" stroke="{line}" '
        f'stroke-opacity=".5"/>'
        f'<rect x="{x}" y="{y + 15}" width="3.5" height="{height - 30}" rx="1.75" fill="{colour}"/>'
        + _text(x + 18, y + 27, _fitting(number, 36), 15, INK, weight=620)
        + _text(x + 18, y + 47, _fitting(title, 45), 13, INK)
        + _text(x + 18, y + 67, _fitting(form, 20), 12.5, colour, weight=600)
        + _text(x + width - 14, y + 67, _fitting(place, 26), 11.5, SOFT, anchor="end", mono=True)
    )


def _capsule(crossing: Crossing, y: float, height: float, width: float, colour: str) -> str:
    x = MIDDLE - width / 2
    kinds = [f"{number} × {kind}" if number > 1 else kind for kind, number in crossing.kinds]
    if len(kinds) > 2:
        total = sum(number for _, number in crossing.kinds)
        kinds = [kinds[0], f"and {total - crossing.kinds[0][1]} more"]
    if crossing.outcome == "landed":
        state = (
            f"{crossing.losses} field{'' if crossing.losses == 1 else 's'} not held"
            if crossing.losses
            else "nothing lost"
        )
        tone = WARN if crossing.losses else GOOD
    else:
        state, tone = crossing.outcome, BAD
    lines = [*(_text(MIDDLE, 0, _fitting(kind, 22), 12.5, INK, weight=600, anchor="middle") for kind in kinds)]
    step = 17
    first = y + height / 2 - (len(kinds) * step) / 2 + 3
    shown = "".join(line.replace('y="0"', f'y="{first + place * step:g}"') for place, line in enumerate(lines))
    return (
        f'<rect x="{x}" y="{y + 4}" width="{width}" height="{height - 8}" rx="{(height - 8) / 2}" fill="{CARD}" '
        f'stroke="{colour}" stroke-width="1.5"/>{shown}'
        + _text(MIDDLE, first + len(kinds) * step, state, 11.5, tone, weight=600, anchor="middle")
    )


def _verdict(verdict: str, claims: Sequence[Claim], y: float) -> str:
    colour = {"TOTAL-PASSED": GOOD, "TOTAL-FAILED": BAD}.get(verdict, WARN)
    width = WIDTH - 2 * MARGIN
    out = [
        f'<rect x="{MARGIN}" y="{y}" width="{width}" height="72" rx="16" fill="{CARD}" stroke="{FAINT}"/>',
        f'<rect x="{MARGIN + 14}" y="{y + 14}" width="210" height="44" rx="12" fill="{colour}"/>',
        _text(MARGIN + 119, y + 42, verdict, 15.5, "#ffffff", weight=700, anchor="middle"),
    ]
    x = MARGIN + 252.0
    step = (width - 252 - 20) / max(1, len(claims))
    for claim in claims:
        tone = {True: GOOD, False: BAD, None: SOFT}[claim.passed]
        sign = {True: "M-5 0 -1.5 4 5.5 -4.5", False: "M-4 -4 4 4M4 -4-4 4", None: "M-5 0 5 0"}[claim.passed]
        out.append(
            f'<path transform="translate({x + 8:.1f} {y + 31})" d="{sign}" fill="none" stroke="{tone}" '
            f'stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>'
            + _text(x + 22, y + 35, claim.claim.replace("_", " "), 14, INK, weight=620)
            + _text(x + 22, y + 53, _fitting(claim.basis, int(step / 6.6)), 12, SOFT)
        )
        x += step
    out.append(_text(MARGIN, y + 96, "What one dossier of these proves, checked offline.", 12, SOFT))
    return "".join(out)


def _text(
    x: float,
    y: float,
    said: str,
    size: float,
    fill: str,
    *,
    weight: int = 400,
    anchor: str = "start",
    mono: bool = False,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" {MONO if mono else SANS} fill="{fill}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(said)}</text>'
    )


def _fitting(said: str, cells: int) -> str:
    """As much of a text as fits, counted in cells: East Asian wide characters take two, capitals a quarter more."""
    room = float(cells)
    kept: list[str] = []
    for character in said:
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1.25 if character.isupper() else 1
        if room < 1 and len(kept) < len(said) - 1:
            return "".join(kept).rstrip() + "…"
        kept.append(character)
    return said


def _in_words(left: Network, right: Network, crossings: Iterable[Crossing], verdict: str) -> str:
    lines = [
        f"{each.number}, {each.title}: {each.native[0]} at {(left if each.origin == 'left' else right).office}, "
        f"{each.outcome} as {each.foreign[0]}, {each.losses} fields not held."
        for each in crossings
    ]
    return " ".join([*lines, f"Verdict of one dossier: {verdict}."])
