"""The service templates with the example models: start, memory, throughput, explanations; and what gathering requests
brings.

Every model is trained by its project in bentos/, packaged as `e2i package` does and served by `bentoml serve`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bentos_served import Served, memory, serve
from benchmarks.figures import PROJECT, machine, percentile, say, spread, table
from benchmarks.goals import FULL, Report, Sizes
from benchmarks.requesting import Load, load

from e2i.packaging.package import BentoOptions, package

TEMPLATES = {
    "classification": ("churn", "conversion"),
    "regression": ("ltv", "adoption"),
    "causal": ("cate", "treatment_effect"),
}
COMPARED = {
    "logistic regression (conversion)": "conversion",
    "xgboost (credit_risk)": "credit_risk",
    "causal forest (cate)": "cate",
}
WAYS = {
    "one": "one request after the other",
    "batchable": "BentoML's `batchable=True`",
    "gathered": "gathered",
}
ROUNDS = 3
SECONDS = 3.0
CALLERS = 16
BATCH = 100
EXPLANATIONS = 10


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    with tempfile.TemporaryDirectory(prefix="e2i-bench-") as name:
        folder = Path(name)
        taken_on = machine(folder)
        wanted = {project for pair in TEMPLATES.values() for project in pair} | set(COMPARED.values())
        trained = {project: _train(project, folder / project) for project in sorted(wanted)}
        rows = [_told(row) for template in TEMPLATES for row in _template(template, trained, folder)]
        ways = [_told(_ways(words, trained[project])) for words, project in COMPARED.items()]
    return Report("\n\n".join((_templates_table(rows), _NOTES, _ways_table(ways), _WAYS_NOTES, taken_on)))


def _told(row: list[str]) -> list[str]:
    say(f"  {' | '.join(row)}")
    return row


def _train(project: str, out: Path) -> Path:
    say(f"  training {project}")
    program = Path(__file__).with_name("bentos_training.py")
    command = [sys.executable, "-W", "ignore", str(program), str(PROJECT / "bentos" / project), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"training {project} failed:\n{done.stderr}")
    return out


def _template(template: str, trained: dict[str, Path], folder: Path) -> Iterator[list[str]]:
    """A row of figures for each of the template's two models."""
    models = [trained[project] for project in TEMPLATES[template]]
    service = PROJECT / "bentos" / template
    store = folder / f"store-{template}"
    packaged = package(models, BentoOptions(service=service), version="1.0.0", store=store, serve=False)
    say(f"  serving {packaged.tag}")
    starts = [_start(store, packaged.tag) for _ in range(ROUNDS)]
    with serve(packaged.tag, BENTOML_HOME=str(store)) as served:
        _explained(served, models[0])
        held = memory(served.pid)
        for place, model in enumerate(models):
            shared = [
                spread([seconds for seconds, _ in starts]),
                spread([mib for _, mib in starts], 0),
                f"{held:.0f}",
            ]
            yield [
                f"{template}: {_name(model)}",
                *(shared if place == 0 else ["", "", ""]),
                *_figures(served, model),
            ]


def _start(store: Path, tag: str) -> tuple[float, float]:
    """Seconds until ready, and MiB of all its processes at that moment."""
    with serve(tag, BENTOML_HOME=str(store)) as served:
        return served.seconds, memory(served.pid)


def _figures(served: Served, model: Path) -> list[str]:
    route, row = f"/{_name(model)}", _row(model)
    one = _load(served, f"{route}/predict", row, callers=1)
    many = _load(served, f"{route}/predict", row)
    batches = _load(served, f"{route}/predict_batch", [row] * BATCH, callers=4)
    explained = statistics.median(_explained(served, model) for _ in range(EXPLANATIONS))
    return [
        f"{_ms(one, 0.5)}",
        f"{many.rate:.0f}",
        f"{_ms(many, 0.99)}",
        f"{batches.rate * BATCH:.0f}",
        f"{explained * 1000:.0f}",
    ]


def _ways(words: str, model: Path) -> list[str]:
    """Requests a second and p99 for each way, in turns, so that what else the machine does falls on all of them."""
    say(f"  {words}: {', '.join(WAYS)}")
    taken: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    with serve("bentos_ways:Ways", E2I_BENCH_MODEL=str(model), PYTHONPATH=str(model / "code")) as served:
        for _ in range(ROUNDS):
            for way in WAYS:
                body = [_row(model)] if way == "batchable" else _row(model)
                many, one = _load(served, f"/{way}", body), _load(served, f"/{way}", body, callers=1)
                taken[way].append((many.rate, float(_ms(many, 0.99)), float(_ms(one, 0.5))))
    return [
        words,
        *(f"{statistics.median(column):.0f}" for way in WAYS for column in zip(*taken[way], strict=True)),
    ]


def _load(served: Served, route: str, input_data: object, callers: int = CALLERS) -> Load:
    body = json.dumps({"input_data": input_data}).encode()
    asyncio.run(load(served.port, route, body, callers, 0.5))
    return asyncio.run(load(served.port, route, body, callers, SECONDS))


def _explained(served: Served, model: Path) -> float:
    """Seconds that one explanation takes; those that are answered while shap is being imported do not count."""
    return served.post(f"/{_name(model)}/explain", {"input_data": _row(model)})


def _ms(taken: Load, share: float) -> str:
    return f"{percentile(taken.seconds, share) * 1000:.0f}"


def _card(model: Path) -> dict[str, object]:
    card: dict[str, object] = json.loads((model / "card.json").read_text())
    return card


def _name(model: Path) -> str:
    return str(_card(model)["name"])


def _row(model: Path) -> object:
    return _card(model)["golden"][0]["input"]  # type: ignore[index]


def _templates_table(rows: list[list[str]]) -> str:
    header = (
        "template: model",
        "ready after, s",
        "MiB when ready",
        "MiB with explanations",
        "predict alone, p50 ms",
        f"predict, {CALLERS} callers, rows/s",
        "p99 ms",
        f"predict_batch of {BATCH}, 4 callers, rows/s",
        "explain, ms",
    )
    return table(header, rows)


def _ways_table(ways: list[list[str]]) -> str:
    measured = ("requests/s", "p99 ms", "alone, p50 ms")
    return table(["model", *(f"{words}: {what}" for words in WAYS.values() for what in measured)], ways)


_NOTES = (
    "Memory is the resident memory of BentoML's supervisor and its one worker, both models loaded. Clients run on the "
    "same machine."
)
_WAYS_NOTES = (
    f"{CALLERS} callers with one row each, and one caller alone; medians of {ROUNDS} rounds in turns."
)
