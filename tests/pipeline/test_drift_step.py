"""The steps monitor and drift on a small project, with logs of pods that answered requests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.smallproject import days, write_project

from e2i.pipeline.context import Options, open_loop
from e2i.pipeline.runner import run, run_one
from e2i.pipeline.workspace import Workspace, append_lines, read_lines
from e2i_bento.predicting import load_predictor

JUDGED = ("data", "test", "train", "evaluate", "gate")
SERVING = "rain_model:1.0.0"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project after the steps build and serve."""
    folder = write_project(tmp_path_factory.mktemp("drift") / "rain")
    place = Workspace(folder)
    place.prepare()
    run(open_loop(folder, Options(), lambda line: None), JUDGED)
    kept = place.release_folder("1.0.0")
    kept.mkdir(parents=True)
    shutil.copyfile(place.trained / "card.json", kept / "card.json")
    shutil.copyfile(place.reference, kept / "reference.jsonl")
    append_lines(place.released, [{"bento": SERVING}])
    return folder


def log(folder: Path, rows: Sequence[dict[str, Any]], model: str = SERVING) -> Path:
    """Return the log of a pod that logged a request for each of these rows."""
    inputs = [{name: value for name, value in row.items() if name != "rain"} for row in rows]
    answers = load_predictor(Workspace(folder).trained).answers(inputs)
    lines = ["INFO [entry_service:1] ready"]
    for number, (row, answer) in enumerate(zip(inputs, answers, strict=True)):
        time = f"2026-11-21T18:{number // 60:02}:{number % 60:02}.000Z"
        lines.append(
            json.dumps({"e2i": "input", "model": model, "time": time, "input": row, "answer": answer})
        )
    file = folder.parent / "pod.log"
    file.write_text("\n".join(lines) + "\n")
    return file


def verdict(folder: Path, stream: Path) -> dict[str, Any]:
    Workspace(folder).stream.unlink(missing_ok=True)
    loop = open_loop(folder, Options(stream=stream), lambda line: None)
    run(loop, ("monitor", "drift"))
    return loop.outputs("drift")


def drier(count: int) -> list[dict[str, Any]]:
    return [{**day, "humidity": day["humidity"] / 3, "wind": day["wind"] + 30} for day in days(count, seed=8)]


def test_days_like_those_it_learned_from_have_not_drifted(released: Path) -> None:
    found = verdict(released, log(released, days(300, seed=7)))
    assert found["enough"]
    assert not found["drifted"]
    assert not found["prediction_drifted"]


def test_drier_and_windier_days_have_drifted_and_there_is_a_report(released: Path) -> None:
    found = verdict(released, log(released, drier(300)))
    assert found["drifted"]
    assert found["prediction_drifted"]
    assert {column["name"] for column in found["columns"] if column["drifted"]} >= {"humidity", "wind"}
    assert Path(found["report"]).stat().st_size > 0
    assert json.loads(Path(found["report"]).with_suffix(".json").read_text())["drifted"]


def test_few_days_are_too_few(released: Path) -> None:
    found = verdict(released, log(released, drier(50)))
    assert not found["enough"]
    assert not found["drifted"]


def test_what_an_earlier_version_was_asked_does_not_count(released: Path) -> None:
    assert verdict(released, log(released, drier(300), model="rain_model:0.9.0"))["rows"] == 0


def test_a_log_that_is_collected_twice_is_counted_once(released: Path) -> None:
    stream = log(released, days(40))
    verdict(released, stream)
    loop = open_loop(released, Options(stream=stream), lambda line: None)
    run_one(loop, "monitor")
    assert loop.outputs("monitor") == {"new": 0, "rows": 40}
    assert len(read_lines(Workspace(released).stream)) == 40
