"""Files that hold secrets or anchors: read only where nobody else can, and replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from gateway.errors import LimitError, TrustError, fault

__all__ = ["read_private", "replace"]

UNREADABLE = fault("file.unreadable", "A file of the gateway cannot be read.", "Check the path and who owns the file.")
EXPOSED = fault(
    "file.exposed",
    "A file that holds secrets can be read or written by others.",
    "Make it the gateway's alone: chmod 600 FILE.",
)
TOO_LARGE = fault(
    "file.too-large", "A file is larger than such a file can be.", "Check that the path names the right file."
)
UNWRITABLE = fault(
    "file.unwritable", "A file of the gateway cannot be written.", "Check the folder's owner and the space on the disk."
)


def read_private(path: Path, *, limit: int) -> bytes:
    """The bytes of a file that is its owner's alone.

    Raises TrustError where it cannot be read, is no plain file, or its mode lets the group or others in;
    LimitError over `limit` bytes.
    """
    try:
        with path.open("rb") as file:
            # Of the file that was opened, not of the path, which may name another one by then.
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise TrustError(UNREADABLE, "it is no plain file", where=str(path))
            if state.st_mode & 0o077:
                raise TrustError(EXPOSED, f"its mode is {stat.S_IMODE(state.st_mode):04o}", where=str(path))
            if state.st_size > limit:
                raise LimitError(TOO_LARGE, f"{state.st_size} bytes, at most {limit} are read", where=str(path))
            return file.read(limit + 1)[:limit]
    except OSError as error:
        raise TrustError(UNREADABLE, error.strerror or str(error), where=str(path)) from error


def replace(path: Path, data: bytes, *, mode: int = 0o600, new: bool = False) -> None:
    """Writes `data` to `path`, so that whoever reads sees the old bytes or the new ones, also after a power cut.

    new  the file must not be there yet

    Raises TrustError where it cannot be written, or is there already.
    """
    scratch = None
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            # link() refuses a name that is taken, where rename() would replace it.
            os.link(scratch, path)
        else:
            os.replace(scratch, path)
            scratch = None
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise TrustError(UNWRITABLE, error.strerror or str(error), where=str(path)) from error
    finally:
        if scratch is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(scratch)
