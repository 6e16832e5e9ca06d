"""A withdrawal carries words of its own. They go to nobody to whom a record in these words would not go."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway.journey.assembly import RoutePlan
from gateway.model.records import Application, PriorityDocument
from gateway.spi import Basis
from tests.journey.conftest import settle
from tests.journey.world import application, make_world

SECRET = "Unpublished lamp"


def document(*offices: str, kind: str = "application/pdf") -> PriorityDocument:
    return PriorityDocument(
        office="XA",
        application_number=application("XA", 1).application_number,
        document_digest="ab" * 32,
        document_format=kind,
        document_size=1,
        available_to=offices,
    )


def unpublished() -> Application:
    return msgspec.structs.replace(application("XA", 1, title=SECRET), confidential=True)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (application("XA", 1), unpublished()),
        (document("XB"), document("XC", kind=SECRET)),
        (document("XB"), document(kind=SECRET)),
    ],
    ids=["published, then not", "named another office", "named no office"],
)
async def test_what_became_confidential_does_not_leave_with_the_withdrawal(tmp_path: Path, first, then) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    [key] = await world["xa"].write(first)
    await settle(world)
    await world["xa"].withdraw(key, then)
    await settle(world)
    one, two = world["xb"].foreign()
    assert two.leaf.withdrawn, "it is told all the same"
    assert SECRET.encode() not in two.content
    assert one.content == two.content


async def test_what_no_route_lets_go_does_not_leave_with_the_withdrawal(tmp_path: Path) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    world.routes = (
        RoutePlan("open", "xa", ("xb",), when=f"record.titleBag[0].value != '{SECRET}'", basis=Basis.CONSENSUS),
    )
    [key] = await world["xa"].write(application("XA", 1))
    await settle(world)
    await world["xa"].withdraw(key, application("XA", 1, title=SECRET))
    await settle(world)
    one, two = world["xb"].foreign()
    assert two.leaf.withdrawn
    assert one.content == two.content


async def test_other_words_that_may_go_do_go(tmp_path: Path) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    [key] = await world["xa"].write(application("XA", 1))
    await settle(world)
    await world["xa"].withdraw(key, application("XA", 1, title="Withdrawn by its applicant"))
    await settle(world)
    _, two = world["xb"].foreign()
    assert two.leaf.withdrawn
    assert b"Withdrawn by its applicant" in two.content
