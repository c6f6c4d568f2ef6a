"""Compare the metrics of a model with the bounds of project.yaml and with the model that serves. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from e2i.pipeline.project import Threshold
from e2i_bento.card import Kind

LOWER_IS_BETTER = frozenset(
    {"log_loss", "mean_absolute_error", "root_mean_squared_error", "ate_error", "effect_error"}
)
HIGHER_IS_BETTER = frozenset({"accuracy", "roc_auc", "r2"})
OF_TYPE: Mapping[Kind, tuple[str, ...]] = {
    "Classification": ("accuracy", "log_loss", "roc_auc"),
    "Regression": ("mean_absolute_error", "r2", "root_mean_squared_error"),
    "Causal": ("ate", "ate_error", "effect_error", "interval_coverage"),
}
"""The metrics that `scoring` can give a model; the recipe's evaluate may add others."""
SHARES = ("accuracy", "roc_auc", "r2", "interval_coverage")
"""Metrics that are at most 1."""
CHANCE = 2.0
"""Number of standard errors of the difference within which two models count as equally good."""

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class ServingModel:
    """The model that serves. It has no metrics if it could not be measured (`trouble` says why) or was not compared
    (`skipped` says why).

    `noise` is the standard error of the difference between the two models, for the metrics where it is known.
    """

    name: str
    metrics: Metrics
    noise: Metrics
    trouble: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class Finding:
    """A bound that is not met. `bound` is its key in project.yaml, for instance gate.roc_auc.minimum."""

    metric: str
    bound: str
    sentence: str


@dataclass(frozen=True)
class GateResult:
    """The bounds that are not met, and notes for a person."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.findings


def check_gate(metrics: Metrics, gate: Mapping[str, Threshold], serving: ServingModel | None) -> GateResult:
    """Return all bounds that are not met, in the order of project.yaml. `serving` is None if nothing serves."""
    findings: list[Finding] = []
    for metric, threshold in gate.items():
        value = metrics.get(metric)
        if value is None or not math.isfinite(value):
            findings.append(_missing_metric(metric, value, metrics))
            continue
        findings += _outside_bounds(metric, value, threshold)
        if serving and not serving.trouble:
            findings += _worse_than_serving(metric, value, threshold, serving)
    if serving and serving.trouble:
        findings.append(
            Finding(
                "",
                "what serves",
                f"{serving.name} serves and could not be measured: {serving.trouble.rstrip('.')}. "
                "Name what to compare with by --against, or `--against none` to compare with nothing.",
            )
        )
    return GateResult(tuple(findings), tuple(_notes(gate, serving)))


def _missing_metric(metric: str, value: float | None, metrics: Metrics) -> Finding:
    known = ", ".join(sorted(metrics))
    said = f"has no metric {metric}; it has {known}" if value is None else f"has {metric} {value}"
    return Finding(metric, f"gate.{metric}", f"The evaluation {said}. Correct the gate or the recipe.")


def _outside_bounds(metric: str, value: float, threshold: Threshold) -> Iterable[Finding]:
    if threshold.minimum is not None and value < threshold.minimum:
        bound = f"gate.{metric}.minimum"
        yield Finding(metric, bound, f"{metric} is {value:.4g} and must be at least {threshold.minimum:g}.")
    if threshold.maximum is not None and value > threshold.maximum:
        bound = f"gate.{metric}.maximum"
        yield Finding(metric, bound, f"{metric} is {value:.4g} and must be at most {threshold.maximum:g}.")


def _worse_than_serving(
    metric: str, value: float, threshold: Threshold, serving: ServingModel
) -> Iterable[Finding]:
    there, direction = serving.metrics.get(metric), better_when(metric, threshold)
    if there is None or not math.isfinite(there) or direction is None:
        return
    allowed = allowance(metric, threshold, serving.noise)
    worse_by = value - there if direction == "lower" else there - value
    if allowed is not None and worse_by > allowed:
        yield Finding(
            metric,
            f"gate.{metric}.worse_than_serving_by",
            f"{metric} is {value:.4g} and {there:.4g} with {serving.name}, which serves: worse by {worse_by:.4g}, "
            f"and {allowed:.4g} is allowed.",
        )


def allowance(metric: str, threshold: Threshold, noise: Metrics) -> float | None:
    """Return by how much a model may be worse than the one that serves, or None if it is not known.

    worse_than_serving_by 0.02         -> 0.02
    not set, standard error 0.004      -> 0.008
    not set, no standard error         -> None
    """
    if threshold.worse_than_serving_by is not None:
        return threshold.worse_than_serving_by
    return CHANCE * noise[metric] if metric in noise else None


def better_when(metric: str, threshold: Threshold) -> Literal["lower", "higher"] | None:
    """Return whether lower or higher is better. For an unknown metric a maximum means lower, a minimum higher."""
    if metric in LOWER_IS_BETTER:
        return "lower"
    if metric in HIGHER_IS_BETTER:
        return "higher"
    if (threshold.minimum is None) == (threshold.maximum is None):
        return None
    return "higher" if threshold.maximum is None else "lower"


def _notes(gate: Mapping[str, Threshold], serving: ServingModel | None) -> Iterable[str]:
    if not gate:
        yield "project.yaml has no gate: every model passes. Add bounds, for instance gate: {roc_auc: {minimum: 0.75}}."
    if serving is None:
        yield "Nothing serves yet: there is nothing to compare with."
    elif serving.skipped:
        yield f"{serving.name} serves and was not compared: {serving.skipped}"
    for metric, threshold in gate.items():
        if threshold.worse_than_serving_by is not None and better_when(metric, threshold) is None:
            yield (
                f"gate.{metric}.worse_than_serving_by was not checked: it is unknown whether a high {metric} is good. "
                "Add a minimum or a maximum."
            )
