"""Customers of `e2i pipeline demo`: as in bentos/churn, changed, and with wrong labels. ALL SYNTHETIC."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2i.pipeline.recipe import load_function

Customer = dict[str, Any]
Shift = Mapping[str, Mapping[str, float]]


class Customers:
    """Draw customers with the generator of the project in `folder`; the same seed gives the same customers."""

    def __init__(self, folder: Path, target: str, shift: Shift) -> None:
        self._folder, self._target, self._shift = folder, target, shift

    def changed(self, count: int, seed: int) -> list[Customer]:
        """Return `count` changed customers without labels."""
        drawn, _ = self._generate(count, seed)
        return [shifted(customer, self._shift) for customer in drawn]

    def labelled(self, rows: int, seed: int) -> list[Customer]:
        """Return `rows` unchanged and `rows` changed customers, each with its label."""
        drawn, labels = self._generate(rows, seed)
        known = [{**customer, self._target: label} for customer, label in zip(drawn, labels, strict=True)]
        probability = load_function(self._folder, "data:churn_probability")
        chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
        changed = self.changed(rows, seed + 1)
        said = ["leaves" if chance.random() < probability(customer) else "stays" for customer in changed]
        return known + [{**one, self._target: label} for one, label in zip(changed, said, strict=True)]

    def mislabelled(self, labelled: Sequence[Customer], seed: int) -> list[Customer]:
        """Return the same customers with their labels shuffled."""
        labels = [customer[self._target] for customer in labelled]
        random.Random(seed).shuffle(labels)  # noqa: S311
        return [{**one, self._target: label} for one, label in zip(labelled, labels, strict=True)]

    def _generate(self, count: int, seed: int) -> tuple[list[Customer], list[str]]:
        drawn: tuple[list[Customer], list[str]] = load_function(self._folder, "data:generate")(count, seed)
        return drawn


def shifted(customer: Customer, shift: Shift) -> Customer:
    """Return the customer with each number of `shift` multiplied and increased; integers stay integers.

    {"tenure_months": 10, "autopay": True} with {"tenure_months": {"times": 0.4}} -> tenure_months 4
    """
    changed = dict(customer)
    for name, how in shift.items():
        number = customer[name] * how.get("times", 1) + how.get("plus", 0)
        changed[name] = int(number) if isinstance(customer[name], int) else round(number, 2)
    return changed


def write_rows(file: Path, rows: Sequence[Customer]) -> None:
    """Write the rows as JSON lines."""
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
