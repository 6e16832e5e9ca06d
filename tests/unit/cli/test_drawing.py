"""The picture of a crossing: well-formed whatever the texts are, and true to its outcome."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.drawing import Claim, Crossing, Network, draw

SVG = "{http://www.w3.org/2000/svg}"
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="￾￿"), max_size=80)


def picture(*crossings: Crossing) -> ElementTree.Element:
    left = Network("XA", "Office XA", ("a ledger",))
    right = Network("XB", "Office XB", ("a chain",))
    claims = [
        Claim("recorded", True, "on consensus"),
        Claim("issued", False, "failed"),
        Claim("valid", None, "skipped"),
    ]
    return ElementTree.fromstring(draw(left, right, crossings, "TOTAL-FAILED", claims))


def said(drawn: ElementTree.Element) -> str:
    return "\n".join(drawn.itertext())


def crossing(**changed: object) -> Crossing:
    made = {
        "origin": "left",
        "number": "XA-1",
        "title": "Kite",
        "native": ("here", "block 1"),
        "kinds": (("Application", 1),),
        "foreign": ("there", "block 2"),
        "losses": 0,
        "outcome": "landed",
    }
    return Crossing(**{**made, **changed})  # type: ignore[arg-type]  # named as they are there


@given(texts, texts, st.integers(0, 1000))
def test_no_text_breaks_it(number: str, title: str, losses: int) -> None:
    drawn = picture(crossing(number=number, title=title, losses=losses), crossing(origin="right", title=title))
    assert drawn.tag == f"{SVG}svg"


def test_what_landed_stands_on_both_sides_and_what_did_not_on_one() -> None:
    landed = said(picture(crossing()))
    parked = said(picture(crossing(outcome="parked")))
    assert landed.count("Kite") == parked.count("Kite") + 1
    assert "nothing lost" in landed
    assert "1 common record landed" in landed
    assert "parked" in parked
    assert "0 common records landed" in parked


def test_it_tells_the_same_in_words() -> None:
    description = picture(crossing(losses=3)).find(f"{SVG}desc")
    assert description is not None
    assert "XA-1, Kite: here at XA, landed as there, 3 fields not held." in (description.text or "")
    assert "TOTAL-FAILED" in (description.text or "")


def test_it_grows_with_what_it_shows() -> None:
    heights = [picture(*[crossing()] * count).attrib["viewBox"].split()[3] for count in (1, 2, 12)]
    assert [int(float(height)) for height in heights] == sorted({int(float(height)) for height in heights})
