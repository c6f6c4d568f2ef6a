"""Write the report of the gate for a person: metrics, bounds, what to look at. Values in, text out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from e2i.pipeline.gate import GateResult, ServingModel, allowance
from e2i.pipeline.project import Threshold

LOOK_AT = {
    "roc_auc": "Are the labels right? Shuffled or late labels bring it to 0.5. Was a feature lost or filled wrongly?",
    "accuracy": "Has the share of the labels changed? Compare it with the share of the most frequent label.",
    "log_loss": "Is the model too sure of itself? Look at its calibration, and for labels that contradict each other.",
    "r2": "Below 0 it is worse than the mean of the target. Has the target another unit or scale than before?",
    "mean_absolute_error": "Look at the rows with the largest errors. Has the scale of the target changed?",
    "root_mean_squared_error": "A few rows with huge errors raise it first: look at them.",
    "ate_error": "Was the treatment given by other rules than the features tell? Then the effect is mixed with them.",
    "effect_error": "Are there enough rows of each kind of treatment, in every part of the population?",
    "interval_coverage": "The intervals are too narrow: look at the number of rows and at how the model was fitted.",
}


@dataclass(frozen=True)
class GateReport:
    """Content of the report."""

    model: str
    rows: int
    source: str
    metrics: Mapping[str, float]
    gate: Mapping[str, Threshold]
    serving: ServingModel | None
    result: GateResult


def to_markdown(report: GateReport) -> str:
    """Return the report as Markdown."""
    verdict = "may be released" if report.result.passed else "is not released"
    lines = [f"# {report.model} {verdict}", "", *_summary(report), ""]
    if report.result.findings:
        lines += ["## Not met", ""]
        lines += [
            f"- {f'`{finding.bound}`: ' if finding.metric else ''}{finding.sentence}"
            for finding in report.result.findings
        ]
        lines += ["", "## What to look at", "", *(f"- {line}" for line in _advice(report)), ""]
    lines += [f"- {note}" for note in report.result.notes]
    lines += ["", "## Metrics", "", *_table(report), ""]
    return "\n".join(lines)


def to_html(report: GateReport) -> str:
    """Return the report as an HTML page."""
    verdict = "may be released" if report.result.passed else "is not released"
    findings = "".join(
        f"<li><code>{html.escape(finding.bound)}</code>: {html.escape(finding.sentence)}</li>"
        for finding in report.result.findings
    )
    advice = "".join(f"<li>{html.escape(line)}</li>" for line in _advice(report))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in report.result.notes)
    header, rows = _cells(report)
    table = f"<tr>{''.join(f'<th>{cell}</th>' for cell in header)}</tr>" + "".join(
        f"<tr{' class=bad' if bad else ''}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for cells, bad in rows
    )
    not_met = (
        f"<h2>Not met</h2><ul>{findings}</ul><h2>What to look at</h2><ul>{advice}</ul>" if findings else ""
    )
    summary = "".join(f"<p>{html.escape(line)}</p>" for line in _summary(report))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{html.escape(report.model)} {verdict}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(report.model)} {verdict}</h1>{summary}{not_met}<ul>{notes}</ul>"
        f"<h2>Metrics</h2><table>{table}</table></html>\n"
    )


_STYLE = (
    "body{font:16px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.3em .7em;text-align:left}"
    ".bad{background:#fdd}"
)


def _summary(report: GateReport) -> list[str]:
    serving = report.serving
    compared = f", compared with {serving.name}, which serves" if serving and not serving.skipped else ""
    return [f"Measured on {report.rows} rows of {report.source} that training never saw{compared}."]


def _advice(report: GateReport) -> Iterable[str]:
    """Yield advice for each failed metric, then general advice."""
    for metric in dict.fromkeys(finding.metric for finding in report.result.findings if finding.metric):
        yield f"{metric}: {LOOK_AT.get(metric, 'see how evaluate in the recipe computes it, and on which rows.')}"
    if report.serving and report.serving.metrics and _serving_fails_too(report):
        yield (
            f"{report.serving.name} does not meet the bounds on these rows either: the data have changed, or their "
            "labels are wrong. Look at the newest rows first."
        )
    yield "If the bound itself is wrong, change it in project.yaml, in a commit that says why."


def _serving_fails_too(report: GateReport) -> bool:
    there = report.serving.metrics if report.serving else {}
    return any(
        (bound.minimum is not None and there.get(metric, bound.minimum) < bound.minimum)
        or (bound.maximum is not None and there.get(metric, bound.maximum) > bound.maximum)
        for metric, bound in report.gate.items()
    )


def _table(report: GateReport) -> Iterable[str]:
    header, rows = _cells(report)
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for cells, bad in rows:
        yield f"| {' | '.join(f'**{cell}**' if bad and cell else cell for cell in cells)} |"


def _cells(report: GateReport) -> tuple[Sequence[str], list[tuple[Sequence[str], bool]]]:
    """Return the header, and for each metric its cells and whether it failed."""
    failed = {finding.metric for finding in report.result.findings}
    there = report.serving.metrics if report.serving else {}
    noise = report.serving.noise if report.serving else {}
    rows: list[tuple[Sequence[str], bool]] = []
    for metric in dict.fromkeys([*report.gate, *sorted(report.metrics)]):
        bound = report.gate.get(metric)
        allowed = allowance(metric, bound, noise) if bound and report.serving else None
        cells = (
            metric,
            _number(report.metrics.get(metric)),
            _number(bound.minimum if bound else None),
            _number(bound.maximum if bound else None),
            _number(there.get(metric)),
            _number(allowed),
        )
        rows.append((cells, metric in failed))
    return ("metric", "this model", "minimum", "maximum", "what serves", "may be worse by"), rows


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
