"""Two or more offices with sandbox ledgers of their own, a registry that names them, and a gateway between them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.journey.assembly import Assembly, DeliveryRules, NetworkPlan, RoutePlan
from gateway.mapping import MappingLibrary
from gateway.model import identifiers, records
from gateway.model.records import Application, CommonRecord, LegalStatusEvent, OwnershipTransfer, Party, Text
from gateway.spi import Basis, Limits, NativeRecord, NetworkId, Written
from gateway.store.migrate import migrate
from gateway.trust import did
from gateway.trust.registry import Registry, RegistryWriter
from gateway.trust.signer import Ed25519Signer
from gateway.trust.statements import KeyOf
from gateway_sandbox.adapter import SandboxAdapter
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.office import own_record, write
from gateway_sandbox.settings import SandboxSettings

LIBRARY = MappingLibrary.shipped()
FORMAT = "register-sandbox"
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def application(office: str, number: int, title: str = "Folding wind vane", **more: Any) -> Application:
    """An application of an office, small and whole."""
    scheme = f"{office.lower()}-application"
    return Application(
        office=office,
        application_number=identifiers.identifier(
            scheme, office, f"{office}-{2020 + number // 900_000}-{number % 900_000 + 1:06d}"
        ),
        right="patent",
        filing_date="2024-03-08",
        title_bag=(Text(title, "en"),),
        applicant_bag=(Party((Text("Windrose Works Ltd", "en"),)),),
        **more,
    )


def event(office: str, number: int, code: str = "A10", **more: Any) -> LegalStatusEvent:
    """A legal status event of the application with this number."""
    return LegalStatusEvent(
        office=office,
        application_number=application(office, number).application_number,
        standard="ST.27",
        event_code=code,
        event_date="2024-04-02",
        **more,
    )


def transfer(office: str, numbers: Sequence[int]) -> OwnershipTransfer:
    """One change of owner of several applications: a record on several lanes."""
    return OwnershipTransfer(
        office=office,
        application_number_bag=tuple(application(office, number).application_number for number in numbers),
        conveyance="assignment",
        assignor_bag=(Party((Text("Windrose Works Ltd", "en"),)),),
        assignee_bag=(Party((Text("Harbour Light AG", "de"),)),),
        recorded_date="2024-05-06",
    )


def native(record: CommonRecord, form: str = FORMAT) -> NativeRecord:
    return LIBRARY.by_format(form).to_native([record]).native


@dataclass
class Office:
    """One office: its ledger, its key, and what the gateway is told of it."""

    name: str
    code: str
    settings: SandboxSettings
    issuer: Ed25519Signer
    adapter: Any = field(default_factory=SandboxAdapter)
    writes: str | None = FORMAT
    read: bool = True

    @property
    def did(self) -> str:
        return f"did:web:{self.name}.example"

    @property
    def method(self) -> str:
        return f"{self.did}#key-1"

    @property
    def network(self) -> NetworkId:
        ledger = Ledger(self.settings.file)
        try:
            return NetworkId("sandbox", ledger.genesis.chain, ledger.genesis.digest)
        finally:
            ledger.close()

    async def write(self, *items: CommonRecord | NativeRecord, subject: str | None = None) -> list[bytes]:
        """Write records of the office's own; returns their entry keys."""
        made = []
        for item in items:
            stands = item if isinstance(item, NativeRecord) else native(item)
            about = subject or (
                "XA/xa-application/none" if isinstance(item, NativeRecord) else records.subjects_of(item)[0]
            )
            made.append(own_record(stands.format, stands.content, about))
        await write(self.settings, made)
        return [bytes(one.key) for one in made]

    async def withdraw(self, key: bytes, item: CommonRecord | NativeRecord) -> bytes:
        """Declare the entry under `key` void, by an entry that repeats it."""
        stands = item if isinstance(item, NativeRecord) else native(item)
        about = "none" if isinstance(item, NativeRecord) else records.subjects_of(item)[0]
        made = own_record(stands.format, stands.content, about, supersedes=key, withdrawn=True)
        await write(self.settings, [made])
        return bytes(made.key)

    def entries(self) -> list[Any]:
        """All that stands on the ledger, in order."""
        ledger = Ledger(self.settings.file)
        try:
            found: list[Any] = []
            at = 0
            while blocks := ledger.blocks(at, 2**53, entries=5000, content=2**28):
                for block in blocks:
                    found.extend(block.entries)
                at = blocks[-1].header.number
            return found
        finally:
            ledger.close()

    def foreign(self) -> list[Any]:
        """What a gateway wrote: entries with a path."""
        return [entry for entry in self.entries() if entry.path]


