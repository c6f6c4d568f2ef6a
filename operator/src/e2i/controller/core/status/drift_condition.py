"""The condition Drifted and status.drift: inputs of the serving release that are not as in its training. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from e2i.api import conditions
from e2i.api.conditions import Fact, Reason, fact, timestamp
from e2i.api.drift_bounds import is_overlap
from e2i.controller.core import persisted_status
from e2i.controller.core.drift.judgement import Drifted, Verdict
from e2i.controller.core.drift.scores import PREDICTION
from e2i.controller.core.releases.situation import Situation

MOST_SHOWN = 20
"""Features in status.drift; those that moved most."""
_NAMED = 5
"""Features in the message."""

Body = Mapping[str, Any]


def drift_fact(here: Situation) -> Fact | None:
    """Return the condition, as soon as enough was seen of the release that serves.

    It stays over a restart of the operator. A release that takes the address begins without it.
    """
    verdict = here.seen.drift
    if verdict == "off" or here.serving is None:
        return None
    if verdict == "unknown":
        return _as_before(here)
    if not verdict:
        message = f"the inputs of release {here.serving} are distributed as in its training data"
        return fact(conditions.DRIFTED, "False", Reason.InputsAsTrained, message)
    return fact(
        conditions.DRIFTED,
        "True",
        Reason.InputsDrifted,
        _sentence(here.serving, verdict, here.model.shape.type),
    )


def drift_status(here: Situation, now: datetime) -> dict[str, Any]:
    """Return status.drift; empty while nothing has drifted. Figures are those of the look that decided."""
    verdict, before = here.seen.drift, _before(here)
    if verdict == "off" or here.serving is None:
        return {}
    if verdict == "unknown":
        return dict(before)
    if not verdict:
        return {}
    since = {each["name"]: each.get("since", "") for each in _features(before)}
    return {
        "release": here.serving,
        "since": before.get("since") or timestamp(now),
        "drifted": len(verdict),
        "features": [
            {
                "name": each.name,
                "score": f"{each.score:.3g}",
                "bound": f"{each.bound:g}",
                "since": since.get(each.name) or timestamp(now),
            }
            for each in _largest(verdict)[:MOST_SHOWN]
        ],
    }


def known_drift(status: Body, release: str) -> Verdict:
    """Return what a status says of the drift of a release; empty if it says nothing."""
    before = status.get("drift") or {}
    return tuple(_read(before)) if before.get("release") == release else ()


def _read(drift: Body) -> Iterator[Drifted]:
    for each in _features(drift):
        try:
            yield Drifted(each["name"], float(each["score"]), float(each["bound"]))
        except (KeyError, TypeError, ValueError):
            continue  # Somebody edited it: the next looks find it again.


def _features(drift: Body) -> Iterator[Body]:
    found = drift.get("features") or ()
    return (each for each in found if isinstance(each, dict) and isinstance(each.get("name"), str))


def _before(here: Situation) -> Body:
    """Return status.drift of the last pass, if it is of the release that serves now."""
    before: Body = here.model.status.get("drift") or {}
    return before if before.get("release") == here.serving else {}


def _as_before(here: Situation) -> Fact | None:
    status = here.model.status
    known = (each for each in status.get("conditions", ()) if each["type"] == conditions.DRIFTED)
    told = next(known, None)
    if told is None or here.serving != status.get("servingRelease"):
        return None
    return fact(
        conditions.DRIFTED, told["status"], persisted_status.reason_of(told["reason"]), told["message"]
    )


def _largest(verdict: Verdict) -> list[Drifted]:
    return sorted(verdict, key=lambda each: (-each.score, each.name))


def _sentence(release: str, verdict: Verdict, kind: str) -> str:
    outside = [each for each in _largest(verdict) if is_overlap(each.name)]
    moved = [each for each in _largest(verdict) if not is_overlap(each.name)]
    found = [_outside(each) for each in outside[:_NAMED]]
    if moved:
        named = ", ".join(
            f"{_in_words(each.name, kind)} {each.score:.3g} (bound {each.bound:g})" for each in moved[:_NAMED]
        )
        found.append(f"the population stability index of {named}")
    more = len(verdict) - len(outside[:_NAMED]) - len(moved[:_NAMED])
    fields = ["spec.drift.maxOutsideOverlap"] * bool(outside) + ["spec.drift.maxPsi"] * bool(moved)
    return (
        f"the inputs of release {release} are not as in its training data: {'; '.join(found)}"
        f"{f' and {more} more' if more else ''}. It goes on serving. "
        f"Train it with newer data, or raise {' and '.join(fields)}"
    )


def _outside(overlap: Drifted) -> str:
    return (
        f"{overlap.name}: {overlap.score:.0%} more rows than in training (bound {overlap.bound:.0%}) are like treated "
        "rows alone or untreated rows alone, so that their effects are guesses"
    )


def _in_words(name: str, kind: str) -> str:
    """Return what a figure is of; a causal model predicts effects."""
    of_effects = kind == "Causal" and name.rpartition(".")[2] == PREDICTION
    return f"effects ({name})" if of_effects else name
