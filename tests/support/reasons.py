"""docs/reference/reasons.md: why releases fail, with what was really told of each cause on the local cluster.

The end-to-end test of the causes writes the recording when the variable E2I_RECORD_REASONS is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from e2i.api.conditions import Reason
from e2i.controller.core.evidence import pod_problems
from e2i.controller.core.rules import pods

if TYPE_CHECKING:
    # It runs on a cluster, which the page does not need.
    from support.failing import Outcome

RECORDING = Path(__file__).with_name("reasons.yaml")
RECORD_VARIABLE = "E2I_RECORD_REASONS"
LAST_LINES = 3
"""Of a log that is evidence; the status holds more of them."""
_ALL = tuple(Reason)
OF_RELEASES = tuple(each for each in _ALL[_ALL.index(Reason.BuildFailed) :])
"""What can be wrong with a release, from the build of its image on."""
Told = Mapping[str, Any]
"""What was told of one cause: reason, situation, conditions, message, event, log, evidence."""

# What differs from one run to the next, and what belongs to the machine.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:?00)"), "2026-11-21T12:00:00Z"),
    (re.compile(r"yatai-bento-image-builder-[a-z0-9]{20}(-[a-z0-9]{5})?"), "yatai-bento-image-builder-…"),
    (re.compile(r"(?<=[0-9a-f]{8})-[a-z0-9]{5,10}-[a-z0-9]{5}\b"), "-…"),
    (re.compile(r"\b(trace|span)=[0-9a-f]+"), r"\1=…"),
    (re.compile(r"(?<![\w/:])(/[\w.+-]+){2,}/(?=[\w.+-])"), "…/"),
    (re.compile(r"^[0-9a-f]{4}-\d+$"), "76a8-12"),  # Of a pass, in the log.
    (re.compile(r"\b(10|127)(\.\d{1,3}){3}:\d+"), "…"),
)


def record(outcomes: Iterable[Outcome]) -> None:
    """Write down what was told of these causes, in the order of the causes."""
    told = [_told(outcome, reason) for outcome in outcomes for reason in outcome.cause.told]
    RECORDING.write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100))


def _told(outcome: Outcome, reason: Reason) -> Told:
    event = next(each for each in reversed(outcome.events) if each["reason"] == reason.name)
    line = next(each for each in reversed(outcome.log) if each["reason"] == reason.name)
    carrying = [each for each in outcome.status["conditions"] if each["reason"] == reason.name]
    told: dict[str, Any] = {"reason": reason.name, "situation": outcome.cause.situation}
    if carrying:
        told["conditions"] = {each["type"]: each["status"] for each in carrying}
        told["message"] = next(each["message"] for each in carrying if each["type"] == "Ready")
    told["event"] = {key: event[key] for key in ("type", "reason", "message")}
    told["log"] = line
    failures = outcome.status.get("failedReleases", ())
    for failure in failures if carrying else ():
        evidence = failure.get("evidence", {})
        told["evidence"] = {**evidence, **({"log": _last(evidence["log"])} if "log" in evidence else {})}
    normalised: Told = _normalised(told, _names(outcome))
    return normalised


def _last(log: str) -> str:
    return "\n".join(log.splitlines()[-LAST_LINES:])


def _names(outcome: Outcome) -> dict[str, str]:
    """Names that this run gave, and what stands for them."""
    digest = outcome.status.get("artifact", {}).get("digest", "").removeprefix("sha256:")
    given = {
        outcome.stage.namespace: "models",
        outcome.before: "9c01aa34",
        outcome.failed: "0b1d77e2",
        digest: "4f" * 32,
        digest[:12]: "4f" * 6,
        digest[:8]: "4f" * 4,
    }
    return {name: word for name, word in given.items() if name}


def _normalised(value: Any, names: Mapping[str, str]) -> Any:
    match value:
        case str():
            for name, word in names.items():
                value = value.replace(name, word)
            for pattern, word in _VARYING:
                value = pattern.sub(word, value)
            return value
        case dict():
            return {key: _normalised(each, names) for key, each in value.items()}
        case _:
            return value


def recorded() -> list[Told]:
    found: list[Told] = yaml.safe_load(RECORDING.read_text())
    return found


def blocks() -> list[str]:
    """The page below its title."""
    told = recorded()
    introduction = _INTRODUCTION.format(
        refusals=pods.REFUSAL_PATIENCE.seconds,
        pods=pods.PATIENCE.seconds,
        crashes=pod_problems.CRASHES,
    )
    by_reason = {reason: [each for each in told if each["reason"] == reason.name] for reason in OF_RELEASES}
    return [introduction, *(_section(reason, examples) for reason, examples in by_reason.items())]


_INTRODUCTION = """\
A release that fails is given up with one of these reasons. The same word stands in the conditions, in an event of the
model and in a line of the operator's log; `status.failedReleases` keeps the reason, the message and the evidence. The
release before it goes on serving, or gets its address back, and the failed one is not tried again until the spec
changes or `kubectl e2i retry` asks for it. [Conditions](conditions.md) lists all reasons, also those that are no
failure.

Final at once are a build that failed, a wrong answer, a limit of `spec.rollout.watch` that is crossed, and pods that
are lost soon after the switch. A rule that denies the release's objects is final after {refusals} s, an image that is
not in the registry or a configuration that is missing {pods} s after the operator first saw it, a container that ends
when it was started again {crashes} times. Everything else is final when the release's own build, or its own pods, have
been at work for `spec.rollout.progressDeadlineSeconds`.

What is not the release's doing is never final: a queue at Yatai's controllers or a controller that is down
(`YataiNotResponding`), an error of the image builder before the build, no room on the nodes, a quota, missing rights,
a webhook that is down, a registry that cannot be reached. It is named in Ready, it takes nothing from the deadline, and
the release goes on by itself when it has passed. If it lasts as long as `spec.rollout.progressDeadlineSeconds`, the
model is also `Stalled`, so that whoever waits for it learns of it. Times count from what the operator saw itself: a
clock that is set changes nothing, and a restart of the operator gives a release more time, not less.

Each example is what the operator said on the [local cluster](../decisions/0005-local-cluster.md), where a test brings
each cause about: the conditions that carry the reason, the message of Ready, the event, the severity and message of the
log line, and the evidence. Names of pods, releases and namespaces, times and folders are replaced; of a log that is
evidence the last lines are shown. An event and a log line are written when a reason first appears; what is done about
it may come after."""


def _section(reason: Reason, told: list[Told]) -> str:
    return "\n\n".join((f"## {reason.name}", reason.value, *(_example(each) for each in told)))


def _example(told: Told) -> str:
    event, line = told["event"], told["log"]
    shown = {
        "conditions": " ".join(f"{kind}={status}" for kind, status in told.get("conditions", {}).items()),
        "message": told.get("message"),
        "event": f"{event['type']} {event['reason']}: {event['message']}",
        "log": f"{line['severity']} {line['message']}",
        "evidence": told.get("evidence"),
    }
    filled = {key: value for key, value in shown.items() if value}
    text = yaml.dump(filled, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=110)
    return f"*{told['situation']}*\n\n```yaml\n{text}```"


class _Readable(yaml.SafeDumper):
    """Texts of several lines stand as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Folded, the words of the operator need no quotes, and those within them are read as they are.
    style = "|" if "\n" in text else ">" if ": " in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)
