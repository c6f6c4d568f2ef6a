"""gate: compare the metrics with the bounds; if one is not met, stop with a report for a person."""

from __future__ import annotations

from e2i.pipeline import gate_report
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import GateNotMet
from e2i.pipeline.gate import ServingModel, check_gate
from e2i.pipeline.gate_report import GateReport
from e2i.pipeline.workspace import write_atomically


def inputs(loop: Loop) -> dict[str, str]:
    gate = {metric: bound.model_dump() for metric, bound in loop.project.gate.items()}
    return {
        # A new version gets its own report, even with the same metrics.
        "version": str(loop.outputs("train").get("version")),
        "metrics": str(loop.outputs("evaluate").get("digest")),
        "project.yaml": digest_of(gate),
    }


def run(loop: Loop) -> StepResult:
    measured, data = loop.outputs("evaluate"), loop.outputs("data")
    serving = ServingModel(**measured["serving"]) if measured["serving"] else None
    version = loop.outputs("train")["version"]
    report = GateReport(
        model=f"{loop.project.name} {version}",
        rows=measured["rows"],
        source=data["source"],
        metrics=measured["metrics"],
        gate=loop.project.gate,
        serving=serving,
        result=check_gate(measured["metrics"], loop.project.gate, serving),
    )
    html_file = loop.workspace.reports / f"gate-{version}.html"
    write_atomically(html_file, gate_report.to_html(report))
    write_atomically(html_file.with_suffix(".md"), gate_report.to_markdown(report))
    for note in report.result.notes:
        loop.say(f"gate: {note}")
    if not report.result.passed:
        found = "\n".join(f"    {finding.sentence}" for finding in report.result.findings)
        raise GateNotMet(f"{report.model} is not released:\n{found}\nThe report for a person: {html_file}")
    checked = ", ".join(loop.project.gate) or "no metric: project.yaml has no gate"
    return StepResult(
        f"the metrics meet the bounds ({checked}); report {html_file}",
        {"report": str(html_file)},
        (html_file,),
    )
