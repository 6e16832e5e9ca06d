"""The demonstration itself: two networks of different kinds, records both ways, one dossier.

Nothing here is made for show alone: networks, keys, registry, configuration and database are made as `gateway init`
makes them, records enter as an office writes them, and the gateway that `gateway run` runs carries them over.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from gateway import founding
from gateway.assemble import assemble, database_url, open_registry
from gateway.cli.looking import RecordView, dossier_of, list_records, read_again, reading, record_of
from gateway.cli.network import native_of, put
from gateway.cli.record import hand_out
from gateway.cli.showing import foreign_form
from gateway.config import Config
from gateway.demo import drawing
from gateway.demo.drawing import Crossing
from gateway.dossier.existence import NOTHING_PROVEN
from gateway.dossier.policy import OFFICE
from gateway.dossier.verdict import Verdict
from gateway.dossier.verify import verify_file
from gateway.errors import InputError, fault
from gateway.founding import Planned
from gateway.journey.gateway import Gateway
from gateway.mapping import Loss, MappingLibrary
from gateway.model import records as model
from gateway.plugins import verifiers
from gateway.spi import LocusValue, NativeRecord, VerificationContext
from gateway.store.migrate import migrate
from gateway.trust import safefile
from gateway.trust.keys import PASSPHRASE

__all__ = ["Entered", "Shown", "cross"]

UNREADABLE = fault("demo.unreadable", "The file cannot be read.", "Name a file of the format uspto-odp.")
NOT_OVER = fault(
    "demo.not-over",
    "A record did not land on the other network.",
    "Run it again with a larger --timeout; if it stays so, report it with the release.",
)

SEEN: Final = "uspto-odp"
"""The format whose record is shown, and whose dossier is written."""


class Entered(msgspec.Struct, frozen=True):
    """A record as it enters: on which network, in which format, its bytes, and the right that it is about."""

    network: str
    form: str
    content: bytes
    subject: str


class Shown(msgspec.Struct, frozen=True):
    """What there is to be shown of a crossing. `chosen` is the record whose dossier was written, `foreign` what stands
    for it on the other network, `losses` what cannot be held there; `read_again` whether it was read there since, and
    was the same bytes."""

    config: Config
    entered: tuple[Entered, ...]
    views: tuple[RecordView, ...]
    chosen: RecordView
    dossier: bytes
    registry: bytes
    verdict: Verdict
    foreign: NativeRecord
    losses: tuple[Loss, ...]
    read_again: bool
    picture: str
    crossings: tuple[Crossing, ...]


def sample_records(input_file: Path | None) -> list[Entered]:
    """Our own invented records; `input_file` takes the place of the one in the format uspto-odp.

    Raises InputError where it cannot be read, MappingError where it is no such record.
    """
    if input_file is None:
        first = _sample("folding-wind-vane.uspto-odp.json")
    else:
        try:
            first = input_file.read_bytes()
        except OSError as error:
            raise InputError(UNREADABLE, error.strerror or str(error), where=str(input_file)) from error
    return [
        Entered("xa", *native_of(first, SEEN)),
        Entered("xa", *native_of(_sample("river-ferry.common.json"), "register-sandbox", common=True)),
        Entered("xa", *native_of(_sample("river-ferry-published.common.json"), "register-sandbox", common=True)),
        Entered("xb", *native_of(_sample("salt-lamp.common.json"), "register-evm", common=True)),
        Entered("xb", *native_of(_sample("salt-lamp-sold.common.json"), "register-evm", common=True)),
    ]


def _sample(name: str) -> bytes:
    return resources.files("gateway.demo").joinpath("records", name).read_bytes()


def prepare(folder: Path, node: str, entered: Sequence[Entered], environment: MutableMapping[str, str]) -> Config:
    """Keys, registry, configuration and database in the new folder. The passphrase is random and kept nowhere."""
    phrase = environment[PASSPHRASE] = secrets.token_urlsafe(24)
    # XA's ledger holds records of another office's format, and XA speaks for that office too
    others = sorted({each.subject.split("/")[0] for each in entered} - {"XA", "XB"})
    networks = [
        Planned(
            name="xa",
            kind="sandbox",
            codes=("XA", *others),
            writes="register-sandbox",
            issuer="did:web:xa.example",
            title="Office XA",
            settings={"file": "xa.ledger", "chain": "xa-register"},
        ),
        Planned(
            name="xb",
            kind="evm",
            codes=("XB",),
            writes="register-evm",
            issuer="did:web:xb.example",
            title="Office XB",
            settings={"url": node, "finality": "instant", "gas_price": "0", "poll": 0.05},
        ),
    ]
    read = founding.make(folder, networks, phrase, now=founding.utc_now())
    migrate(database_url(read))
    return read


async def cross(
    folder: Path,
    node: str,
    entered: Sequence[Entered],
    environment: MutableMapping[str, str],
    say: Callable[[str], None],
    timeout: float,
) -> Shown:
    """The whole crossing. `environment` is the process's own, for the passphrase; `say` is told what is being done.

    Raises GatewayError where anything does not hold, TimeoutError after `timeout` seconds.
    """
    say("making keys, registry and configuration")
    read = prepare(folder, node, entered, environment)
    say("founding a ledger at XA, a contract at XB")
    done = await founding.found_all(read, now=founding.utc_now())
    for error in done.left.values():
        raise error
    read = done.config
    for name in read.document.networks:
        items = [(each.form, each.content, each.subject) for each in entered if each.network == name]
        say(f"{len(items)} records enter at {name.upper()}")
        for item in items:  # one after the other, as an office would: each is final before the next
            await put(read, name, [item], timeout)
    say("verifying, translating, sealing, delivering")
    await Gateway(assemble(read)).run_until_idle(timeout=timeout)
    say("writing the dossier")
    return _look(read, tuple(entered))


def _look(read: Config, entered: tuple[Entered, ...]) -> Shown:
    registry = open_registry(read)
    with reading(read) as connection:
        rows = list_records(connection, limit=10_000)
        views = tuple(record_of(connection, row.key.hex(), row.revision) for row in reversed(rows))
        for view in views:
            if not view.deliveries or any(each.state != "landed" for each in view.deliveries):
                states = ", ".join(f"{each.destination}: {each.state}" for each in view.deliveries) or "none"
                raise InputError(NOT_OVER, f"{view.kind} of {view.subjects[0]}: {states}")
        chosen = next(view for view in views if view.format == SEEN and view.kind == "Application")
        _, dossier = dossier_of(connection, chosen.key.hex(), chosen.revision, registry.encode())
        again = read_again(connection, chosen.deliveries[0].key)
    library = MappingLibrary.shipped()
    foreign, losses = foreign_form(chosen.common, library.by_format("register-evm"))
    data = hand_out(read, dossier)
    context = VerificationContext(datetime.now(UTC), registry, NOTHING_PROVEN, {}, read.document.limits.limits())
    verdict = verify_file(data, context, OFFICE, verifiers(), library)
    crossings = _crossings(views)
    return Shown(
        config=read,
        entered=entered,
        views=views,
        chosen=chosen,
        dossier=data,
        registry=registry.encode(),
        verdict=verdict,
        foreign=foreign,
        losses=losses,
        read_again=again == foreign.digest,
        picture=_draw(read, crossings, verdict),
        crossings=crossings,
    )


def leave(folder: Path, shown: Shown) -> tuple[Path, ...]:
    """Writes picture, dossier and registry; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "crossing.svg": shown.picture.encode(),
        "record.dossier": shown.dossier,
        "registry.json": shown.registry,
    }
    for name, data in content.items():
        safefile.replace(folder / name, data, mode=0o644)
    return tuple(folder / name for name in content)


