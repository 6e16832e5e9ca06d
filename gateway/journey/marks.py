"""By what a gateway knows its own writing again: no database is asked, so it holds after a restore too."""

from __future__ import annotations

import hmac

from gateway.spi import DeliveryKey, Relay, SourceRecord

__all__ = ["mark_of", "written_here"]


def mark_of(secret: bytes, key: bytes) -> bytes:
    """The mark of a delivery: HMAC-SHA256 by the gateway's own secret over ``mark/1`` ‖ delivery key, 32 bytes."""
    return hmac.digest(secret, b"mark/1" + key, "sha256")


def written_here(secret: bytes, record: SourceRecord) -> bool:
    """Whether this gateway wrote the record.

    The network must hold it under the delivery key itself: a mark that someone copied beside another key is no proof,
    and a network takes no key twice.
    """
    relay: Relay = record.relay
    return record.entry == relay.key and hmac.compare_digest(relay.mark, mark_of(secret, DeliveryKey(relay.key)))
