"""serve: wait until the release serves, and ask it for a prediction."""

from __future__ import annotations

import json
from pathlib import Path

from e2i.api.conditions import timestamp
from e2i.clock import now
from e2i.pipeline import git
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.workspace import append_lines, read_lines
from e2i.registry import client as registry
from e2i_bento.card import read_card


def inputs(loop: Loop) -> dict[str, str]:
    return {"release": str(loop.outputs("deploy").get("digest"))}


def external_inputs(loop: Loop) -> dict[str, str]:
    cluster = loop.cluster
    return {
        "the cluster": f"{cluster.kubeconfig} {cluster.context}" if cluster else "none",
        "the commit": "waits to be pushed" if _unpushed(loop) else "",
    }


def _unpushed(loop: Loop) -> bool:
    deployed = loop.outputs("deploy")
    return "commit" in deployed and not git.is_pushed(Path(deployed["folder"]), deployed["commit"])


def run(loop: Loop) -> StepResult:
    bento = loop.outputs("build")["bento"]
    if not loop.outputs("deploy"):
        return StepResult("nothing was deployed", skipped=True)
    if _unpushed(loop):
        return StepResult("the commit is not pushed yet, so the cluster does not have it", skipped=True)
    cluster = loop.cluster
    if cluster is None:
        _record_serving(loop, bento)
        return StepResult("no --kubeconfig was given, so it is not checked whether it serves", skipped=True)
    message = cluster.wait_until_serving(bento, loop.options.timeout, lambda line: loop.say(f"serve: {line}"))
    row = read_card(loop.workspace.trained).golden[0].input
    answer = cluster.predict({"input_data": row})
    if answer.get("bento") != bento:
        raise PipelineError(f"{bento} serves, and {answer.get('bento')} answered: {json.dumps(answer)[:300]}")
    _record_serving(loop, bento)
    loop.say(f"serve: sent {json.dumps(row)}")
    return StepResult(f"{message}; it answers {json.dumps(answer)}", {"bento": bento, "answer": answer})


def _record_serving(loop: Loop, bento: str) -> None:
    """Record the bento that serves, in the workspace and in the registry."""
    released = read_lines(loop.workspace.released)
    if not released or released[-1].get("bento") != bento:
        append_lines(loop.workspace.released, [{"bento": bento, "released": timestamp(now())}])
    registered = loop.outputs("register")
    registry.mark_version(
        registered["uri"], loop.project.name, registered["number"], bento=bento, serving=True
    )
