"""Conditions, hops, paths, offices that may see."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, InputError
from gateway.journey.assembly import RoutePlan, spare_processors
from gateway.journey.route import MOST_HOPS, Place, Router, compile_condition
from gateway.spi import Basis

XA = Place(1, b"a" * 32, "XA", "xa")
XB = Place(2, b"b" * 32, "XB", "xb")
XC = Place(3, b"c" * 32, "XC", "xc")
PLACES = {place.name: place for place in (XA, XB, XC)}
RECORD = b'{"type":"Application","office":"XA","applicationNumberBag":[{"office":"XA"}]}'


def ask(plans, *, network="xa", named=None, basis="consensus", been=(XA,), hops=1, kind="Application", only=None):
    router = Router(plans, PLACES, list(PLACES))
    seen = frozenset(place.digest for place in been)
    return router.of(network, "XA", named, RECORD, kind, basis, seen, hops, 1, only)


def to(routed) -> list[str]:
    return [place.name for place in routed.to]


def test_no_route_no_release() -> None:
    assert to(ask([])) == []
    assert to(ask([RoutePlan("other", "xb", ("xc",))])) == []


def test_several_routes_send_once() -> None:
    plans = [RoutePlan("one", "xa", ("xb", "xc")), RoutePlan("two", "xa", ("xb",))]
    assert to(ask(plans)) == ["xb", "xc"]
    assert to(ask(plans, only=3)) == ["xc"]


def test_where_it_has_been_it_does_not_go() -> None:
    plans = [RoutePlan("all", "xa", ("xa", "xb", "xc"))]
    assert to(ask(plans, been=(XA, XB))) == ["xc"]


@given(st.integers(1, 9))
def test_no_further_than_four_hops(hops: int) -> None:
    routed = ask([RoutePlan("on", "xa", ("xb",))], hops=hops)
    assert bool(routed.to) == (hops <= MOST_HOPS)


@pytest.mark.parametrize("asked", list(Basis))
@pytest.mark.parametrize("given_", list(Basis))
def test_the_least_basis(asked: Basis, given_: Basis) -> None:
    routed = ask([RoutePlan("strict", "xa", ("xb",), basis=asked)], basis=given_.value)
    assert bool(routed.to) == given_.at_least(asked)
    assert bool(routed.notes) != bool(routed.to), "why it was not sent is told"


def test_without_a_basis_nothing_goes() -> None:
    assert to(ask([RoutePlan("any", "xa", ("xb",))], basis=None)) == []


def test_unpublished_ones_go_to_offices_that_were_named() -> None:
    plans = [RoutePlan("all", "xa", ("xb", "xc"))]
    assert to(ask(plans, named=("XC",))) == ["xc"]
    assert to(ask(plans, named=())) == []
    assert to(ask(plans, named=None)) == ["xb", "xc"]


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("record.office == 'XA'", True),
        ("record.type in ['PriorityDocument']", False),
        ("office == 'XA' && network == 'xa' && revision == 1", True),
        ("has(record.filingDate) && record.filingDate > '2020-01-01'", False),
        ("record.applicationNumberBag.exists(each, each.office == 'XA')", True),
        ("record.applicationNumberBag.all(one, one.office == 'XB')", False),
    ],
)
def test_conditions(condition: str, answer: bool) -> None:
    assert bool(ask([RoutePlan("when", "xa", ("xb",), when=condition)]).to) is answer


@pytest.mark.parametrize(
    "condition", ["record.nothing == 1", "1 + 1", "record.office", "record.office > 3", "size(1) > 0"]
)
def test_a_condition_without_an_answer_lets_nothing_pass_and_says_so(condition: str) -> None:
    routed = ask([RoutePlan("when", "xa", ("xb",), when=condition)])
    assert not routed.to
    assert "when" in routed.notes[0]
    with pytest.raises(InputError) as caught:
        compile_condition(condition)({"record": {"office": "XA"}, "office": "XA", "network": "xa", "revision": 1})
    assert caught.value.code == "route.no-answer"


@pytest.mark.parametrize("condition", ["", "record.", "1 +", "while", "nobody == 1", "record.office == env.PATH"])
def test_what_is_no_condition_is_told_at_the_start(condition: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Router([RoutePlan("bad", "xa", ("xb",), when=condition)], PLACES, list(PLACES))
    assert caught.value.code == "route.condition"
    assert caught.value.where == "routes.bad.when"


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_told(text: str) -> None:
    with contextlib.suppress(ConfigError):
        compile_condition(text)


@pytest.mark.parametrize("plan", [RoutePlan("r", "nowhere", ("xb",)), RoutePlan("r", "xa", ("xb", "nowhere"))])
def test_networks_that_are_not_configured(plan: RoutePlan) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Router([plan], PLACES, list(PLACES))


def test_a_network_that_is_not_known_yet_is_left_out() -> None:
    router = Router([RoutePlan("r", "xa", ("xb", "xc"))], {"xb": XB}, list(PLACES))
    routed = router.of("xa", "XA", None, RECORD, "Application", "consensus", frozenset(), 1)
    assert to(routed) == ["xb"]


def test_workers_run_on_processors_that_are_left() -> None:
    assert spare_processors() in range(5)
