"""What a gateway is made of: parts that were opened before, put together. No file and no passphrase is read here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.mapping import MappingLibrary
from gateway.spi import Adapter, Basis, Limits, NetworkId, Secrets, TrustAnchors, Verifier
from gateway.trust.signer import Signer

__all__ = ["Assembly", "DeliveryRules", "NetworkPlan", "RoutePlan"]


def spare_processors() -> int:
    """How many processors there are beside the one that the gateway itself is on, four at most."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(4, count - 1))


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """One network as configured.

    network   who it is, where that is known without asking (the registry, the database); None: it is asked at start
    issuer    the DID in whose name records read here are sealed; with `method` (the verification method's id) and
              `signer`. All three are None where the network is not read
    read      whether it is read
    writes    the native format in which records are written to it; None: nothing is written
    secrets   the keys that its sink may ask for by name
    """

    name: str
    office: str
    adapter: Adapter
    settings: Any
    network: NetworkId | None = None
    issuer: str | None = None
    method: str | None = None
    signer: Signer | None = None
    read: bool = True
    writes: str | None = None
    secrets: Secrets | None = None


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Which records go where.

    origin   the network that the records stand on, by name
    to       the networks that they go to, by name
    records  kinds of common record (`Application`, …); None: every kind
    when     a condition in CEL over `record`, `office`, `network` and `revision`; None: always
    basis    the least basis on which `recorded` must stand
    """

    name: str
    origin: str
    to: tuple[str, ...]
    records: tuple[str, ...] | None = None
    when: str | None = None
    basis: Basis = Basis.ATTESTED


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """How records are sent: most records in one attempt; seconds to wait for more before an attempt that is not
    full; seconds before a failed attempt is made again, doubled each time up to the most."""

    batch: int = 512
    linger: float = 0.002
    retry_first: float = 0.5
    retry_most: float = 60.0


@dataclass(frozen=True, slots=True)
class Assembly:
    """All that `Gateway` needs.

    database   address of the database, ``sqlite:////var/lib/gateway/gateway.db``; migrated before
    mark       32 secret bytes by which this gateway knows its own writing again
    anchors    the registry; believed when evidence is verified
    verifiers  by evidence type
    workers    processes beside the gateway's own that verify, translate and seal; 0: a thread does
    """

    database: str
    mark: bytes
    networks: tuple[NetworkPlan, ...]
    routes: tuple[RoutePlan, ...]
    anchors: TrustAnchors
    library: MappingLibrary
    verifiers: Mapping[str, Verifier]
    delivery: DeliveryRules = field(default_factory=DeliveryRules)
    limits: Limits = field(default_factory=Limits)
    workers: int = field(default_factory=spare_processors)
