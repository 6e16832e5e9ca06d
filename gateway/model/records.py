"""The common records that every office understands, as typed structs.

Member names are ST.96's component names in ST.97's lowerCamelCase; lists end in `Bag`. A record is a
JSON-LD node: `type` names its class in the context (`gateway.model.context`). Dates are plain dates in the
office's own zone, `YYYY-MM-DD`, never instants. Texts are kept as they came and never normalised.
"""

from __future__ import annotations

from typing import Literal

import msgspec

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
    "Text",
    "decode",
    "encode",
    "subjects_of",
]


class _Node(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    pass


class Identifier(_Node, frozen=True):
    """A number as it came, its normalised form, and the scheme that the two follow.

    scheme      e.g. `us-application`, `st13-application`, `pct-application`, `reel-frame`; see gateway.model.identifiers
    office      ST.3 code of the office that gave the number
    original    exactly as the office writes it here
    normalised  the form in which two writings of one number are equal
    """

    scheme: str
    office: str
    original: str
    normalised: str


class Text(_Node, frozen=True):
    """A text with its language (BCP 47) and script (ISO 15924) where they are known."""

    value: str
    language: str | None = None
    script: str | None = None


class Address(_Node, frozen=True):
    """ST.96 com:PostalAddress. `country_code` is ST.3; what the office wrote in place of a code is `country_name`."""

    address_line_bag: tuple[str, ...] = ()
    city_name: str | None = None
    region_code: str | None = None
    region_name: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    country_name: str | None = None


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
    """ST.96 pat:PriorityClaim and the continuity of an application.

    kind  `paris`, or how the earlier application is the parent: `national-stage`, `continuation`,
          `continuation-in-part`, `division`, `provisional`, `other`
    status  ST.96 PriorityStatusCategory where the office gives one
    """

    application_number: Identifier
    kind: str = "paris"
    filing_date: str | None = None
    status: str | None = None
    das_access_code_held: bool = False


class Application(_Node, frozen=True, tag_field="type", tag="Application"):
    """An application for an IP right, as its office holds it. `right` is patent, utility-model, design or trade-mark."""

    office: str
    application_number: Identifier
    right: Literal["patent", "utility-model", "design", "trade-mark"]
    filing_date: str | None = None
    title_bag: tuple[Text, ...] = ()
    applicant_bag: tuple[Party, ...] = ()
    inventor_bag: tuple[Party, ...] = ()
    classification_bag: tuple[Classification, ...] = ()
    priority_claim_bag: tuple[PriorityClaim, ...] = ()
    publication_number: Identifier | None = None
    publication_date: str | None = None
    status_text: Text | None = None
    status_code: str | None = None
    status_date: str | None = None
    confidential: bool = False


class PriorityDocument(_Node, frozen=True, tag_field="type", tag="PriorityDocument"):
    """The metadata of a certified copy of an application (Paris Convention Art. 4D); its bytes travel by digest."""

    office: str
    application_number: Identifier
    document_digest: str
    document_format: str
    document_size: int
    filing_date: str | None = None
    certified_date: str | None = None
    page_count: int | None = None
    available_to: tuple[str, ...] = ()
    confidential: bool = True


class LegalStatusEvent(_Node, frozen=True, tag_field="type", tag="LegalStatusEvent"):
    """An ST.27 (patents), ST.61 (trade marks) or ST.87 (designs) event of an application.

    event_code     the standard's key event, `X10`; the category's unmapped code `X00` where the office's is not in its table
    national_code  the office's own code, always kept
    """

    office: str
    application_number: Identifier
    standard: Literal["ST.27", "ST.61", "ST.87"]
    event_code: str
    event_date: str | None = None
    state: str | None = None
    previous_stage: str | None = None
    current_stage: str | None = None
    detailed_code: str | None = None
    indicator: str | None = None
    national_code: str | None = None
    description: Text | None = None


class OwnershipTransfer(_Node, frozen=True, tag_field="type", tag="OwnershipTransfer"):
    """A recorded change of owner (ST.96 com:Assignment). One transfer may concern several applications."""

    office: str
    application_number_bag: tuple[Identifier, ...]
    recordal_number: Identifier | None = None
    conveyance: Literal["assignment", "merger", "change-of-name", "security-interest", "licence", "other"] = "other"
    conveyance_text: Text | None = None
    assignor_bag: tuple[Party, ...] = ()
    assignee_bag: tuple[Party, ...] = ()
    executed_date: str | None = None
    received_date: str | None = None
    recorded_date: str | None = None
    page_count: int | None = None


CommonRecord = Application | PriorityDocument | LegalStatusEvent | OwnershipTransfer

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(CommonRecord, strict=True)


def encode(record: CommonRecord) -> bytes:
    """JSON with sorted members and no blanks; JCS (RFC 8785) for every record, for its keys are ASCII and numbers integers."""
    return _encoder.encode(record)


def decode(data: bytes) -> CommonRecord:
    """The record in `data`. Raises msgspec.ValidationError (unknown member, wrong type) or msgspec.DecodeError."""
    return _decoder.decode(data)


def subjects_of(record: CommonRecord) -> tuple[str, ...]:
    """The IP rights that a record is about, `office/scheme/normalised`, sorted and without repetition."""
    numbers = (
        record.application_number_bag if isinstance(record, OwnershipTransfer) else (record.application_number,)
    )
    return tuple(sorted({f"{number.office}/{number.scheme}/{number.normalised}" for number in numbers}))
