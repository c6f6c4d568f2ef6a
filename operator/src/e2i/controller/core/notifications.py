"""CloudEvents of a status: releases that serve, failed, gave way, wait for a person, or whose inputs drifted. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from e2i.api import conditions, naming, release_record
from e2i.api.conditions import Reason, parse_timestamp
from e2i.api.model import Model
from e2i.controller.core import persisted_status
from e2i.controller.core.status.drift_condition import known_drift

RECENT = timedelta(days=1)
"""Older facts are no news: they are not posted any more."""
TYPE_PREFIX = "dev.e2i.serving."
_BY_RESULT = {
    persisted_status.SERVING: ("release.served", "servedAt"),
    persisted_status.FAILED: ("release.failed", "endedAt"),
    persisted_status.ROLLED_BACK: ("release.rolledback", "endedAt"),
}
"""The type of the event, and the field with its time, by the result of an entry of the history."""
_AWAITING = "release.awaitingapproval"
DRIFTED = f"{TYPE_PREFIX}release.drifted"
NOTIFIED, RETRAINED = MARKS = ("notified", "retrained")
"""Folders of the bucket with the marks of what was posted, and of what was trained again."""
_COPIED = ("bentoTag", "digest", "reason", "message", "features")

Body = Mapping[str, Any]


class Notification(NamedTuple):
    """One fact as a CloudEvent. The same fact has the same `id` in every pass and every life of the operator."""

    id: str
    type: str
    source: str
    subject: str
    """The release."""
    time: str
    data: Mapping[str, Any]

    def cloud_event(self) -> dict[str, Any]:
        """Return the event in CloudEvents' JSON format, version 1.0."""
        return {"specversion": "1.0", "datacontenttype": "application/json", **self._asdict()}


def marks(namespace: str, model: str, prefix: str, folder: str) -> str:
    """Return the folder with a mark for each event of a model that was delivered: notified/models/churn/

    `folder` tells the receivers apart. ValueError if a name could lead to the marks of another model.
    """
    root = release_record.root(prefix)
    place = release_record.directory(namespace, model, prefix).removeprefix(root)
    return f"{prefix.strip('/')}/{folder}/{place}".lstrip("/")


def notifications(model: Model, now: datetime) -> list[Notification]:
    """Return the facts of the last day, oldest first."""
    recent = (each for each in _facts(model) if _is_recent(each.time, now))
    return sorted(recent, key=lambda each: (each.time, each.type))


def _facts(model: Model) -> Iterator[Notification]:
    for entry in model.status.get("history", ()):
        kind, field = _BY_RESULT.get(entry["result"], ("", ""))
        if kind and entry.get(field):
            yield _fact(model, kind, entry["release"], entry[field], entry)
    rollout = model.status.get("rollout") or {}
    ready = _condition(model, conditions.READY)
    if ready.get("reason") == Reason.CanaryPaused.name and rollout.get("stepStartedAt"):
        words = {"message": ready.get("message", ""), "reason": Reason.CanaryPaused.name}
        yield _fact(model, _AWAITING, rollout.get("release", ""), rollout["stepStartedAt"], words)
    drift = model.status.get("drift") or {}
    if drift.get("release") and drift.get("since"):
        yield _fact(model, "release.drifted", drift["release"], drift["since"], _of_drift(model, drift))


def _of_drift(model: Model, drift: Body) -> Body:
    """Return the bento of the release that drifted, and what is said of its features."""
    history = (each for each in model.status.get("history", ()) if each["release"] == drift["release"])
    told = _condition(model, conditions.DRIFTED)
    features = [
        {"name": each.name, "score": f"{each.score:g}", "bound": f"{each.bound:g}"}
        for each in known_drift(model.status, drift["release"])
    ]
    words = {"reason": told.get("reason", ""), "message": told.get("message", ""), "features": features}
    return {**{name: value for name, value in next(history, {}).items() if name not in words}, **words}


def _fact(model: Model, kind: str, release: str, time: str, words: Body) -> Notification:
    content = "/".join((model.uid, kind, release, time))
    return Notification(
        id=hashlib.sha256(content.encode()).hexdigest()[:32],
        type=TYPE_PREFIX + kind,
        source=f"/apis/{naming.API_VERSION}/namespaces/{model.namespace}/e2imodels/{model.name}",
        subject=release,
        time=time,
        data={
            "namespace": model.namespace,
            "model": model.name,
            "release": release,
            **{field: words[field] for field in _COPIED if words.get(field)},
            **({"url": model.status["url"]} if model.status.get("url") else {}),
        },
    )


def _is_recent(time: str, now: datetime) -> bool:
    try:
        return now - parse_timestamp(time) < RECENT
    except ValueError:
        return False


def _condition(model: Model, kind: str) -> Body:
    return next((each for each in model.status.get("conditions", ()) if each["type"] == kind), {})
