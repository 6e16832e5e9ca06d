"""The common records that every office understands, as typed structs.

Member names are ST.96's component names in ST.97's lowerCamelCase; lists end in `Bag`. A record is a
JSON-LD node: `type` names its class in the context (`gateway.model.context`). Dates are plain dates in the
office's own zone, `YYYY-MM-DD` (`YYYY-MM` where an office knows no day), never instants. Texts are kept as
they came and never normalised.

The structs' own constraints (patterns, lengths) hold when a record is decoded; one that is built in the
program is checked by `check`.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from gateway.errors import InputError, LimitError, fault

__all__ = [
    "Address",
    "Application",
    "Classification",
    "CommonRecord",
    "Identifier",
    "LegalStatusEvent",
    "OwnershipTransfer",
    "Party",
    "PriorityClaim",
    "PriorityDocument",
    "RelatedApplication",
    "Text",
    "check",
    "decode",
    "encode",
    "subjects_of",
]

MALFORMED = fault(
    "record.malformed",
    "The bytes are not a common record.",
    "Compare them with docs/reference/common-record.schema.json; the place that is named is the first that differs.",
)
REPEATED = fault(
    "record.repeated-member",
    "A member stands twice in one object, so that two readers could see two records.",
    "Keep one of the two.",
)
NULL = fault(
    "record.null",
    "A member is null, which JSON-LD drops: a signature would cover less than a reader sees.",
    "Leave out a member that has no value.",
)
NO_DATE = fault(
    "record.no-date",
    "A date is not a day of the calendar.",
    "Write YYYY-MM-DD, or YYYY-MM where the office knows no day.",
)
NO_TEXT = fault(
    "record.no-text",
    "A text holds half of a surrogate pair, which no byte form of Unicode has.",
    "Decode the office's text again from its bytes: it was cut in the middle of a character.",
)
TOO_LARGE = fault(
    "record.too-large",
    "The common record is larger than allowed.",
    "Documents travel by digest, not inside a record; else raise the limit.",
)

Office = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z", description="ST.3 code of an office")]
Day = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?\Z",
        description="a plain date in the office's own zone, YYYY-MM-DD; YYYY-MM where no day is known",
    ),
]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Sha256 = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z", description="SHA-256, 64 lower-case hexadecimal digits")
]
KeyEvent = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][0-9]{2}\Z", description="category letter and two digits")]
Scheme = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=64)]

Continuity = Literal[
    "paris",
    "domestic",
    "national-stage",
    "continuation",
    "continuation-in-part",
    "division",
    "provisional",
    "reissue",
    "other",
]
"""How an earlier application is claimed: its priority (`paris`, `domestic`), or as a parent."""


class _Node(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    pass


class Identifier(_Node, frozen=True):
    """A number as it came, its normalised form, and the scheme that the two follow.

    scheme      e.g. `us-application`, `st13-application`, `reel-frame`; all of them stand in gateway.model.identifiers
    office      ST.3 code of the office that gave the number
    original    exactly as the office writes it here
    normalised  the form in which two writings of one number are equal
    """

    scheme: Scheme
    office: Office
    original: str
    normalised: str


class Text(_Node, frozen=True):
    """A text with its language (BCP 47) and script (ISO 15924) where they are known."""

    value: str
    language: str | None = None
    script: str | None = None


class Address(_Node, frozen=True):
    """ST.96 com:PostalAddress. `country_code` is ST.3; what the office wrote in place of a code is `country_name`.

    postal_address_category  what the address is for, in the office's word: `residence`, `postal`, `mailing`
    """

    address_line_bag: tuple[str, ...] = ()
    city_name: str | None = None
    region_code: str | None = None
    region_name: str | None = None
    postal_code: str | None = None
    country_code: Office | None = None
    country_name: str | None = None
    postal_address_category: str | None = None


class Party(_Node, frozen=True):
    """A person or body. One who is known by an identifier alone has no name: none is invented."""

    name_bag: tuple[Text, ...] = ()
    identifier: Identifier | None = None
    address_bag: tuple[Address, ...] = ()


class Classification(_Node, frozen=True):
    """A class symbol with its system (`IPC`, `CPC`, `Nice`, `Locarno`, `Vienna`, or national) and edition."""

    system: str
    symbol: str
    edition: str | None = None


class PriorityClaim(_Node, frozen=True):
    """ST.96 pat:PriorityClaim and the continuity of an application, towards earlier ones.

    kind        `paris`, or how the earlier application is the parent
    status      ST.96 PriorityStatusCategory where the office gives one
    claimed_by  the application that makes the claim, where it is a parent of this one and not this one itself
    das_access_code_held  whether the office holds a DAS access code for it; the code itself is in no record
    """

    application_number: Identifier
    kind: Continuity = "paris"
    filing_date: Day | None = None
    status: str | None = None
    claimed_by: Identifier | None = None
    das_access_code_held: bool = False


class RelatedApplication(_Node, frozen=True):
    """A later application that claims this one (ST.96 pat:RelatedDocumentBag), and how."""

    application_number: Identifier
    kind: Continuity = "other"
    filing_date: Day | None = None


class Application(_Node, frozen=True, tag_field="type", tag="Application"):
    """An application for an IP right, as its office holds it. `right` is patent, utility-model, design or trade-mark.

    applicant_file_reference  the applicant's own mark of the file (docket number)
    publication_kind          ST.16 kind code of the publication
    registration_number       of the right granted on it: patent number, registration number
    status_code, status_text  the office's own; `LegalStatusEvent` carries what all offices understand
    confidential              unpublished: it leaves the office for those alone who may see it
    """

    office: Office
    application_number: Identifier
    right: Literal["patent", "utility-model", "design", "trade-mark"]
    filing_date: Day | None = None
    title_bag: tuple[Text, ...] = ()
    applicant_bag: tuple[Party, ...] = ()
    inventor_bag: tuple[Party, ...] = ()
    representative_bag: tuple[Party, ...] = ()
    correspondence_bag: tuple[Party, ...] = ()
    applicant_file_reference: str | None = None
    classification_bag: tuple[Classification, ...] = ()
    priority_claim_bag: tuple[PriorityClaim, ...] = ()
    related_application_bag: tuple[RelatedApplication, ...] = ()
    publication_number: Identifier | None = None
    publication_kind: str | None = None
    publication_date: Day | None = None
    registration_number: Identifier | None = None
    registration_date: Day | None = None
    status_text: Text | None = None
    status_code: str | None = None
    status_date: Day | None = None
    confidential: bool = False


class PriorityDocument(_Node, frozen=True, tag_field="type", tag="PriorityDocument"):
    """The metadata of a certified copy of an application (Paris Convention Art. 4D); its bytes travel by digest.

    document_digest  SHA-256 of the document's bytes, lower-case hexadecimal
    document_format  its media type
    document_size    its length in bytes
    available_to     ST.3 codes of the offices that the applicant named
    """

    office: Office
    application_number: Identifier
    document_digest: Sha256
    document_format: str
    document_size: Count
    filing_date: Day | None = None
    certified_date: Day | None = None
    page_count: Count | None = None
    available_to: tuple[Office, ...] = ()
    confidential: bool = True


class LegalStatusEvent(_Node, frozen=True, tag_field="type", tag="LegalStatusEvent"):
    """An ST.27 (patents), ST.61 (trade marks) or ST.87 (designs) event of an application.

    event_code        the standard's key event, `X10`; the category's unmapped code `X00` where the office's is not in
                      its table
    detailed_code     the standard's detailed event, `X11`
    national_code     the office's own code, always kept
    description_text  the office's own words for it
    """

    office: Office
    application_number: Identifier
    standard: Literal["ST.27", "ST.61", "ST.87"]
    event_code: KeyEvent
    event_date: Day | None = None
    effective_date: Day | None = None
    state: str | None = None
    previous_stage: str | None = None
    current_stage: str | None = None
    detailed_code: KeyEvent | None = None
    indicator: str | None = None
    national_code: str | None = None
    description_text: Text | None = None


class OwnershipTransfer(_Node, frozen=True, tag_field="type", tag="OwnershipTransfer"):
    """A recorded change of owner (ST.96 tmk:Assignment). One transfer may concern several applications."""

    office: Office
    application_number_bag: Annotated[tuple[Identifier, ...], msgspec.Meta(min_length=1)]
    recordal_number: Identifier | None = None
    conveyance: Literal["assignment", "merger", "change-of-name", "security-interest", "licence", "other"] = "other"
    conveyance_text: Text | None = None
    assignor_bag: tuple[Party, ...] = ()
    assignee_bag: tuple[Party, ...] = ()
    executed_date: Day | None = None
    received_date: Day | None = None
    recorded_date: Day | None = None
    mailed_date: Day | None = None
    page_count: Count | None = None


CommonRecord = Application | PriorityDocument | LegalStatusEvent | OwnershipTransfer

_LIMIT = 2 * 1024 * 1024

_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[CommonRecord] = msgspec.json.Decoder(CommonRecord, strict=True)


def encode(record: CommonRecord) -> bytes:
    """JSON with sorted members and no blanks: JCS (RFC 8785) for every record (ASCII keys, no floats).

    Raises InputError where a text holds half of a surrogate pair.
    """
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError as error:
        raise InputError(NO_TEXT) from error


def decode(data: bytes, *, limit: int = _LIMIT) -> CommonRecord:
    """The record in `data`: JSON, its members in any order, with blanks; none of them twice, unknown or null.

    Raises LimitError over `limit` bytes, InputError on anything that is not a common record.
    """
    if len(data) > limit:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are read")
    try:
        record = _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        text, _, place = str(error).partition(" - at ")
        raise InputError(MALFORMED, text, where=place.strip("`") or None) from error
    except UnicodeDecodeError as error:
        raise InputError(MALFORMED, "not UTF-8") from error
    # msgspec keeps the last of two equal members and takes null; bytes in the form that `encode` gives hold neither
    if _encoder.encode(record) != data:
        json.loads(data, object_pairs_hook=_once)
    check(record)
    return record


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise InputError(REPEATED, where=next(name for name in names if names.count(name) > 1))
    for name, value in pairs:
        if value is None:
            raise InputError(NULL, where=name)
    return made


_DAYS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind.__struct_fields__ if name.endswith("_date"))
    for kind in (Application, PriorityDocument, LegalStatusEvent, OwnershipTransfer, PriorityClaim, RelatedApplication)
}


def check(record: CommonRecord) -> None:
    """What the types cannot say: that every date is a day of the calendar. Raises InputError."""
    _check_days(record, "")
    if isinstance(record, Application):
        for index, claim in enumerate(record.priority_claim_bag):
            _check_days(claim, f"priorityClaimBag[{index}].")
        for index, related in enumerate(record.related_application_bag):
            _check_days(related, f"relatedApplicationBag[{index}].")


def _check_days(node: msgspec.Struct, place: str) -> None:
    for name in _DAYS[type(node)]:
        text = getattr(node, name)
        if text is not None:
            try:
                date.fromisoformat(text if len(text) == 10 else f"{text}-01")
            except ValueError as error:
                first, *others = name.split("_")
                member = first + "".join(part.title() for part in others)
                raise InputError(NO_DATE, f"{text!r} is no day", where=f"$.{place}{member}") from error


def subjects_of(record: CommonRecord) -> tuple[str, ...]:
    """The IP rights that a record is about, `office/scheme/normalised`, sorted and without repetition."""
    numbers = record.application_number_bag if isinstance(record, OwnershipTransfer) else (record.application_number,)
    return tuple(sorted({f"{number.office}/{number.scheme}/{number.normalised}" for number in numbers}))