# ── the picture ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _crossings(views: Sequence[RecordView]) -> tuple[Crossing, ...]:
    """One row for every native record that crossed, whatever number of common records it gave."""
    together: dict[tuple[str, bytes], list[RecordView]] = {}
    for view in views:
        together.setdefault((view.network, view.entry), []).append(view)
    rows = []
    for some in together.values():
        first = some[0]
        kinds: dict[str, int] = {}
        for view in some:
            kinds[view.kind] = kinds.get(view.kind, 0) + 1
        landed = [delivery for view in some for delivery in view.deliveries]
        lost = sum(len(delivery.losses or ()) for delivery in landed)
        form = {"xa": "register-sandbox", "xb": "register-evm"}[landed[0].destination]
        number, title = _called(first)
        rows.append(
            Crossing(
                origin="left" if first.network == "xa" else "right",
                number=number,
                title=title,
                native=(first.format, _place([first.locus])),
                kinds=tuple(kinds.items()),
                foreign=(form, _place([delivery.locus or {} for delivery in landed])),
                losses=lost,
                outcome="landed",
            )
        )
    return tuple(rows)


def _called(view: RecordView) -> tuple[str, str]:
    """What a person calls a record: its number, and its title in Latin letters where it has one."""
    record = model.decode(view.common)
    number = view.subjects[0].rsplit("/", 1)[-1]
    if isinstance(record, model.Application) and record.title_bag:
        titles = [text.value for text in record.title_bag]
        return number, next((text for text in titles if text.isascii()), titles[0])
    words = {"LegalStatusEvent": "an event of its legal status", "OwnershipTransfer": "a change of its owner"}
    if isinstance(record, model.LegalStatusEvent) and record.description_text:
        return number, record.description_text.value
    return number, words.get(view.kind, view.kind)


def _place(loci: Sequence[dict[str, LocusValue]]) -> str:
    """Where it stands, in a few letters: its block, and the entry in it or how many there are."""
    block = loci[0].get("block", "")
    digits = block.hex()[:8] if isinstance(block, bytes) else str(block)
    shown = f"block {digits}"
    if len(loci) > 1:
        return f"{shown}, {len(loci)} entries"
    last = [f"{key} {value}" for key, value in loci[0].items() if key in ("log", "index") and isinstance(value, int)]
    return ", ".join([shown, *last])


def _draw(read: Config, crossings: tuple[Crossing, ...], verdict: Verdict) -> str:
    registry = open_registry(read)
    sides = {}
    for name, title, fact in (
        ("xa", "sandbox ledger", "four validators, three sign each block"),
        ("xb", "EVM chain", "anvil, contract RecordRegister"),
    ):
        office = read.document.networks[name].office
        segment = next(each for each in registry.networks if each.material["office"] == office)
        basis = f"least basis {segment.basis} · network {segment.subject[:12]}"
        sides[name] = drawing.Network(office, f"Office {office}, {title}", (fact, basis))
    claims = [
        drawing.Claim(
            finding.claim.value,
            {"passed": True, "failed": False}.get(finding.outcome),
            _basis(finding.basis, finding.quorum.signed if finding.quorum else 0) if finding.basis else finding.outcome,
        )
        for finding in verdict.claims
    ]
    return drawing.draw(sides["xa"], sides["xb"], crossings, verdict.indication, claims)


def _basis(basis: str, signed: int) -> str:
    return f"on {basis}, {signed} signed" if signed > 1 else f"on {basis}"
