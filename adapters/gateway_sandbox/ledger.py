"""The ledger file: SQLite in WAL mode, one transaction per block.

So a block is there whole or not at all, whatever is killed when; several processes read while one writes; and a
reader sees by one cheap number (`version`) that something new was committed. All four validators' private keys lie in
the same file: whoever holds it can sign anything. That is fine for training and tests, and each verdict says so.

A `Ledger` is one connection. It may move between threads, but two must not use it at once.

A note on rows: `sqlite3` lets go of the interpreter's lock at every row that it reads or writes, and a busy thread
beside it then keeps it for 5 ms; a thousand rows took 10 ms alone and 3 s beside one. So whatever may be many is read
as one row (`group_concat`) and written by one statement.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import Broken, InputError, Misuse, Permanent, Transient, fault
from gateway.proofs import merkle
from gateway_sandbox.blocks import (
    CHANGE_FORMAT,
    MOST_ENTRIES,
    Block,
    Genesis,
    Hash,
    Header,
    Leaf,
    ValidatorSet,
    content_hash,
    microseconds,
    read,
    signed_bytes,
    subject_hash,
)

__all__ = [
    "CLOSED",
    "DAMAGED",
    "FOREIGN",
    "Change",
    "Entry",
    "Head",
    "Held",
    "Ledger",
    "StoredBlock",
    "StoredEntry",
    "SubjectState",
]

_APPLICATION: Final = 0x49505347  # "IPSG", in the file's header: what `file` and a careless hand can see
_SCHEMA_VERSION: Final = 1
_BUSY_SECONDS: Final = 10.0
_PLACES: Final = 4096  # an entry's position is block · 4096 + its place in the block

_SCHEMA: Final = (
    "CREATE TABLE genesis (document BLOB NOT NULL, subject_secret BLOB NOT NULL) STRICT",
    "CREATE TABLE sets (digest BLOB PRIMARY KEY, document BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE validators (public BLOB PRIMARY KEY, private BLOB NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE blocks (number INTEGER PRIMARY KEY, digest BLOB NOT NULL CHECK (length(digest) = 32),
           time INTEGER NOT NULL, successors BLOB NOT NULL, changes INTEGER NOT NULL, size INTEGER NOT NULL,
           body BLOB NOT NULL) STRICT""",
    "CREATE INDEX changes ON blocks (number) WHERE changes",
    """CREATE TABLE entries (key BLOB PRIMARY KEY CHECK (length(key) = 32),
           digest BLOB NOT NULL CHECK (length(digest) = 32), position INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
    """CREATE TABLE subjects (subject BLOB PRIMARY KEY CHECK (length(subject) = 32), revision INTEGER NOT NULL,
           hash BLOB NOT NULL, withdrawn INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
    "CREATE TABLE fences (writer TEXT PRIMARY KEY, fence INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)

NO_LEDGER = fault(
    "sandbox.no-ledger", "There is no ledger in this file.", "Make it with `gateway network found`, or mend the path."
)
FOREIGN = fault(
    "sandbox.foreign-file",
    "The file is not a sandbox ledger, or not the one that is configured.",
    "Mend `file` or `chain` in the configuration; a ledger is never overwritten.",
)
DAMAGED = fault(
    "sandbox.damaged",
    "The ledger contradicts itself.",
    "Somebody changed the file by hand, or the disk did. Put back a copy, and find out which blocks it lacks.",
)
UNREACHABLE = fault(
    "sandbox.unreachable", "The ledger file does not answer.", "See that the disk is there, writable and not full."
)
CLOSED = fault("sandbox.closed", "The ledger was closed.", "Nothing: the gateway is stopping.")
TOO_MANY = fault(
    "sandbox.too-many", "More entries than one block holds.", "Write at most 2,000 at once (`Capabilities.batch`)."
)
LAST_VALIDATORS = fault(
    "sandbox.validators", "As many validators cannot change.", "Change at least one and at most as many as there are."
)


class Entry(NamedTuple):
    """What a writer hands in. `digest` is compared when the key comes again; the rest is what readers get."""

    key: bytes
    digest: bytes
    subject: str
    withdrawn: bool
    supersedes: bytes | None
    mark: bytes
    path: tuple[bytes, ...]
    format: str
    content: bytes


class StoredEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One entry of a block: its leaf, what opens the leaf's hashes, and what it is all about."""

    leaf: Leaf
    mark: Hash
    path: tuple[Hash, ...]
    salt: Hash
    subject: str
    format: str
    content: bytes


class _Body(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block as the file holds it, in one piece (MessagePack): what is hashed and signed is the `Block` within."""

    document: bytes
    entries: tuple[StoredEntry, ...]


_BODY: Final = msgspec.msgpack.Decoder(_Body)


class StoredBlock(NamedTuple):
    """One block. `document` is a `Block`'s bytes, `digest` that of its header."""

    digest: bytes
    document: bytes
    header: Header
    entries: tuple[StoredEntry, ...]

    def proven(self) -> tuple[tuple[StoredEntry, tuple[bytes, ...]], ...]:
        """Its entries, each with its branch. Raises Broken unless they are those that were signed."""
        root, branches = merkle.branches([entry.leaf.tree_hash for entry in self.entries])
        if (root, len(self.entries)) != (self.header.entries, self.header.size):
            raise Broken(DAMAGED, f"block {self.header.number} does not hold the entries that were signed")
        return tuple(zip(self.entries, branches, strict=True))


class Head(NamedTuple):
    """Where the chain ends: the number 0 and the genesis' digest where it has no block yet."""

    number: int
    digest: bytes
    time: int
    successors: bytes


class Held(NamedTuple):
    """What the ledger holds under a key, and where."""

    digest: bytes
    block: bytes
    place: int


class SubjectState(NamedTuple):
    """The newest entry about a subject."""

    revision: int
    hash: bytes
    withdrawn: bool


class Change(NamedTuple):
    """A block by which one set of validators agreed to the next: it, and the earlier set's document."""

    header: Header
    document: bytes
    earlier: bytes


class Ledger:
    """An open ledger file. Raises Transient where asking again may help, Broken where the file is not what it was."""

    def __init__(self, file: str | Path) -> None:
        """Opens the ledger that is in `file`. Makes none: that is `Ledger.found`."""
        self.file = Path(file)
        with self._answers():
            self._database = _connect(self.file)
            status = self.file.stat()
            self._inode = (status.st_dev, status.st_ino)
            try:
                self.genesis, self._secret = self._identity()
            except BaseException:
                self._database.close()
                raise
        self._private: dict[bytes, Ed25519PrivateKey] = {}

    @classmethod
    def found(cls, file: str | Path, chain: str, *, validators: int = 4, time: datetime | None = None) -> Ledger:
        """The ledger in `file`; with a new genesis and new validators where there is none yet.

        One transaction: of two processes that do this at once, one makes the ledger and both open it.
        Raises Permanent where the file holds another chain.
        """
        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it will hold private keys
        with _answers(path):
            database = _connect(path)
            try:
                database.execute("BEGIN IMMEDIATE")
                if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
                    _lay_down(database, chain, validators, time or datetime.now(UTC))
                database.execute("COMMIT")
                database.execute("PRAGMA journal_mode = WAL")
            finally:
                database.close()
        ledger = cls(path)
        if ledger.genesis.chain != chain:
            ledger.close()
            raise Permanent(FOREIGN, f"it holds the chain {ledger.genesis.chain!r}, not {chain!r}", where=str(path))
        return ledger

    def close(self) -> None:
        self._database.close()

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def version(self) -> int:
        """A number that is another one after somebody else's commit. Microseconds; no file is read."""
        with self._answers():
            return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def replaced(self) -> bool:
        """Whether another file stands under the name by now. Raises Transient where none does."""
        try:
            status = self.file.stat()
        except OSError as error:
            raise Transient(UNREACHABLE, f"the file is gone: {error.strerror}", where=str(self.file)) from error
        return (status.st_dev, status.st_ino) != self._inode

    def head(self) -> Head:
        with self._answers():
            row = self._database.execute(
                "SELECT number, digest, time, successors FROM blocks ORDER BY number DESC LIMIT 1"
            ).fetchone()
        return Head(0, self.genesis.digest, self.genesis.time, self.genesis.set.digest) if row is None else Head(*row)

    def digest(self, number: int) -> bytes | None:
        """The digest of the block at this height (the genesis' at 0), or None beyond the end."""
        if number == 0:
            return self.genesis.digest
        with self._answers():
            row = self._database.execute("SELECT digest FROM blocks WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def blocks(self, after: int, last: int, *, entries: int, content: int) -> tuple[StoredBlock, ...]:
        """The blocks of the heights `after` + 1 to `last`: one, and more while they keep within `entries` in number
        and `content` bytes together."""
        with self._answers():
            sizes = self._database.execute(
                "SELECT group_concat(size), group_concat(length(body)) FROM "
                "(SELECT size, body FROM blocks WHERE number > ? AND number <= ? ORDER BY number LIMIT ?)",
                (after, last, entries),
            ).fetchone()
            lengths: list[int] = []
            for size, length in zip(_numbers(sizes[0]), _numbers(sizes[1]), strict=True):
                entries -= size
                content -= length
                if lengths and (entries < 0 or content < 0):
                    break
                lengths.append(length)
            digests, bodies = self._database.execute(
                "SELECT CAST(group_concat(digest, '') AS BLOB), CAST(group_concat(body, '') AS BLOB) FROM "
                "(SELECT digest, body FROM blocks WHERE number > ? AND number <= ? ORDER BY number)",
                (after, after + len(lengths)),
            ).fetchone()
        blocks = tuple(map(self._block, _pieces(bodies, lengths)))
        if [block.digest for block in blocks] != list(_hashes(digests)):
            raise Broken(DAMAGED, "a block is not the one that stands in its place", where=str(self.file))
        return blocks

    def changes(self) -> tuple[Change, ...]:
        """Every change of validators, oldest first."""
        with self._answers():
            rows = self._database.execute("SELECT body FROM blocks WHERE changes ORDER BY number").fetchall()
        blocks = [self._block(body) for (body,) in rows]
        return tuple(Change(block.header, block.document, self.set(block.header.validators)) for block in blocks)

    def set(self, digest: bytes) -> bytes:
        """The document of a set of validators."""
        with self._answers():
            row = self._database.execute("SELECT document FROM sets WHERE digest = ?", (digest,)).fetchone()
            if row is None:
                raise Broken(DAMAGED, "a set of validators is missing", where=str(self.file))
            return bytes(row[0])

    def validators_at(self, number: int) -> ValidatorSet:
        """The set that signs the block of this height, be it there already or the next one."""
        in_force = self.genesis.set.digest
        for change in self.changes():
            if change.header.number < number:
                in_force = change.header.successors
        return read(ValidatorSet, self.set(in_force))

    def held(self, keys: Sequence[bytes]) -> dict[bytes, Held]:
        """What stands under these keys; a key that the ledger does not hold is not in the answer."""
        with self._answers():
            found, digests, blocks, positions = self._database.execute(
                "SELECT CAST(group_concat(e.key, '') AS BLOB), "  # noqa: S608 — of question marks
                "CAST(group_concat(e.digest, '') AS BLOB), "
                "CAST(group_concat(b.digest, '') AS BLOB), group_concat(e.position) "
                f"FROM entries e JOIN blocks b ON b.number = e.position / ? WHERE e.key IN {_row(len(keys))}",
                (_PLACES, *keys),
            ).fetchone()
        held = map(Held, _hashes(digests), _hashes(blocks), (position % _PLACES for position in _numbers(positions)))
        return dict(zip(_hashes(found), held, strict=True))

    def subject(self, subject: str) -> SubjectState | None:
        """What the ledger says of a subject now."""
        hashed = subject_hash(self._salt(subject), subject)
        with self._answers():
            row = self._database.execute(
                "SELECT revision, hash, withdrawn FROM subjects WHERE subject = ?", (hashed,)
            ).fetchone()
            return None if row is None else SubjectState(row[0], row[1], bool(row[2]))

    def fence(self, writer: str) -> int | None:
        """The newest fencing token that this writer has shown."""
        with self._answers():
            row = self._database.execute("SELECT fence FROM fences WHERE writer = ?", (writer,)).fetchone()
            return None if row is None else int(row[0])

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, entries: Sequence[Entry], *, writer: str, fence: int) -> bool:
        """Writes in one block those entries whose keys the ledger does not hold; no block where it holds all.

        Says False, and writes nothing, where this writer has already shown a newer fencing token.
        """
        if len(entries) > MOST_ENTRIES:
            raise Misuse(TOO_MANY, f"{len(entries)} entries")
        with self._writing():
            newest = self.fence(writer)
            if newest is not None and newest > fence:
                return False
            if newest != fence:
                self._database.execute("INSERT OR REPLACE INTO fences VALUES (?, ?)", (writer, fence))
            known = self.held([entry.key for entry in entries]).keys()
            fresh: dict[bytes, Entry] = {}
            for entry in entries:
                if entry.key not in known:
                    fresh.setdefault(entry.key, entry)
            if fresh:
                self._add_block(tuple(fresh.values()))
        return True

    def change_validators(self, count: int = 1) -> ValidatorSet:
        """Writes a block by which the set in force agrees to one where `count` of its members gave way to new ones."""
        with self._writing():
            head = self.head()
            in_force = read(ValidatorSet, self.set(head.successors))
            if not 1 <= count <= len(in_force.validators):
                raise Misuse(LAST_VALIDATORS, f"{count} of {len(in_force.validators)}")
            joining = _make_validators(self._database, count)
            successors = ValidatorSet(tuple(sorted([*in_force.validators[count:], *joining])))
            document = successors.encode()
            self._database.execute("INSERT INTO sets VALUES (?, ?)", (successors.digest, document))
            agreed = Entry(
                os.urandom(32),
                successors.digest,
                "validators",
                False,
                None,
                os.urandom(32),
                (),
                CHANGE_FORMAT,
                document,
            )
            self._add_block((agreed,), successors.digest)
        return successors

    def try_writing(self) -> None:
        """Raises as `append` would, and writes nothing."""
        with self._answers():
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("ROLLBACK")

    def _add_block(self, entries: tuple[Entry, ...], successors: bytes | None = None) -> None:
        head = self.head()
        number = head.number + 1
        salts = [self._salt(entry.subject) for entry in entries]
        subjects = [subject_hash(salt, entry.subject) for salt, entry in zip(salts, entries, strict=True)]
        revisions = self._revisions(set(subjects))
        stored: list[StoredEntry] = []
        for entry, salt, subject in zip(entries, salts, subjects, strict=True):
            revisions[subject] = revision = revisions.get(subject, 0) + 1
            hashed = content_hash(entry.mark, entry.path, entry.format, entry.content)
            leaf = Leaf(entry.key, subject, revision, hashed, entry.withdrawn, entry.supersedes)
            stored.append(StoredEntry(leaf, entry.mark, entry.path, salt, entry.subject, entry.format, entry.content))
        header = Header(
            number=number,
            genesis=self.genesis.digest,
            parent=head.digest,
            time=max(head.time, microseconds(datetime.now(UTC))),
            entries=merkle.root([entry.leaf.tree_hash for entry in stored]),
            size=len(stored),
            validators=head.successors,
            successors=successors or head.successors,
        )
        block = self._sign(header)
        body = msgspec.msgpack.encode(_Body(block.encode(), tuple(stored)))
        changes = int(header.successors != header.validators)
        self._put(
            "INSERT INTO blocks",
            [(number, block.block_digest, header.time, header.successors, changes, header.size, body)],
        )
        keys = [(entry.key, entry.digest, number * _PLACES + place) for place, entry in enumerate(entries)]
        self._put("INSERT INTO entries", keys)
        states = {entry.leaf.subject: entry.leaf for entry in stored}  # of several about one subject, the last
        self._put(
            "INSERT OR REPLACE INTO subjects",
            [(leaf.subject, leaf.revision, leaf.hash, leaf.withdrawn) for leaf in states.values()],
        )

    def _put(self, into: str, rows: Sequence[tuple[object, ...]]) -> None:
        """In one statement: see the note on rows above."""
        places = ", ".join([_row(len(rows[0]))] * len(rows))
        self._database.execute(f"{into} VALUES {places}", list(chain.from_iterable(rows)))

    def _sign(self, header: Header) -> Block:
        """What the validators do, each on a machine of its own, were this a network."""
        data = header.encode()
        in_force = read(ValidatorSet, self.set(header.validators))
        signatures = [
            (public, self._signer(public).sign(signed_bytes(data)))
            for public in sorted(in_force.signers(header.number))
        ]
        return Block(data, tuple(signatures))

    def _signer(self, public: bytes) -> Ed25519PrivateKey:
        if public not in self._private:
            row = self._database.execute("SELECT private FROM validators WHERE public = ?", (public,)).fetchone()
            if row is None:
                raise Broken(DAMAGED, "a validator's key is missing", where=str(self.file))
            self._private[public] = Ed25519PrivateKey.from_private_bytes(row[0])
        return self._private[public]

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _identity(self) -> tuple[Genesis, bytes]:
        if self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            raise Transient(NO_LEDGER, "the file is empty", where=str(self.file))
        application = self._database.execute("PRAGMA application_id").fetchone()[0]
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if (application, version) != (_APPLICATION, _SCHEMA_VERSION):
            raise Broken(FOREIGN, "it is some other database", where=str(self.file))
        document, secret = self._database.execute("SELECT document, subject_secret FROM genesis").fetchone()
        try:
            return read(Genesis, document), secret
        except InputError as error:
            raise Broken(DAMAGED, f"its genesis: {error.detail}", where=str(self.file)) from error

    def _block(self, body: bytes) -> StoredBlock:
        try:
            stored = _BODY.decode(body)
            block = read(Block, stored.document)
            return StoredBlock(block.block_digest, stored.document, read(Header, block.header), stored.entries)
        except (InputError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Broken(DAMAGED, f"a block cannot be read: {error}", where=str(self.file)) from error

    def _revisions(self, subjects: Collection[bytes]) -> dict[bytes, int]:
        """How many entries each has; one that has none is not in the answer."""
        found, revisions = self._database.execute(
            "SELECT CAST(group_concat(subject, '') AS BLOB), group_concat(revision) "  # noqa: S608 — of question marks
            f"FROM subjects WHERE subject IN {_row(len(subjects))}",
            tuple(subjects),
        ).fetchone()
        return dict(zip(_hashes(found), _numbers(revisions), strict=True))

    def _salt(self, subject: str) -> bytes:
        """One salt per subject, so that the ledger finds a subject again and a stranger cannot try numbers."""
        return hmac.digest(self._secret, b"subject/1" + subject.encode(), "sha256")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that alone may write, from its first moment: what is read in it is still so at its end."""
        with self._answers():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk has ended it already
                    self._database.execute("ROLLBACK")
                raise

    def _answers(self) -> AbstractContextManager[None]:
        return _answers(self.file)


def _row(count: int) -> str:
    """(?, ?, …)"""
    return f"({', '.join('?' * count)})"


def _pieces(together: bytes | None, lengths: Iterable[int]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield (together or b"")[start : start + length]
        start += length


def _hashes(together: bytes | None) -> Iterator[bytes]:
    return _pieces(together, repeat(32, len(together or b"") // 32))


def _numbers(together: str | None) -> list[int]:
    return [int(number) for number in (together or "").split(",") if number]


@contextmanager
def _answers(file: Path) -> Iterator[None]:
    """What SQLite says, in the words of the gateway's errors."""
    try:
        yield
    except sqlite3.OperationalError as error:  # locked, full, unreadable: not the ledger's own fault
        raise Transient(UNREACHABLE, str(error), where=str(file)) from error
    except sqlite3.DatabaseError as error:
        raise Broken(DAMAGED, str(error), where=str(file)) from error


def _connect(file: Path) -> sqlite3.Connection:
    if not file.exists():
        raise Transient(NO_LEDGER, "there is no such file", where=str(file))
    database = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # FULL: what the ledger once called final is not lost with the power.
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _lay_down(database: sqlite3.Connection, chain: str, validators: int, time: datetime) -> None:
    for statement in _SCHEMA:
        database.execute(statement)
    publics = tuple(sorted(_make_validators(database, validators)))
    genesis = read(Genesis, Genesis(chain, microseconds(time), publics).encode())
    database.execute("INSERT INTO sets VALUES (?, ?)", (genesis.set.digest, genesis.set.encode()))
    database.execute("INSERT INTO genesis VALUES (?, ?)", (genesis.encode(), os.urandom(32)))
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _make_validators(database: sqlite3.Connection, count: int) -> list[bytes]:
    made = [Ed25519PrivateKey.generate() for _ in range(count)]
    publics = [private.public_key().public_bytes_raw() for private in made]
    database.executemany(
        "INSERT INTO validators VALUES (?, ?)",
        [(public, private.private_bytes_raw()) for public, private in zip(publics, made, strict=True)],
    )
    return publics
