"""The series of the operator's own state. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from e2i.api.model import Model
from e2i.controller.core.children import BentoDeployment, BentoRequest, Build
from e2i.controller.core.metrics import catalog
from e2i.controller.core.metrics.catalog import CONTROLLER
from e2i.controller.core.metrics.model_series import model_series, readiness
from e2i.controller.core.metrics.series import Series
from e2i.controller.core.pods import Pod

_BUILDS = {Build.UNKNOWN: "waiting", Build.RUNNING: "running", Build.FAILED: "failed"}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How one kind is followed: the age of the last word about it, and whether it cannot be followed now."""

    kind: str
    age: float
    is_failing: bool


class Family(NamedTuple):
    """A model with those of its children that its series are made of."""

    model: Model
    deployments: tuple[BentoDeployment, ...] = ()
    requests: tuple[BentoRequest, ...] = ()
    pods: tuple[Pod, ...] = ()


class Probed(NamedTuple):
    """How a release that serves answered its golden predictions last."""

    release: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The operator's knowledge at the moment of a scrape."""

    models: tuple[Family, ...]
    watches: tuple[Watch, ...]
    waiting: int
    """Models that are due."""
    passes: tuple[float, ...]
    """The ages of the passes that are running."""
    hung: int
    """Exports that hang."""
    missing: int = 0
    """Archives that the bucket and the bento store lack."""
    probes: Mapping[tuple[str, str], Probed] = field(default_factory=dict)
    """By model, with E2I_PROBE_SECONDS."""


def process_series(version: str, lease: str, *, leads: bool) -> Iterator[Series]:
    """Return the series that a standby has too."""
    yield Series(catalog.BUILD_INFO, (version,), 1)
    yield Series(catalog.LEADER, (lease,), leads)


def operator_series(picture: Picture) -> Iterator[Series]:
    """Return the series of an active operator."""
    yield Series(catalog.DEPTH, (CONTROLLER,), picture.waiting)
    yield Series(catalog.WORKERS, (CONTROLLER,), len(picture.passes))
    yield Series(catalog.LONGEST, (CONTROLLER,), max(picture.passes, default=0))
    yield Series(catalog.EXPORTS_HUNG, (), picture.hung)
    yield Series(catalog.ARCHIVES_MISSING, (), picture.missing)
    yield from _of_watches(picture.watches)
    states = Counter(_BUILDS.get(each.build, "") for family in picture.models for each in family.requests)
    for state in _BUILDS.values():
        yield Series(catalog.BUILDS, (state,), states[state])
    yield from _of_models(picture)


def _of_watches(watches: Iterable[Watch]) -> Iterator[Series]:
    """Return the worst of each kind: with E2I_NAMESPACES each namespace has a watch of its own."""
    ages: dict[str, float] = {}
    failing: dict[str, bool] = {}
    for watch in watches:
        ages[watch.kind] = max(ages.get(watch.kind, 0.0), watch.age)
        failing[watch.kind] = failing.get(watch.kind, False) or watch.is_failing
    yield from (Series(catalog.WATCH_AGE, (kind,), age) for kind, age in ages.items())
    yield from (Series(catalog.WATCH_FAILING, (kind,), bad) for kind, bad in failing.items())


def _of_models(picture: Picture) -> Iterator[Series]:
    counts: Mapping[tuple[str, str], int] = Counter(readiness(each.model) for each in picture.models)
    yield from (Series(catalog.MODELS, labels, count) for labels, count in sorted(counts.items()))
    for each in picture.models:
        yield from model_series(*each)
    for key, probe in picture.probes.items():
        yield Series(catalog.PROBE, (*key, probe.release), probe.passed)
