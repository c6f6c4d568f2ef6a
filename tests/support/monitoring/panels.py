"""What a dashboard is made of, whoever draws it: Grafana, or the pictures of the documents."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

CHOSEN = 'namespace=~"$namespace",model=~"$model"'
OF = "{{namespace}}/{{model}}"
RELEASE = "{{model}} {{release}}"

RATE = "[$__rate_interval]"
LEAST_STEP = 30
"""Seconds between two points at least, as between two scrapes: with it `RATE` is 2 minutes or more everywhere."""


class Form(Enum):
    """How a panel shows its answers; the value is Grafana's name of it."""

    LINES = "timeseries"
    STATES = "state-timeline"
    """A row for each series, coloured while it is there: for what has a name and no size."""
    NUMBER = "stat"
    """The present value."""
    TABLE = "table"
    """The labels of what is there at present."""


@dataclass(frozen=True)
class Level:
    """What a value means from `least` on: a colour, and a word if there is one."""

    least: float
    colour: str
    meaning: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel: its title, its queries with the legend of each, the unit of its values, what a reader learns."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    about: str = ""
    form: Form = Form.LINES
    levels: tuple[Level, ...] = ()
    colour: str = "blue"
    """Of states without levels."""
    colours: tuple[tuple[str, str], ...] = ()
    """Those of single rows, by their name."""
    columns: tuple[str, ...] = ()
    empty: str = ""
    """What stands there without a series, where that is good news."""
    is_count: bool = False
    """Values are whole numbers, and jump."""
    width: int = 12


@dataclass(frozen=True)
class Board:
    """One dashboard. `uid` is part of its address, so it stays."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    stands_alone: bool = False
    """Without an operator and other dashboards beside it: it has neither marks of releases nor links."""

    @property
    def is_by_model(self) -> bool:
        """Whether namespaces and models can be chosen: a choice that changes nothing would mislead."""
        return any("$model" in query for panel in self.panels for query, _ in panel.queries)


def asked(query: str, step: float = math.inf) -> str:
    """Return the query as Grafana asks it with all models chosen and `step` seconds between points; else over 5 min."""
    rate = "5m" if math.isinf(step) else f"{max(step + LEAST_STEP, 4 * LEAST_STEP):.0f}s"
    return query.replace("$__rate_interval", rate).replace("$namespace", ".*").replace("$model", ".*")


def in_an_hour(counter: str, by: str) -> str:
    """Count events of the last hour. `increase` extrapolates; what happened is a whole number."""
    return f"sum by ({by}) (round(increase({counter}[1h])))"
