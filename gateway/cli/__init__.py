"""The command line. One file per group of commands; each is imported only when it is asked for."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The `gateway` command."""
    from gateway.cli.root import root

    root()
