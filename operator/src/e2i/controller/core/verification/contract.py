"""Checks answers against the contract of each type of model. Pure.

    part            must be
    label           one of spec.rollout.contract.labels, if there are any
    probabilities   from 0 to 1, each list or object summing to one
    probability     from 0 to 1
    value, effect   a finite number, or lists of them
    lower, upper    finite numbers, lower <= effect <= upper
    interval        [lower, upper], or a list of them

A part that is found is checked. A part that the contract names must be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise

from e2i.api.conditions import Reason
from e2i.controller.core.verification import jsonpaths
from e2i.controller.core.verification.answer_fields import Group, Node, leaves, recognise
from e2i.controller.core.verification.checks import Contract
from e2i.controller.core.verification.comparison import MISSING, Difference, no_number
from e2i.controller.core.verification.jsontext import Value, is_number, parts, show

_BROKEN = Reason.ContractBroken
_INDEX = re.compile(r"\[\d+\]")
_SUM_TOLERANCE = Decimal("0.001")
_ROUNDING = Decimal("0.000001")
"""How far a softmax in single precision may leave the range from 0 to 1."""


def contract_differences(contract: Contract, kind: str, answer: Value) -> Iterator[Difference]:
    """Return where the answer breaks the contract; `kind` is Classification, Regression or Causal."""
    named = {part: jsonpaths.find(path, answer) for part, path in contract.paths.items()}
    for part, path in contract.paths.items():
        if not named[part]:
            yield Difference(reason=_BROKEN, place=path, wanted="there, as the contract says", found=MISSING)
    for group in recognise(kind, answer, named):
        yield from _broken_parts(group, contract.labels, strict=bool(named))


def _broken_parts(group: Group, labels: frozenset[str], *, strict: bool) -> Iterator[Difference]:
    """Check the parts of one group. `strict`: the contract names paths, so nothing is guessed."""
    chosen = list(leaves(group.get("label", ())))
    for place, value in chosen:
        yield from _label(place, value, labels)
    for place, value in group.get("probabilities", ()):
        yield from _probabilities(place, value, labels, one_each=0 if strict else len(chosen))
    for place, value in leaves(group.get("probability", ())):
        yield from _probability(place, value)
    for place, value in leaves(group.get("value", ())):
        yield from _finite(place, value)
    yield from _effects(group, strict=strict)


def _label(place: str, value: Value, labels: frozenset[str]) -> Iterator[Difference]:
    """Check one label. A number or a truth value is compared in its JSON form."""
    if value is None or value == "" or isinstance(value, dict):
        yield Difference(reason=_BROKEN, place=place, wanted="a label", found=show(value))
    elif labels and (value if isinstance(value, str) else show(value)) not in labels:
        words = f"one of the labels {', '.join(sorted(labels))}"
        yield Difference(reason=_BROKEN, place=place, wanted=words, found=show(value))


def _probabilities(
    place: str, value: Value, labels: frozenset[str], *, one_each: int
) -> Iterator[Difference]:
    """Check probabilities. A list of `one_each` items has one for each label of a batch and need not sum to 1."""
    if not isinstance(value, list | dict):
        yield from _probability(place, value)
        return
    items = list(parts(value, place))
    if isinstance(value, dict):
        yield from _undeclared(zip(value, items, strict=True), labels)
        yield from _distribution(place, items)
    elif any(isinstance(item, list | dict) for item in value):
        for where, item in items:
            yield from _probabilities(where, item, labels, one_each=0)
    elif len(items) == one_each:
        for where, item in items:
            yield from _probability(where, item)
    else:
        yield from _distribution(place, items)


def _undeclared(by_label: Iterable[tuple[str, Node]], labels: frozenset[str]) -> Iterator[Difference]:
    for label, (place, value) in by_label:
        if labels and label not in labels:
            words = f"absent (the labels are {', '.join(sorted(labels))})"
            yield Difference(reason=_BROKEN, place=place, wanted=words, found=show(value))


def _distribution(place: str, items: list[Node]) -> Iterator[Difference]:
    wrong = [difference for where, value in items for difference in _probability(where, value)]
    yield from wrong
    total = Decimal(0) if wrong else sum((Decimal(value) for _, value in items), Decimal(0))
    if not wrong and abs(total - 1) > _SUM_TOLERANCE:
        words = f"{show([value for _, value in items])}, which sum to {show(total)}"
        hint = f"If several labels may hold at once, write probabilitiesPath: {_INDEX.sub('[*]', place)}[*] into "
        yield Difference(
            reason=_BROKEN,
            place=place,
            wanted="probabilities that sum to 1",
            found=words,
            hint=f"{hint}spec.rollout.contract; if not, release a bento that answers in this form.",
        )


def _probability(place: str, value: Value) -> Iterator[Difference]:
    phrase = "a probability from 0 to 1"
    if not is_number(value):
        yield no_number(place, phrase, value, _BROKEN)
    elif not -_ROUNDING <= value <= 1 + _ROUNDING:
        yield Difference(reason=_BROKEN, place=place, wanted=phrase, found=show(value))


def _finite(place: str, value: Value) -> Iterator[Difference]:
    if not is_number(value):
        yield no_number(place, "a finite number", value, _BROKEN)


def _effects(group: Group, *, strict: bool) -> Iterator[Difference]:
    effects, lowers, uppers = (list(leaves(group.get(part, ()))) for part in ("effect", "lower", "upper"))
    for place, value in group.get("interval", ()):
        ends = _ends(place, value)
        if ends is None:
            yield Difference(reason=_BROKEN, place=place, wanted="[lower, upper]", found=show(value))
        else:
            lowers += ends[0::2]
            uppers += ends[1::2]
    wrong = [difference for node in (*effects, *lowers, *uppers) for difference in _finite(*node)]
    yield from wrong or _unordered(effects, lowers, uppers, strict=strict)


def _ends(place: str, value: Value) -> list[Node] | None:
    """Return lower and upper ends in turn, from [1, 2] or [[1, 2], [3, 4]]; None if it is not an interval."""
    if isinstance(value, dict) and value.keys() >= {"lower", "upper"}:
        return [(f"{place}.lower", value["lower"]), (f"{place}.upper", value["upper"])]
    items = list(parts(value, place)) if isinstance(value, list) else []
    if len(items) == 2 and not any(isinstance(item, list | dict) for _, item in items):
        return items
    inner = [_ends(where, item) for where, item in items]
    return [end for ends in inner if ends for end in ends] if inner and all(inner) else None


def _unordered(
    effects: list[Node], lowers: list[Node], uppers: list[Node], *, strict: bool
) -> Iterator[Difference]:
    """Check lower <= effect <= upper, if there are as many intervals as effects; `strict` demands as many."""
    paired = len(effects) == len(lowers)
    if len(lowers) != len(uppers) or (strict and lowers and not paired):
        yield Difference(
            reason=_BROKEN,
            place="the interval",
            wanted="a lower and an upper end for each effect",
            found=f"effects: {len(effects)}, lower ends: {len(lowers)}, upper ends: {len(uppers)}",
        )
        return
    for index, (lower, upper) in enumerate(zip(lowers, uppers, strict=True)):
        between = effects[index : index + 1] if paired else []
        for (place, value), (above, limit) in pairwise((lower, *between, upper)):
            if value > limit:
                words = f"at most {show(limit)}, as {above} is"
                yield Difference(reason=_BROKEN, place=place, wanted=words, found=show(value))
