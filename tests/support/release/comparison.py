"""Compares two public surfaces: what a user of the earlier one would find missing or different. Pure.

A surface is what users, pipelines and dashboards rely on, by kind and name, with what is promised of each name:
{"settings": {"E2I_WORKERS": {"default": "8"}}}. New names are no break, unless users must give them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
Surface = Mapping[str, Mapping[str, Facts]]
GROWS = ("values",)
"""Lists that may become longer."""
SHRINKS = ("refuses",)
"""Lists that may become shorter."""
_UNLESS_GIVEN = re.compile(r"!has\(self\.(\w+)\) \|\|")
MAY_RISE = ("most",)
MAY_FALL = ("least",)


@dataclass(frozen=True)
class Break:
    """One promise of the earlier surface that does not hold any more."""

    kind: str
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: `{self.name}` {self.what}"


def breaks(before: Surface, now: Surface) -> list[Break]:
    """Return what a user of `before` has to know before `now` is used."""
    return [each for kind in before for each in _of_kind(kind, before[kind], now.get(kind, {}))]


def unannounced(found: list[Break], announcement: str) -> list[Break]:
    """Return the breaks whose names the announcement does not have in backticks."""
    return [each for each in found if f"`{each.name}`" not in announcement]


def _of_kind(kind: str, before: Mapping[str, Facts], now: Mapping[str, Facts]) -> Iterator[Break]:
    for name, facts in before.items():
        if name not in now:
            # What is gone with its parent is not listed once more.
            if not any(parent in before and parent not in now for parent in parents(name)):
                yield Break(kind, name, "is gone")
        else:
            yield from (
                Break(kind, name, what) for what in _differences(facts, _loosened(name, now[name], before))
            )
    for name, facts in now.items():
        parent = next(parents(name), None)
        if name not in before and facts.get("required") and (parent is None or parent in before):
            yield Break(kind, name, "is new and must be given")


def _loosened(name: str, facts: Facts, before: Mapping[str, Facts]) -> Facts:
    """Return the facts without rules about fields that are new: they refuse nothing that was possible."""
    if "refuses" not in facts:
        return facts
    rules = [rule for rule in facts["refuses"] if not _is_about_a_new_field(name, rule, before)]
    return {**facts, "refuses": rules}


def _is_about_a_new_field(name: str, rule: str, before: Mapping[str, Facts]) -> bool:
    found = _UNLESS_GIVEN.match(rule)
    return bool(found) and not {f"{name}.{found[1]}", f"{name}[].{found[1]}"} & before.keys()


def parents(name: str) -> Iterator[str]:
    """Return what the name is a part of: spec.rollout.watch -> spec.rollout, spec; e2i package --name -> e2i package"""
    while any(mark in name for mark in ". "):
        at = max(name.rfind("."), name.rfind(" "))
        name = name[:at].removesuffix("[]")
        yield name


def _differences(before: Facts, now: Facts) -> Iterator[str]:
    for fact in sorted({*before, *now}):
        old, new = before.get(fact), now.get(fact)
        if old != new and (what := _difference(fact, old, new)):
            yield what


def _difference(fact: str, old: Any, new: Any) -> str:
    """Return what a changed fact means for a user, or nothing if all that was possible still is."""
    if fact == "required":
        return "must be given now" if new else ""
    if fact in GROWS:
        return _fewer_values(old, new)
    if fact in SHRINKS:
        added = [value for value in new or () if value not in (old or ())]
        return f"is refused by a new rule: {'; '.join(map(str, added))}" if added else ""
    if fact in MAY_RISE and (new is None or (old is not None and new > old)):
        return ""
    if fact in MAY_FALL and (new is None or (old is not None and new < old)):
        return ""
    return f"has another {fact}: {shown(new)} instead of {shown(old)}"


def _fewer_values(old: list[Any] | None, new: list[Any] | None) -> str:
    if new is None:
        return ""
    if old is None:
        return f"takes only {', '.join(map(str, new))} now"
    gone = [value for value in old if value not in new]
    return f"takes {', '.join(map(str, gone))} no longer" if gone else ""


def shown(value: Any) -> str:
    """Return the value for a sentence."""
    return "none" if value is None else str(value)
