"""gate: may this model be released? If not, the loop stops with a report for a person."""

from __future__ import annotations

from e2i.pipeline import gate_report
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import GateNotMet
from e2i.pipeline.gate import Serving, judge
from e2i.pipeline.gate_report import Judged
from e2i.pipeline.workspace import write_atomically


def inputs(loop: Loop) -> dict[str, str]:
    gate = {metric: bound.model_dump() for metric, bound in loop.project.gate.items()}
    return {
        # A new version gets a report of its own, also when its metrics are those of the one before.
        "version": str(loop.outputs("train").get("version")),
        "metrics": str(loop.outputs("evaluate").get("digest")),
        "project.yaml": digest_of(gate),
    }


def run(loop: Loop) -> StepResult:
    measured, data = loop.outputs("evaluate"), loop.outputs("data")
    serving = Serving(**measured["serving"]) if measured["serving"] else None
    version = loop.outputs("train")["version"]
    judged = Judged(
        model=f"{loop.project.name} {version}",
        rows=measured["rows"],
        source=data["source"],
        metrics=measured["metrics"],
        gate=loop.project.gate,
        serving=serving,
        verdict=judge(measured["metrics"], loop.project.gate, serving),
    )
    report = loop.place.reports / f"gate-{version}.html"
    write_atomically(report, gate_report.page(judged))
    write_atomically(report.with_suffix(".md"), gate_report.markdown(judged))
    for note in judged.verdict.notes:
        loop.say(f"gate: {note}")
    if not judged.verdict.passed:
        found = "\n".join(f"    {finding.sentence}" for finding in judged.verdict.findings)
        raise GateNotMet(f"{judged.model} is not released:\n{found}\nThe report for a person: {report}")
    kept = ", ".join(loop.project.gate) or "no metric: project.yaml has no gate"
    return StepResult(f"the bounds are kept ({kept}); report {report}", {"report": str(report)}, (report,))
