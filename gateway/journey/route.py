"""Which records go where. No route that matches, no release.

Beside the configured routes three rules hold that no configuration lifts: a record never goes where it came from
or has been, never further than four hops, and an unpublished one only to an office that the applicant named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.errors import ConfigError, InputError, fault
from gateway.journey.assembly import RoutePlan
from gateway.spi import Basis

__all__ = ["MOST_HOPS", "Place", "Routed", "Router", "compile_condition"]

MOST_HOPS: Final = 4
KNOWN: Final = frozenset({"record", "office", "network", "revision"})

BAD_CONDITION = fault(
    "route.condition",
    "The condition of a route is not CEL over `record`, `office`, `network` and `revision`.",
    "Mend `when`; `gateway route test` tries it on records that are in the store.",
)
NO_ANSWER = fault(
    "route.no-answer",
    "The condition of a route gives no answer for this record; the record is not let pass.",
    "Ask with `has(record.member)` before a member that not every record has.",
)
UNKNOWN_NETWORK = fault(
    "route.network", "The route names a network that is not configured.", "Mend `from` or `to`, or add the network."
)

Condition = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """A network that can be written to: its row in the store, its digest, its office and its configured name."""

    row: int
    digest: bytes
    office: str
    name: str


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a record goes, and what a person should know of where it does not go."""

    to: Sequence[Place]
    notes: Sequence[str] = ()


def compile_condition(source: str, where: str = "") -> Condition:
    """A condition that gives true or false, or raises InputError where it gives no answer for a record.

    Raises ConfigError where it is not CEL or names something unknown.
    """
    import cel  # its package brings a command line of its own along, 0.2 s of start-up that few configurations need

    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ConfigError(BAD_CONDITION, str(error).splitlines()[0], where=where or None) from error
    unknown = sorted(_free_variables(source, program.variables()))
    if unknown:
        raise ConfigError(BAD_CONDITION, f"{', '.join(unknown)} is not known here", where=where or None)

    def holds(values: Mapping[str, Any]) -> bool:
        try:
            answer = program.execute(dict(values))
        except Exception as error:  # the binding raises KeyError, TypeError, RuntimeError, …: all mean "no answer"
            raise InputError(NO_ANSWER, f"{type(error).__name__}: {error}", where=where or None) from error
        if answer is not True and answer is not False:
            raise InputError(NO_ANSWER, "it gives neither true nor false", where=where or None)
        return answer

    return holds


def _free_variables(source: str, named: Sequence[str]) -> set[str]:
    """Names that nothing binds. A comprehension's own variable is named as the first argument of its macro."""
    bound = set()
    for macro in (".all(", ".exists(", ".exists_one(", ".map(", ".filter("):
        at = source.find(macro)
        while at >= 0:
            bound.add(source[at + len(macro) :].split(",", 1)[0].strip())
            at = source.find(macro, at + 1)
    return set(named) - KNOWN - bound


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    to: Sequence[Place]
    records: frozenset[str] | None
    holds: Condition | None
    basis: Basis


class Router:
    """The routes out of every network, compiled once. Replaced as a whole when routes change."""

    def __init__(self, plans: Sequence[RoutePlan], places: Mapping[str, Place], names: Sequence[str]) -> None:
        """`places` are the networks that can be written to by now; `names` all that are configured.

        Raises ConfigError for a network that is not configured, or a condition that is not one.
        """
        self._from: dict[str, list[_Route]] = {}
        for plan in plans:
            for name in (plan.origin, *plan.to):
                if name not in names:
                    raise ConfigError(UNKNOWN_NETWORK, f"{plan.name!r} names {name!r}", where=f"routes.{plan.name}")
            condition = None
            if plan.when is not None:
                condition = compile_condition(plan.when, f"routes.{plan.name}.when")
            self._from.setdefault(plan.origin, []).append(
                _Route(
                    plan.name,
                    tuple(places[name] for name in plan.to if name in places),
                    frozenset(plan.records) if plan.records else None,
                    condition,
                    plan.basis,
                )
            )

    def of(
        self,
        network: str,
        office: str,
        named: tuple[str, ...] | None,
        json: bytes,
        kind: str,
        basis: str | None,
        been: frozenset[bytes],
        hops: int,
        revision: int = 1,
        only: int | None = None,
    ) -> Routed:
        """Where a record of `network` goes.

        named  offices that may see it while it is unpublished; None where it is published
        basis  on which `recorded` stands
        been   digests of the networks that it has been on, this one included
        hops   how many networks that were
        only   look at this destination (row) alone: a route that was added later
        """
        routes = self._from.get(network)
        if not routes or hops > MOST_HOPS:
            return _NOWHERE
        to: dict[int, Place] = {}
        notes: list[str] = []
        values: dict[str, Any] | None = None
        for route in routes:
            if route.records is not None and kind not in route.records:
                continue
            if basis is None or _RANK[basis] < _RANK[route.basis]:
                notes.append(f"route {route.name} asks for {route.basis}, the evidence gives {basis or 'none'}")
                continue
            if route.holds is not None:
                if values is None:
                    values = {
                        "record": orjson.loads(json),
                        "office": office,
                        "network": network,
                        "revision": revision,
                    }
                try:
                    if not route.holds(values):
                        continue
                except InputError as error:
                    notes.append(f"route {route.name}: its condition gives no answer: {error.detail}")
                    continue
            for place in route.to:
                if place.digest in been or (only is not None and place.row != only):
                    continue
                if named is not None and place.office not in named:
                    notes.append(f"route {route.name}: unpublished, and {place.office} was not named by the applicant")
                    continue
                to[place.row] = place
        if not notes:
            return Routed(tuple(to.values()))
        return Routed(tuple(to.values()), notes)


_NOWHERE: Final = Routed(())
_RANK: Final = {basis.value: rank for rank, basis in enumerate(Basis)}
