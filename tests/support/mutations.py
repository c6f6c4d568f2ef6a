"""Objects that others may write: recorded ones, each with some places changed into something odd. Seeded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, -(2**70), 10**400, 1.5, float("nan"), float("inf"), "", " ", "x", "True",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-11-21T12:00:00Z", "no time", "1e999999999",
    "\N{PILE OF POO}", "\ud83d", "\x00\x1b[2J\x9b", "\u202e\u2028\ufeff", "a" * 5000, "9" * 5000, "../" * 40,
    "sha256:" + "0" * 64, "s3://evil/bentos/churn/1/0.tar", [], [None], [[]], {}, {"": None}, {"a": {"b": ["c"]}},
)  # fmt: skip
LARGEST = 1_500_000
"""Bytes: etcd takes no larger object."""
_DEEP = 3000
Place = tuple[Any, Any]
"""(the object or list, key or index)"""


def seeded(seed: int) -> Random:
    """Return a source of choices that are the same for the same seed."""
    return Random(seed)  # noqa: S311 - nothing secret


def mutated(body: Any, random: Random) -> Any:
    """Return a copy with one to four changes."""
    changed = copy.deepcopy(body)
    for _ in range(random.randint(1, 4)):
        places = list(_places(changed))
        if places:
            _change(random.choice(places), random)
        if _is_too_large(changed):
            return mutated(body, random)
    return changed


def _places(value: Any, depth: int = 8) -> Iterator[Place]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        if depth:
            yield from _places(value[key], depth - 1)


def _change(place: Place, random: Random) -> None:
    inside, key = place
    random.choice((_delete, _odd, _odd, _odd, _wrap, _nest, _many))(inside, key, random)


def _delete(inside: Any, key: Any, random: Random) -> None:
    del inside[key]


def _odd(inside: Any, key: Any, random: Random) -> None:
    inside[key] = copy.deepcopy(random.choice(ODD))


def _wrap(inside: Any, key: Any, random: Random) -> None:
    inside[key] = random.choice((lambda value: [value], lambda value: {"value": value}, lambda _: "text"))(
        inside[key]
    )


def _nest(inside: Any, key: Any, random: Random) -> None:
    deep: Any = inside[key]
    wrap: Callable[[Any], Any] = random.choice((lambda value: [value], lambda value: {"a": value}))
    for _ in range(_DEEP):
        deep = wrap(deep)
    inside[key] = deep


def _many(inside: Any, key: Any, random: Random) -> None:
    if isinstance(inside[key], list):
        inside[key] = inside[key] * 200
    else:
        inside[key] = [inside[key]] * 200


def _is_too_large(value: Any) -> bool:
    """Return whether the value has more than about LARGEST bytes as JSON."""
    size, left = 0, [value]
    while left and size <= LARGEST:
        each = left.pop()
        if isinstance(each, dict):
            left += [*each, *each.values()]
        elif isinstance(each, list):
            left += each
        size += len(each) + 4 if isinstance(each, str) else 4
    return size > LARGEST
