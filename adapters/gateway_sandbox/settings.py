"""What a configuration says about a sandbox ledger."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["SandboxSettings"]


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ledger file.

    file    path of the ledger file; `gateway network found` makes it where it is missing
    chain   name of the chain, as its genesis says it
    poll    seconds between two looks for new blocks; a look costs some ten microseconds
    writer  under which name this gateway writes: the ledger refuses a writer's older fencing token, each writer its own
    """

    file: Annotated[str, msgspec.Meta(min_length=1)]
    chain: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    poll: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.002
    writer: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "gateway"
