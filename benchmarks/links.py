"""Links minted for a list, on one core, against bare HMAC in the same run."""

from __future__ import annotations

import hmac
import statistics
import time
from collections.abc import Callable

from benchmarks.report import Figure
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.links import Links

NUMBER = 100_000
ROUNDS = 7


def main() -> list[Figure]:
    addresses = [f"reader{i}@example.com" for i in range(NUMBER)]
    messages = [address.encode() for address in addresses]
    key = b"k" * 48
    mint = Links([key]).stop_minter("newsletter", "bench")
    fingerprints = Fingerprinter(b"p" * 48).of_text

    def minted() -> None:
        for address in addresses:
            "https://prefs.example.com/u/" + mint(fingerprints(address).wide)

    def bare() -> None:
        for message in messages:
            hmac.digest(key, message, "sha256")

    rounds = [(_rate(bare), _rate(minted)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for other, one in rounds)
    best = max(one for _, one in rounds)
    detail = f"best of {ROUNDS}; bare HMAC-SHA-256: {max(other for other, _ in rounds):,.0f}/s"
    return [
        Figure("links minted / bare HMAC", ratio, "from the address as text to the whole URL; median"),
        Figure("links minted, a second and core", best, detail, at_least=150_000),
    ]


def _rate(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return NUMBER / (time.perf_counter() - begun)
