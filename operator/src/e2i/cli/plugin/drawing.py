"""Draws a status document as a tree of lines. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from e2i.cli.plugin.advice import command
from e2i.cli.plugin.output import age, coloured, printable, visible
from e2i.controller.core.evidence.log_excerpts import telling_line

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """One line of the tree: title, state, start of the state, and a message."""

    title: str
    state: str = ""
    tone: str = ""
    since: str | None = None
    message: str = ""
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """Widths of the columns and of the whole."""

    title: int
    state: int
    whole: int | None
    now: datetime | None
    colour: bool


def draw(
    document: Document, now: datetime, *, colour: bool = False, ages: bool = True, width: int | None = None
) -> list[str]:
    """Return the lines of the tree, then the notes.

    Lines longer than `width` are cut. If the model's line is cut, its message is repeated in full at the end.
    """
    rows = list(_rows(_model(document), "", ""))
    sheet = _Sheet(
        title=max(len(stem) + len(node.title) for stem, node in rows),
        state=max(len(node.state) for _, node in rows),
        whole=width,
        now=now if ages else None,
        colour=colour,
    )
    lines = [_line(stem, node, sheet) for stem, node in rows]
    lines += [_cut(printable(f"note: {note}"), width) for note in document["notes"]]
    message = rows[0][1].message
    # The model's message matters most, and a cut can hide its cause.
    return [*lines, *textwrap.wrap(printable(message), width)] if width and lines[0].endswith("…") else lines


def _rows(node: Node, stem: str, below: str) -> Iterator[tuple[str, Node]]:
    # Everything in a status is somebody's text, names of states among them.
    yield stem, replace(node, title=visible(node.title), state=visible(node.state))
    for number, child in enumerate(node.children, start=1):
        is_last = number == len(node.children)
        yield from _rows(child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "))


def _line(stem: str, node: Node, sheet: _Sheet) -> str:
    since = f"{age(node.since, sheet.now):>5}  " if sheet.now else ""
    start = (stem + node.title).ljust(sheet.title) + "  "
    text = _cut(
        f"{start}{node.state.ljust(sheet.state)}  {since}{printable(node.message)}".rstrip(), sheet.whole
    )
    end = len(start) + len(node.state)
    return text[: len(start)] + coloured(text[len(start) : end], node.tone, sheet.colour) + text[end:]


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def _model(document: Document) -> Node:
    model = document["model"]
    condition = _condition(model, "Ready")
    ready = condition.get("status") == "True"
    stalled = _condition(model, "Stalled") or _condition(model, "RolledBack")
    message = condition.get("message", "The operator has not seen it yet.")
    return Node(
        title=f"E2IModel {model['namespace']}/{model['name']}",
        state=condition.get("reason", "Pending") if model["current"] else "Changed",
        tone="good" if ready and model["current"] else "bad" if stalled else "busy",
        since=condition.get("lastTransitionTime"),
        message=message if model["current"] else "The operator has not yet seen the last change.",
        children=tuple(_parts(document)),
    )


def _parts(document: Document) -> Iterator[Node]:
    model, rollout = document["model"], document["rollout"]
    for kind in ("Contested", "Drifted"):
        told = _condition(model, kind)
        if told.get("status") == "True":
            since, message = told.get("lastTransitionTime"), told.get("message", "")
            yield Node(kind, told.get("reason", ""), "bad", since, message)
    if model["paused"]:
        yield Node("Paused", "paused", "busy", None, f"Resume it: {command('resume', model)}")
    if model["service"]:
        ready = f"{model['readyReplicas']}/{model['replicas']} ready"
        message = f"{model['url'] or ''} -> release {model['servingRelease'] or 'unknown'}"
        here = Node("From here", message=model["service"]["localUrl"] or command("ask", model))
        yield Node(
            f"Service {model['name']}", ready, "", model["service"]["switchedAt"], message, children=(here,)
        )
    if rollout:
        yield _canary(model, rollout)
    for release in document["releases"]:
        yield _release(model, release)


def _canary(model: Document, rollout: Document) -> Node:
    steps, step = model["steps"] or (), rollout.get("step", 0)
    asked, real = rollout.get("weight"), rollout.get("actualWeight")
    message = f"asked for {asked} % of the requests, has {real} % of the ready pods"
    if step < len(steps) and "pause" in steps[step]:
        duration = (steps[step]["pause"] or {}).get("duration")
        rest = f"waits {duration}" if duration else f"waits for {command('promote', model)}"
        message = f"{message}; {rest}"
    title = f"Canary {rollout['release']}"
    return Node(
        title, f"step {min(step + 1, len(steps))}/{len(steps)}", "busy", rollout.get("stepStartedAt"), message
    )


def _release(model: Document, release: Document) -> Node:
    roles = ", ".join(release["roles"])
    state, tone, since, message = _release_state(model, release)
    children = list(_evidence(release["failure"]))
    children += [_request(release["request"])] if release["request"] else []
    children += [_deployment(release["deployment"])] if release["deployment"] else []
    title = f"Release {release['release'] or '?'} ({roles})"
    tag = release["bentoTag"] or ""
    return Node(title, state, tone, since, f"{tag}: {message}" if message else tag, tuple(children))


def _release_state(model: Document, release: Document) -> tuple[str, str, str | None, str]:
    failure = release["failure"]
    if failure:
        return failure["reason"], "bad", failure.get("failedAt"), failure["message"]
    if "serving" in release["roles"]:
        ready = _condition(model, "ReleaseServing")
        good = ready.get("status") == "True"
        if ready.get("reason") == "Parked":
            return "Parked", "faint", ready.get("lastTransitionTime"), ""
        return "Serving", "good" if good else "bad", release["servedAt"], ""
    if "desired" in release["roles"]:
        first = _unfinished(model) if model["current"] else {}
        words = first.get("message", "")
        # The model's own line says it already.
        message = "" if words == _condition(model, "Ready").get("message") else words
        return first.get("reason", "Pending"), "busy", first.get("lastTransitionTime"), message
    return release["result"] or "Kept", "faint", release["endedAt"], ""


def _evidence(failure: Document | None) -> Iterator[Node]:
    """Yield the evidence of a failed release: how its container ended, what its log tells, its wrong answer."""
    evidence = (failure or {}).get("evidence") or {}
    if "terminatedReason" in evidence or "exitCode" in evidence:
        code = f", exit code {evidence['exitCode']}" if "exitCode" in evidence else ""
        where = f"container {evidence.get('container', '?')} of pod {evidence.get('pod', '?')}"
        yield Node(
            "Evidence", "ended", "bad", None, f"{where}: {evidence.get('terminatedReason', 'Error')}{code}"
        )
    if http := evidence.get("http"):
        yield Node("Evidence", "answer", "bad", None, http)
    if line := telling_line((evidence.get("log") or "").splitlines()):
        yield Node("Evidence", "log", "bad", None, line)


def _unfinished(model: Document) -> Document:
    """Return the condition of the first step towards serving that the desired release has not completed."""
    steps = ("BentoExported", "ImageBuilt", "Verified")
    found = (_condition(model, kind) for kind in steps)
    unfinished = (item for item in found if item and item["status"] != "True")
    not_started = ("NotAsked", "Pending")
    return next(
        (item for item in unfinished if item["reason"] not in not_started), _condition(model, "Ready")
    )


def _request(request: Document) -> Node:
    artifact = request["artifact"] or {}
    built = request["state"] == "Built"
    message = request["message"] or (request["image"] if built else artifact.get("uri")) or ""
    tone = "good" if built else "bad" if request["state"] == "BuildFailed" else "busy"
    children = tuple(map(_pod, request["pods"]))
    return Node(
        f"{request['kind']} {request['name']}", request["state"], tone, request["created"], message, children
    )


def _deployment(deployment: Document) -> Node:
    tones = {"Refused": "bad", "Pending": "busy"}
    workload = deployment["workload"]
    return Node(
        f"BentoDeployment {deployment['name']}",
        deployment["state"],
        tones.get(deployment["state"], ""),
        deployment["created"],
        deployment["message"],
        (_workload(workload),) if workload else (),
    )


def _workload(workload: Document) -> Node:
    full = workload["ready"] == workload["wanted"]
    return Node(
        f"Deployment {workload['name']}",
        f"{workload['ready']}/{workload['wanted']} ready",
        "good" if full else "bad" if workload["message"] else "busy",
        workload["created"],
        workload["message"],
        tuple(map(_pod, workload["pods"])),
    )


_POD_TONES = {
    "Ready": "good",
    "Running": "busy",
    "Starting": "busy",
    "NotReady": "busy",
    "Terminating": "faint",
}


def _pod(pod: Document) -> Node:
    restarts = f"restarted {pod['restarts']} times" if pod["restarts"] and not pod["message"] else ""
    tone = _POD_TONES.get(pod["state"], "bad")
    return Node(f"Pod {pod['name']}", pod["state"], tone, pod["created"], pod["message"] or restarts)


def _condition(model: Document, kind: str) -> Document:
    found: Iterable[Document] = (item for item in model["conditions"] if item["type"] == kind)
    return next(iter(found), {})
