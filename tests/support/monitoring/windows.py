"""The table of windows and objectives, and how durations in rules are shortened for a test."""

from __future__ import annotations

import re
from dataclasses import dataclass

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Over which the shares of failed and of slow requests are recorded."""
ERROR_BUDGET = 0.001
"""Share of requests that may fail (5xx)."""
SLOW_BUDGET = 0.05
"""Share of requests that may take longer than SLOW."""
SLOW = "0.1"
"""Seconds, as the bucket of BentoML's histogram is named: the runbook's limit of 100 ms."""
LEAST_REQUESTS = 100
"""Requests in a long window below which its share of failures says nothing."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LEAST = 2
"""Seconds to which a duration is shortened at most."""
LEAST_WINDOW = 20
"""The same for a window: the operator repeats what failed after 10 to 15 s, which no factor shortens."""

_DURATION = re.compile(r"(\[)?@(\d+)([smhd])(?:@|\b)")


@dataclass(frozen=True)
class Burn:
    """How fast the budget of 30 days is used up, seen over a long and a short window."""

    factor: float
    long: str
    short: str
    hold: str
    severity: str


BURNS = (
    Burn(14.4, "1h", "5m", "2m", "critical"),
    Burn(6, "6h", "30m", "15m", "critical"),
    Burn(3, "1d", "2h", "1h", "warning"),
    Burn(1, "3d", "6h", "3h", "warning"),
)


def seconds(duration: str) -> int:
    """5m -> 300"""
    return int(duration[:-1]) * UNITS[duration[-1]]


def shortened(text: str, shorten: int) -> str:
    """Return the text with its durations: `[@5m]` -> `[5m]`, and `@1h@` -> 3600, divided by `shorten`."""

    def shorter(found: re.Match[str]) -> str:
        opened, written = found[1] or "", found[2] + found[3]
        number = max(LEAST_WINDOW if opened else LEAST, seconds(written) // shorten)
        if found[0].endswith("@"):
            return str(number)
        return opened + (written if shorten == 1 else f"{number}s")

    return _DURATION.sub(shorter, text)
