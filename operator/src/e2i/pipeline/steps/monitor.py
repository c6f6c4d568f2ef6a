"""monitor: add the captured inputs of the served model to the stream, from the logs of its pods or from a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.workspace import append_lines, read_lines

PARTS = ("model", "time", "input", "answer")
Line = tuple[str, str]
"""(pod, line of its log); the pod is "" for a file."""


def run(loop: Loop) -> StepResult:
    if loop.options.stream:
        lines, place = _file(loop.options.stream), str(loop.options.stream)
    elif loop.cluster:
        lines, place = loop.cluster.captured(), f"the pods of {loop.cluster.model}"
    else:
        return StepResult("neither --kubeconfig nor --stream was given: nothing was collected", skipped=True)
    known = read_lines(loop.workspace.stream)
    fresh = new_rows(known, lines)
    append_lines(loop.workspace.stream, fresh)
    advice = ""
    if not lines and not loop.options.stream and not loop.project.deploy.capture_share:
        advice = "; deploy.capture_share in project.yaml is 0, so the pods write no inputs into their logs"
    sentence = f"{len(fresh)} new of {len(lines)} requests in {place}, {len(known) + len(fresh)} in the stream{advice}"
    return StepResult(sentence, {"new": len(fresh), "rows": len(known) + len(fresh)})


def new_rows(known: Iterable[dict[str, Any]], lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return the captured rows that the stream does not have. Each log is read from the start; a line may repeat.

    stream a, log a b b   -> b b
    """
    had = Counter(_key(row) for row in known)
    fresh = []
    for pod, line in lines:
        row = parsed(pod, line)
        if row is None:
            continue
        if had[_key(row)]:
            had[_key(row)] -= 1
        else:
            fresh.append(row)
    return fresh


def parsed(pod: str, line: str) -> dict[str, Any] | None:
    """Return {pod, model, time, input, answer}, or None for an incomplete or other line."""
    try:
        found = json.loads(line[line.index("{") :])
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("e2i") != "input" or not all(part in found for part in PARTS):
        return None
    if not isinstance(found["input"], dict) or not isinstance(found["answer"], dict):
        return None
    return {"e2i": "input", "pod": pod, **{part: found[part] for part in PARTS}}


def _key(row: dict[str, Any]) -> str:
    return json.dumps([row.get(part) for part in ("pod", *PARTS)], sort_keys=True)


def _file(file: Path) -> list[Line]:
    try:
        return [("", line) for line in file.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"The stream {file} cannot be read: {error}. Correct --stream.") from error
