"""Compare what a command printed with what the page shows.

White space and line breaks do not count, `...` on the page stands for any text, and what differs from run to run is
compared by its form only: times and durations, ids and digests, pod names, addresses, amounts of memory. Other numbers
with more than three decimals are rounded to three.
"""

from __future__ import annotations

import re

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "<time>"),
        (r"\b\d\d:\d\d:\d\dZ?", "<time>"),
        (r"-[a-z0-9]{7,10}-[a-z0-9]{5}\b", "-<pod>"),
        (r"(?<!\d\.)\b[0-9a-f]{8,64}\b", "<hex>"),
        (r"\b\d+\.\d+\.\d+\.\d+\b(?!-)", "<address>"),
        (r"\b(\d+(\.\d+)?(ms|[smhd]))+\b", "<duration>"),
        (r"\b\d+(\.\d+)? (s|ms|minutes)\b", "<duration>"),
        (r"\b\d+(\.\d+)? ?([KMG]i?B)\b", "<size>"),
    )
)
_LONG_NUMBER = re.compile(r"\b\d+\.\d{4,}(?:e-?\d+)?\b")
_CUT = "..."


def differs(shown: str, printed: str) -> str | None:
    """Return None if `printed` is what the page has as `shown`, otherwise both from where they part."""
    wanted, seen = by_form(shown), by_form(printed)
    if _matches(wanted, seen):
        return None
    length = _matching_length(wanted, seen)
    return f"the page shows: {wanted[max(0, length - 60) :]}\nwas printed:    {seen}"


def by_form(text: str) -> str:
    """Return `text` in one line, with what differs from run to run replaced by its form."""
    text = " ".join(text.split())
    for pattern, form in _FORMS:
        text = pattern.sub(form, text)
    return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.3f}", text)


def _matches(wanted: str, seen: str, *, whole: bool = True) -> bool:
    parts = [re.escape(part.strip()) for part in wanted.split(_CUT)]
    pattern = re.compile(".*?".join(parts), re.DOTALL)
    return bool((pattern.fullmatch if whole else pattern.match)(seen))


def _matching_length(wanted: str, seen: str) -> int:
    """Return how many characters of `wanted` still match, found by halving."""
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _matches(wanted[:middle], seen, whole=False) else (low, middle - 1)
    return low
