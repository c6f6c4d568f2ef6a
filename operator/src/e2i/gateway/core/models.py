"""A model as the gateway sees it: where it answers, in which state it is, and what it served last. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from e2i.api import conditions

Body = Mapping[str, Any]


class State(Enum):
    """How a model is; its value is the sentence of the reference page."""

    Serving = "Ready pods of a release answer."
    Degraded = "A release answers, but not the one that the spec asks for, or with too few pods."
    Starting = "No release has served yet."
    Parked = "The spec asks for no pods."
    Down = "A release served, and none does now."


@dataclass(frozen=True, kw_only=True)
class Served:
    """The release that a model served last."""

    release: str
    bento: str = ""
    digest: str = ""
    since: str = ""

    def document(self) -> dict[str, str]:
        """Return it as answers show it."""
        shown = {"release": self.release, "bento": self.bento, "digest": self.digest, "since": self.since}
        return {name: value for name, value in shown.items() if value}


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model that the gateway leads to."""

    namespace: str
    name: str
    url: str
    """Empty while it has no address."""
    state: State = State.Serving
    message: str = ""
    last: Served | None = None
    several: bool = False
    """Two releases share the address: their interfaces may differ."""
    service: str = ""
    """Name of the Service; a local cluster is reached by its address."""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def title(self) -> str:
        """How messages name it: models/churn, or churn of a file."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def is_answering(self) -> bool:
        return bool(self.url) and self.state in (State.Serving, State.Degraded)

    @property
    def version(self) -> tuple[str, str, bool]:
        """The values that its interface depends on: if one changes, it is read again."""
        return self.url, self.last.release if self.last else "", self.several


def model_of(body: Body) -> Model:
    """Return the model of an E2IModel as the API server has it."""
    metadata, status = body["metadata"], body.get("status") or {}
    state, message = _state(status)
    return Model(
        namespace=metadata["namespace"],
        name=metadata["name"],
        url=status.get("url") or "",
        state=state,
        message=message,
        last=_last(status),
        several=bool(status.get("rollout")),
        service=metadata["name"],
    )


def _state(status: Body) -> tuple[State, str]:
    facts = {fact["type"]: fact for fact in status.get("conditions") or ()}
    ready, serving = facts.get(conditions.READY, {}), facts.get(conditions.SERVING, {})
    if serving.get("status") == "True":
        good = ready.get("status") == "True" or status.get("rollout")
        return (State.Serving, "") if good else (State.Degraded, _said(ready))
    if conditions.Reason.Parked.name in (ready.get("reason"), serving.get("reason")):
        return State.Parked, _said(ready)
    said = _said(serving) or _said(ready) or "the operator has not looked at it yet"
    return (State.Down if _last(status) else State.Starting), said


def _said(fact: Body) -> str:
    return str(fact.get("message", ""))


def _last(status: Body) -> Served | None:
    """Return the release that serves, or the newest one that did."""
    history = [entry for entry in status.get("history") or () if entry.get("servedAt")]
    serving = status.get("servingRelease")
    entry = next((each for each in history if each["release"] == serving), history[0] if history else None)
    if entry is None:
        return Served(release=serving) if serving else None
    return Served(
        release=entry["release"],
        bento=entry.get("bentoTag", ""),
        digest=entry.get("digest", ""),
        since=entry["servedAt"],
    )