@dataclass
class World:
    """Offices, registry, database, secret: all that an assembly is made of."""

    folder: Path
    offices: dict[str, Office]
    registry: Registry
    mark: bytes
    routes: tuple[RoutePlan, ...]
    limits: Limits = field(default_factory=Limits)
    delivery: DeliveryRules = field(default_factory=lambda: DeliveryRules(linger=0.0, retry_first=0.02, retry_most=0.2))
    verifiers: Mapping[str, Any] | None = None
    library: Any = LIBRARY
    known: bool = True
    """Whether the gateway is told beforehand who the networks are."""
    identities: dict[str, NetworkId] = field(default_factory=dict)
    """Who they are, where the ledger cannot be asked."""

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / 'gateway.db'}"

    def assembly(self) -> Assembly:
        if not (self.folder / "gateway.db").exists():
            migrate(self.database)
        return Assembly(
            database=self.database,
            mark=self.mark,
            networks=tuple(
                NetworkPlan(
                    name=office.name,
                    office=office.code,
                    adapter=office.adapter,
                    settings=office.settings,
                    network=(self.identities.get(office.name) or office.network) if self.known else None,
                    issuer=office.did,
                    method=office.method,
                    signer=office.issuer,
                    read=office.read,
                    writes=office.writes,
                )
                for office in self.offices.values()
            ),
            routes=self.routes,
            anchors=self.registry,
            library=self.library,
            verifiers=self.verifiers if self.verifiers is not None else plugins.verifiers(),
            delivery=self.delivery,
            limits=self.limits,
        )

    def __getitem__(self, name: str) -> Office:
        return self.offices[name]


def both_ways(names: Iterable[str]) -> tuple[RoutePlan, ...]:
    names = list(names)
    return tuple(RoutePlan(f"{one}-to-{other}", one, (other,)) for one in names for other in names if one != other)


def make_world(folder: Path, names: Sequence[str] = ("xa", "xb"), since: datetime = BEGAN) -> World:
    """A ledger per name, each with its office and key in the registry, and routes between all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Ed25519Signer.generate()
    writer = RegistryWriter.new([root], issued=since, name="Registrar of the tests")
    offices: dict[str, Office] = {}
    adapter = SandboxAdapter()
    for name in names:
        settings = SandboxSettings(file=str(folder / f"{name}.ledger"), chain=f"{name}-chain")
        Ledger.found(settings.file, settings.chain, time=since).close()
        office = Office(name, name.upper(), settings, Ed25519Signer.generate(), adapter)
        offices[name] = office
        writer.add_office(
            [root],
            did=office.did,
            codes=[office.code],
            name=f"Office {office.code}",
            keys=[KeyOf(office.method, did.encode_key(office.issuer.public), since)],
            issued=since,
        )
        add_network(writer, root, office, since)
    return World(folder, offices, writer.registry(), os.urandom(32), both_ways(names))


def add_network(writer: RegistryWriter, root: Ed25519Signer, office: Office, since: datetime) -> None:
    ledger = Ledger(office.settings.file)
    try:
        from gateway_sandbox.verifier import Anchor

        material = Anchor(ledger.genesis.chain, ledger.genesis.digest, ledger.genesis.set, 0).material()
    finally:
        ledger.close()
    writer.add_network(
        [root],
        network=office.network,
        office=office.code,
        material=material,
        basis=Basis.CONSENSUS,
        since=since,
        issued=since,
    )


__all__ = [
    "FORMAT",
    "LIBRARY",
    "Office",
    "World",
    "Written",
    "application",
    "both_ways",
    "event",
    "make_world",
    "native",
    "transfer",
]
