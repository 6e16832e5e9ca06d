"""The page on the common model names every member, every scheme of numbers and every term that equals another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.model import codes, context, dates, identifiers, records

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/common-model.md"
NODES: tuple[type[msgspec.Struct], ...] = (
    records.Application,
    records.PriorityDocument,
    records.LegalStatusEvent,
    records.OwnershipTransfer,
    records.PriorityClaim,
    records.RelatedApplication,
    records.Party,
    records.Address,
    records.Classification,
    records.Text,
    records.Identifier,
)


def _shown(kind: msgspec.inspect.Type, name: str) -> str:
    """A member's type as the page writes it."""
    match kind:
        case msgspec.inspect.UnionType():
            return next(_shown(each, name) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
        case msgspec.inspect.VarTupleType():
            return f"list of {_shown(kind.item_type, name)}"
        case msgspec.inspect.Metadata():
            return _shown(kind.type, name)
        case msgspec.inspect.StructType():
            return kind.cls.__name__
        case msgspec.inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in sorted(kind.values, key=str))
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType():
            return "whole number"
        case msgspec.inspect.StrType() if name.endswith("Date"):
            return "date"
        case msgspec.inspect.StrType():
            return "text"
    raise AssertionError(kind)


def member_rows() -> Iterator[str]:
    for struct in NODES:
        info = msgspec.inspect.type_info(struct)
        assert isinstance(info, msgspec.inspect.StructType)
        yield f"\n### {struct.__name__}\n\n| member | value | |\n|---|---|---|"
        for field in info.fields:
            default = field.default
            without = "always" if field.required else ""
            if default not in (msgspec.NODEFAULT, None, ()):
                without = f"`{str(default).lower()}` where it is left out"
            yield f"| `{field.encode_name}` | {_shown(field.type, field.encode_name)} | {without} |"


def scheme_rows() -> Iterator[str]:
    for scheme in identifiers.schemes():
        writings = ", ".join(f"`{writing}`" for writing in scheme.writings)
        yield f"| `{scheme.name}` | {scheme.office or 'the number names it'} | {writings} | `{scheme.normalised}` |"


def equivalent_rows() -> Iterator[str]:
    for row in context.equivalents():
        yield f"| `{row['term']}` | {row['relation']} | {row['of']} | `{row['theirs']}` |"


@pytest.mark.parametrize("rows", [member_rows, scheme_rows, equivalent_rows], ids=lambda rows: rows.__name__)
def test_the_tables_are_up_to_date(rows: object) -> None:
    assert callable(rows)
    page = PAGE.read_text("utf-8")
    missing = [row for row in rows() if row not in page]
    assert not missing, "put these into docs/reference/common-model.md:\n" + "\n".join(missing)


def test_the_page_speaks_of_no_scheme_or_term_that_is_gone() -> None:
    page = PAGE.read_text("utf-8").splitlines()
    assert {
        line for line in page if line.count("|") == 5 and "-" in line.split("|")[1] and "`" in line.split("|")[1]
    } == set(scheme_rows())
    assert {
        line for line in page if line.split("|")[2:3] and line.split("|")[2].strip() in {"equal", "broader", "narrower"}
    } == set(equivalent_rows())


def test_the_page_names_what_is_pinned() -> None:
    page = PAGE.read_text("utf-8")
    assert context.CONTEXT_ID in page
    assert context.CONTEXT_DIGEST.hex() in page
    assert context.VOCABULARY in page
    for form in dates.forms():
        assert f"`{form}`" in page
    for standard in ("ST.3", "ST.16", "ST.27", "ST.61", "ST.87"):
        assert standard in page
        assert codes.table(standard.lower().replace(".", ""))["source"]
