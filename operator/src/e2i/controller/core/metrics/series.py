"""One series of a metric with its value. Pure."""

from __future__ import annotations

from typing import NamedTuple

from e2i.controller.core.metrics.catalog import Metric


class Series(NamedTuple):
    """A value of a metric, and the values of its labels in the order of the catalog."""

    metric: Metric
    labels: tuple[str, ...]
    value: float
