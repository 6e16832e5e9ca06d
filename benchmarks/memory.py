"""Memory over a million records from ledger to ledger: does it grow? `make bench-memory`; not part of `make bench`.

Takes some ten minutes and some ten gigabytes of scratch space.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.crossing import sustained  # noqa: E402  # the tree must be on the path first

RECORDS: Final = {"quick": 150_000, "full": 1_000_000}


def measure(mode: str = "quick") -> list[dict[str, Any]]:
    """The last quarter against the second, and what was resident at the end."""
    figures = sustained(RECORDS[mode], mode)
    return [
        {**figure, "name": figure["name"].replace("… resident", f"resident after {RECORDS[mode]:,} records")}
        for figure in figures
        if "memory" in figure["name"] or "resident" in figure["name"]
    ]
