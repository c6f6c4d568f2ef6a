"""Reads a page of metrics as Prometheus does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


class Scraped:
    """One page of metrics."""

    def __init__(self, text: str) -> None:
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    @property
    def names(self) -> set[str]:
        """Names as the catalog has them: those of a histogram without _bucket, _count and _sum."""
        return {
            each.name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
            for each in self.samples
        }

    def value(self, name: str, /, **labels: str) -> float | None:
        """The value of the only series with these labels and perhaps others; None if there is none."""
        found = [
            each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items()
        ]
        assert len(found) <= 1, f"{len(found)} series of {name} have {labels}"
        return found[0] if found else None

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of all series of a metric."""
        return [dict(each.labels) for each in self.samples if each.name == name]
