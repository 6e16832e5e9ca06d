"""The JSON-LD context of the common records, pinned by its digest, and a strict check of terms against it.

`CONTEXT_ID` is a URN that nobody needs to resolve and nobody else can own; the bytes that it stands for ship with the
program and are pinned by `CONTEXT_DIGEST`. A context of another digest is another context and gets another id.

JSON-LD drops without a word what it has no term for, so that a signature would cover less than a reader sees.
`undefined_terms` finds all of that before anything is signed or believed: it knows the tree of terms (which of them
apply in which node), takes this context and the W3C's `credentials/v2` and no other, and allows nothing in a document
that a JSON-LD processor would drop, fetch, or read in two ways.

Sources: JSON-LD 1.1 (W3C Recommendation, 16 July 2020), sections 4.1.8 (scoped contexts) and 4.1.11 (protected terms);
VCDM 2.0, Annex B (base context).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from gateway.errors import Misuse, fault

__all__ = [
    "CONTEXT",
    "CONTEXT_DIGEST",
    "CONTEXT_ID",
    "CREDENTIALS_CONTEXT",
    "CREDENTIALS_ID",
    "VOCABULARY",
    "equivalents",
    "terms",
    "undefined_terms",
]

ALTERED = fault(
    "context.altered",
    "The JSON-LD context that ships with the program is not the one that it was made with.",
    "Install the program anew: credentials would be bound to another context than they name.",
)

CONTEXT_ID: Final = "urn:uuid:0f6b2d1e-58c4-4a7e-9b57-2d4c8e6a1f30"
CONTEXT_DIGEST: Final = bytes.fromhex("969978f52c1482fb7c53e60e6f68595ff21cd44e9e0b88809a8d907059c4191b")
"""SHA-256 of `CONTEXT`."""

CREDENTIALS_ID: Final = "https://www.w3.org/ns/credentials/v2"
"""The W3C's base context of credentials; it is served from memory, never fetched."""

VOCABULARY: Final = "urn:uuid:5d0f3c52-7f0e-4d5b-9c1f-3a2b1c7e9d46#"
"""What the names of our own terms begin with."""


def _read(name: str) -> bytes:
    return resources.files("gateway.model").joinpath("context", name).read_bytes()


CONTEXT: Final = _read("record-1.jsonld")
CREDENTIALS_CONTEXT: Final = _read("credentials-v2.jsonld")

if hashlib.sha256(CONTEXT).digest() != CONTEXT_DIGEST:  # pragma: no cover — a damaged installation
    raise Misuse(ALTERED)


def equivalents() -> tuple[dict[str, str], ...]:
    """Which of our terms equal, widen or narrow which terms of others: rows of term, relation, of, theirs.

    `relation` is `equal`, `broader` (ours means more) or `narrower`; `of` is ST.96, EPO or schema.org.
    """
    rows: list[dict[str, str]] = json.loads(_read("equivalents.json"))["rows"]
    return tuple(rows)


# ── The tree of terms ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Term:
    iri: str
    type: str | None
    container: str | None
    scoped: _Terms | None


_Terms = dict[str, _Term]


def _terms(context: Mapping[str, Any]) -> _Terms:
    made: _Terms = {}
    for name, defined in context.items():
        if name.startswith("@"):
            continue
        if isinstance(defined, str):
            made[name] = _Term(defined, None, None, None)
        else:
            inner = defined.get("@context")
            made[name] = _Term(
                defined["@id"],
                defined.get("@type"),
                defined.get("@container"),
                _terms(inner) if inner is not None else None,
            )
    return made


# (outer, scoped) by identity, with the two kept alive so that no identity is given twice. Bounded: a hostile document
# can nest scopes in ever new orders
_joined: dict[tuple[int, int], tuple[_Terms, _Terms, _Terms]] = {}


def _with(outer: _Terms, scoped: _Terms) -> _Terms:
    """The terms in force where `scoped` comes on top of `outer`."""
    kept = _joined.get((id(outer), id(scoped)))
    if kept is not None:
        return kept[2]
    both = outer | scoped
    if both == outer:
        both = outer
    if len(_joined) < 1024:
        _joined[id(outer), id(scoped)] = (outer, scoped, both)
    return both


_KNOWN: dict[str, _Terms] = {
    CONTEXT_ID: _terms(json.loads(CONTEXT)["@context"]),
    CREDENTIALS_ID: _terms(json.loads(CREDENTIALS_CONTEXT)["@context"]),
}


@cache
def terms() -> Mapping[str, str]:
    """Every term of our context, at whatever depth, with the IRI that it stands for; keywords (`type`) left out."""
    found: dict[str, str] = {}

    def gather(level: _Terms) -> None:
        for name, term in level.items():
            if not term.iri.startswith("@"):
                found[name] = term.iri
            if term.scoped is not None:
                gather(term.scoped)

    gather(_KNOWN[CONTEXT_ID])
    return dict(sorted(found.items()))


# ── The check ────────────────────────────────────────────────────────────────────────────────────────────────────

_LARGEST = 2**53 - 1
_DEEPEST = 64
_MOST = 100
# RFC 3987's IRI with a scheme: what RDF takes as a name. A blank in it and both known processors drop the node
_IRI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]+\Z"
)


_PROOF = re.compile(r"\.proof(\[[0-9]+\])?\Z")


