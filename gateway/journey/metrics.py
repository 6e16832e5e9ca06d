"""Prometheus metrics, in a registry of the gateway's own, so that two gateways in one process do not mix.

Labels are network names alone: never a number, a key or a text of a record.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Metrics"]

_LATENCY: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)


class Metrics:
    """What a person watches: how much waits, since when, how fast it goes, what stands still."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        label = ("network",)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"gateway_{name}", text, label, registry=self.registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"gateway_{name}", text, label, registry=self.registry)

        self.backlog = gauge("backlog", "Deliveries to this network that are not done")
        self.oldest = gauge("oldest_seconds", "Since when the oldest of them was seen on its own network")
        self.parked = gauge("parked", "Deliveries to this network that a person must look at")
        self.behind = gauge("behind_blocks", "Final blocks of this network that were not read yet")
        self.up = gauge("up", "1 where the network answered last time, 0 where not or where it stands still")
        self.ingested = counter("ingested_total", "Common records sealed out of this network")
        self.landed = counter("landed_total", "Deliveries that landed on this network")
        self.quarantined = counter("quarantined_total", "Native records of this network put in quarantine")
        self.echoes = counter("echoes_total", "Own writing read again on this network")
        self.retries = counter("retries_total", "Calls to this network that failed and were made again")
        self.sent_on = Histogram(
            "gateway_sent_on_seconds",
            "From a block seen on its own network until its records were sent to this one",
            label,
            registry=self.registry,
            buckets=_LATENCY,
        )
        self.landing = Histogram(
            "gateway_landing_seconds",
            "From a block seen on its own network until its records were final on this one",
            label,
            registry=self.registry,
            buckets=_LATENCY,
        )
