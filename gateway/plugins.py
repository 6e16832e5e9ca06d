"""Adapters and verifiers, found by their entry points.

`gateway.adapters` maps a kind to an `Adapter`, `gateway.verifiers` an evidence type to a `Verifier`. Each is loaded
when it is asked for, so that a verifier works where the adapter's client libraries are not installed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from gateway.errors import ConfigError, fault
from gateway.spi import Adapter, Verifier

__all__ = ["adapter", "adapters", "origin", "verifiers"]

UNKNOWN = fault(
    "plugin.unknown",
    "No adapter of this kind is installed.",
    "`gateway adapter list` shows the kinds; install the package that brings this one.",
)
UNUSABLE = fault(
    "plugin.unusable",
    "An adapter is installed but cannot be loaded.",
    "Install what it needs: an adapter's libraries are an extra of its package: ip-office-gateway[run,evm].",
)

Plugin = TypeVar("Plugin")


class _Loaded(Mapping[str, Plugin], Generic[Plugin]):
    """The entry points of one group by name. A member is loaded and made at its first use, once.

    A member that is there but cannot be loaded raises ConfigError, never KeyError: `in` says that it is there.
    """

    def __init__(self, group: str) -> None:
        self.points: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=group), key=lambda each: (each.name, each.value)):
            self.points.setdefault(point.name, point)
        self._made: dict[str, Plugin] = {}

    def __getitem__(self, name: str) -> Plugin:
        made = self._made.get(name)
        if made is None:
            point = self.points[name]
            try:
                made = point.load()()
            except (ImportError, AttributeError) as error:
                raise ConfigError(UNUSABLE, f"{name!r} ({point.value}): {error}", where=point.group) from error
            assert made is not None
            self._made[name] = made
        return made

    def __contains__(self, name: object) -> bool:
        return name in self.points

    def __iter__(self) -> Iterator[str]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every installed adapter by kind."""
    return _Loaded("gateway.adapters")


@cache
def verifiers() -> Mapping[str, Verifier]:
    """Every installed verifier by evidence type."""
    return _Loaded("gateway.verifiers")


def adapter(kind: str, *, where: str | None = None) -> Adapter:
    """The adapter of this kind. Raises ConfigError, with the nearest kind that there is."""
    known = adapters()
    if kind in known:
        return known[kind]
    near = difflib.get_close_matches(kind, list(known), n=1)
    raise ConfigError(
        UNKNOWN,
        f"no adapter of the kind {kind!r} is installed",
        where=where,
        hint=f"did you mean {near[0]!r}?" if near else f"installed are: {', '.join(known) or 'none'}",
    )


def origin(kind: str) -> str:
    """The package that brings the adapter, with its version, for a person."""
    known = adapters()
    assert isinstance(known, _Loaded)
    point: EntryPoint = known.points[kind]
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
