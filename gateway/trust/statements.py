"""The statements of a registry, one struct for each kind.

In the file a statement is a JSON object: the struct's own members under `type`, and beside them `sequence`,
`previous`, `issued` and `proof`, which `gateway.trust.registry` puts there and checks. Digests are SHA-256,
64 lower-case hexadecimal digits; times are `YYYY-MM-DDTHH:MM:SSZ`; keys are Ed25519 Multikeys (`z6Mk…`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

__all__ = ["Ended", "Ending", "IssuerKey", "KeyOf", "ListedMapping", "Network", "Office", "Root", "Statement"]

Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
HexBytes = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2})*\Z", max_length=1024)]
St3 = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Version = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
Slug = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\Z")]
Height = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Ending = Literal["rotated", "revoked", "compromised"]
"""How something ended. What was done before a rotation stays good; a compromise asks for proof that it was before."""


class _Body(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, tag_field="type"
):
    pass


class KeyOf(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One key that signs credentials: its verification method, and the closed interval in which it may."""

    method: str
    public_key_multibase: str
    since: datetime
    until: datetime | None = None


class Root(_Body, frozen=True, tag="root"):
    """Who signs the registry from here on: `threshold` of `keys`, sorted. Signed by those before and by its own."""

    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)]
    threshold: Annotated[int, msgspec.Meta(ge=1, le=16)]
    name: Name | None = None


class Office(_Body, frozen=True, tag="office"):
    """An office: its DID, the ST.3 codes that it speaks for (its own first), and the keys that issue for it."""

    did: str
    codes: Annotated[tuple[St3, ...], msgspec.Meta(min_length=1, max_length=64)]
    name: Name
    keys: Annotated[tuple[KeyOf, ...], msgspec.Meta(min_length=1, max_length=16)]


class IssuerKey(_Body, frozen=True, tag="issuer-key"):
    """A further key of an office that stands in the registry already."""

    did: str
    key: KeyOf


class Network(_Body, frozen=True, tag="network"):
    """What is believed of one network, for a time and for a run of heights.

    network   digest of kind, chain and genesis (`gateway.spi.NetworkId`)
    office    ST.3 code of the office whose network it is
    material  what the verifiers of its kind of evidence need: validators, contract, code hash. JSON without floats
    basis     the least basis that is accepted for it
    first, last  the closed interval of heights; where absent, that side is open
    """

    network: Hex
    kind: Slug
    chain: Annotated[str, msgspec.Meta(max_length=200)]
    genesis: HexBytes
    office: St3
    material: dict[str, Any]
    basis: Literal["attested", "authority", "endorsement", "work", "consensus"]
    since: datetime
    until: datetime | None = None
    first: Height | None = None
    last: Height | None = None


class ListedMapping(_Body, frozen=True, tag="mapping"):
    """A mapping that may be relied on beside those that a release ships."""

    name: Slug
    version: Version
    digest: Hex
    since: datetime


class Ended(_Body, frozen=True, tag="ended"):
    """Something that stands in the registry has ended.

    subject    a verification method, a DID (the office and all its keys), or the digest of a network or mapping
    how        rotated, revoked or compromised; may be repeated, only to say worse
    at         the last instant at which it still held
    last       for a network: the last height at which it still held
    statement  for a network with several segments: digest of the statement that made the one that ends
    """

    subject: str
    how: Ending
    at: datetime
    last: Height | None = None
    statement: Hex | None = None


Statement = Root | Office | IssuerKey | Network | ListedMapping | Ended