def undefined_terms(document: object) -> tuple[str, ...]:
    """What in `document` (parsed JSON) a JSON-LD processor would drop, fetch or read otherwise, with its place.

    `document` is a bare common record (no `@context`: ours is meant) or a document whose `@context` is one of the two
    known names or a list of them. Complained of are: terms that no context in force defines, types that none defines,
    other or inline or nested contexts (a proof may repeat the document's own), keywords (`@vocab`, `@id`, …), null,
    names of things that are no absolute IRI or hold blanks, fractions, integers beyond 2^53 - 1, lists in lists,
    texts with half of a surrogate pair, a document that says nothing, more than 64 levels. At most 100 complaints; ()
    means all is well.
    """
    walk = _Walk()
    if not isinstance(document, dict):
        return ("$: not an object",)
    if not document.keys() - {"@context", "id"}:
        return ("$: nothing is said of anything, and all of it is dropped",)
    if "@context" not in document:
        walk.node(document, _KNOWN[CONTEXT_ID], "$", 0)
    else:
        named = document["@context"]
        names = named if isinstance(named, list) else [named]
        active: _Terms = {}
        for name in names:
            if not isinstance(name, str) or name not in _KNOWN:
                shown = name if isinstance(name, str) else f"an inline {type(name).__name__}"
                return (f"$.@context: {shown!r} is no context that is known here",)
            active = _with(active, _KNOWN[name]) if active else _KNOWN[name]
        if not names or len(set(names)) != len(names):
            return ("$.@context: no context, or one of them twice",)
        walk.own = names
        walk.node({key: value for key, value in document.items() if key != "@context"}, active, "$", 0)
    return tuple(walk.found)


class _Walk:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.own: list[object] = []

    def say(self, place: str, what: str) -> None:
        if len(self.found) < _MOST:
            self.found.append(f"{place}: {what}")

    def node(self, node: dict[Any, Any], active: _Terms, place: str, depth: int) -> None:
        if depth > _DEEPEST:
            self.say(place, "nested too deeply")
            return
        here = active  # with what the node's types bring; it ends where the node's own members end
        kinds = node.get("type")
        if kinds is not None:
            listed = kinds if isinstance(kinds, list) else [kinds]
            for kind in sorted(kind for kind in listed if isinstance(kind, str)):
                term = active.get(kind)
                if term is not None and term.scoped is not None:
                    here = _with(here, term.scoped)
            for kind in listed:
                if not isinstance(kind, str) or kind not in active or active[kind].iri.startswith("@"):
                    self.say(f"{place}.type", f"{kind!r} is a type that no context defines")
            if not listed:
                self.say(f"{place}.type", "no type")
        for key, value in node.items():
            where = f"{place}.{key}"
            term = here.get(key) if isinstance(key, str) else None
            if term is None:
                if key == "@context" and _PROOF.search(place) and self.own and self._repeats(value):
                    continue
                self.say(
                    where, "a keyword" if isinstance(key, str) and key[:1] == "@" else "a term that no context defines"
                )
            elif term.iri == "@type":
                continue
            elif term.iri == "@id":
                self.name(value, where)
            elif term.type == "@json":
                self.json(value, where, depth + 1)
            else:
                inside = active if term.scoped is None else _with(active, term.scoped)
                self.value(value, term, inside, where, depth + 1)

    def _repeats(self, value: object) -> bool:
        """Whether a proof's context is the beginning of the document's own: then it changes no term."""
        names = value if isinstance(value, list) else [value]
        return bool(names) and names == self.own[: len(names)]

    def value(self, value: object, term: _Term, active: _Terms, place: str, depth: int) -> None:
        if isinstance(value, str):
            # a value of the type @vocab is a term or an IRI; where it is neither, it becomes no name at all
            if term.type == "@id" or (term.type == "@vocab" and value not in active):
                self.name(value, place)
            elif not value.isascii():
                self.text(value, place)
        elif isinstance(value, dict):
            self.node(value, active, place, depth)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, list):
                    self.say(f"{place}[{index}]", "a list in a list")
                else:
                    self.value(item, term, active, f"{place}[{index}]", depth)
        else:
            self.number(value, place)

    def json(self, value: object, place: str, depth: int) -> None:
        if depth > _DEEPEST:
            self.say(place, "nested too deeply")
        elif isinstance(value, dict):
            for key, item in value.items():
                self.json(item, f"{place}.{key}", depth + 1)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.json(item, f"{place}[{index}]", depth + 1)
        elif isinstance(value, str):
            self.text(value, place)
        elif value is not None:
            self.number(value, place)

    def name(self, value: object, place: str) -> None:
        if not isinstance(value, str) or not _IRI.match(value):
            self.say(place, f"{value!r} is no absolute IRI without blanks")
        else:
            self.text(value, place)

    def text(self, value: str, place: str) -> None:
        try:
            value.encode()
        except UnicodeEncodeError:
            self.say(place, "half of a surrogate pair")

    def number(self, value: object, place: str) -> None:
        if isinstance(value, bool):
            return
        if isinstance(value, int):
            if not -_LARGEST <= value <= _LARGEST:
                self.say(place, f"{value} is beyond 2^53 - 1")
        elif value is None:
            self.say(place, "null, which is dropped")
        elif isinstance(value, float):
            self.say(place, f"{value} is a fraction, whose writing differs between programs")
        else:
            self.say(place, f"{type(value).__name__} is nothing that JSON holds")
