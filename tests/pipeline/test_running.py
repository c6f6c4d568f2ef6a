"""Runs of a small project with real training: which steps run, which run again, and how a run stops."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.smallproject import change_project, write_days, write_project

from e2i.pipeline import champion
from e2i.pipeline.card_metrics import complete_card
from e2i.pipeline.context import Loop, Options, open_loop
from e2i.pipeline.errors import GateNotMet, NoNewData, PipelineError
from e2i.pipeline.runner import run, run_one
from e2i.pipeline.workspace import Workspace, append_lines
from e2i_bento.card import Holdout, read_card, write_card

JUDGED = ("data", "test", "train", "evaluate", "gate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "rain")


@pytest.fixture(scope="module")
def judged_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_project(tmp_path_factory.mktemp("judged") / "rain")
    judged(folder)
    return folder


@pytest.fixture
def ready(judged_once: Path, tmp_path: Path) -> Path:
    """Return a copy of a project that has run up to the gate; a copy, because training takes a while."""
    shutil.copytree(judged_once, tmp_path / "ready")
    return tmp_path / "ready"


def opened(folder: Path, **options: Any) -> tuple[Loop, list[str]]:
    said: list[str] = []
    Workspace(folder).prepare()
    return open_loop(folder, Options(**options), said.append), said


def judged(folder: Path, **options: Any) -> list[str]:
    """Run all steps up to the gate and return the lines that were said."""
    loop, said = opened(folder, **options)
    run(loop, JUDGED)
    return said


def done(said: list[str]) -> list[str]:
    """Return the steps that ran, without the unchanged ones."""
    return [line.partition(":")[0] for line in said if ": done in" in line]


def test_a_good_model_passes_and_a_second_run_does_nothing(ready: Path) -> None:
    assert list(Workspace(ready).read_state().done) == list(JUDGED)
    assert done(judged(ready)) == []


def test_only_what_depends_on_a_change_is_done_again(ready: Path) -> None:
    change_project(ready, gate={"roc_auc": {"minimum": 0.6}})
    assert done(judged(ready)) == ["gate"]
    (ready / "requirements.txt").write_text((ready / "requirements.txt").read_text() + "# for the service\n")
    assert "test" not in done(judged(ready))
    write_days(ready / "days.jsonl", 500)
    assert done(judged(ready)) == list(JUDGED)


def test_what_was_under_way_when_the_run_was_killed_is_done_again(ready: Path) -> None:
    loop, _ = opened(ready)
    # As run.json is while evaluate runs.
    loop.workspace.write_state(loop.state.begun("evaluate"))
    assert done(judged(ready)) == ["evaluate"]


def test_a_lost_file_of_a_step_is_made_again(ready: Path) -> None:
    Workspace(ready).holdout.unlink()
    assert done(judged(ready)) == ["data"]


def test_rows_stay_on_their_side_when_others_are_added(ready: Path) -> None:
    from e2i.pipeline.rows import read_stored

    place = Workspace(ready)
    held = {tuple(row) for row in read_stored(place.holdout).to_numpy()}
    write_days(ready / "days.jsonl", 600)
    judged(ready)
    learned = {tuple(row) for row in read_stored(place.train).to_numpy()}
    assert held
    assert not held & learned


def test_mixed_up_labels_do_not_pass_and_a_report_says_why(folder: Path) -> None:
    write_days(folder / "days.jsonl", mixed_up=True)
    with pytest.raises(GateNotMet) as stopped:
        judged(folder)
    assert "roc_auc is" in stopped.value.message
    assert stopped.value.code == 3
    report = next((folder / ".e2i" / "reports").glob("gate-*.md")).read_text()
    assert "gate.roc_auc.minimum" in report
    state = Workspace(folder).read_state()
    assert state.stop
    assert state.stop.step == "gate"
    assert "gate" not in state.done


def test_a_misspelt_metric_of_the_gate_is_found_before_the_first_step(folder: Path) -> None:
    change_project(folder, gate={"roc_acu": {"minimum": 0.7}, "log_loss": {"maximum": 1}})
    recipe = (folder / "recipe.py").read_text()
    (folder / "recipe.py").write_text(recipe.partition("def evaluate")[0])
    loop, said = opened(folder)
    words = (
        r"gate\.roc_acu: type Classification has no metric roc_acu, .* Did you mean roc_auc\? Known are acc"
    )
    for first in (lambda: run(loop, JUDGED), lambda: run_one(loop, "data")):
        with pytest.raises(PipelineError, match=words):
            first()
    assert said == []


@pytest.mark.parametrize(
    ("gate", "options", "words"),
    [
        pytest.param(
            {"roc_auc": {"minimum": 90}},
            {},
            r"gate\.roc_auc\.minimum is 90, and roc_auc is at most 1",
            id="bound",
        ),
        pytest.param({}, {"overlay": Path("nowhere")}, r"overlay .*nowhere does not exist", id="overlay"),
        pytest.param(
            {}, {"kubeconfig": Path("nowhere")}, r"kubeconfig nowhere does not exist", id="kubeconfig"
        ),
    ],
)
def test_what_would_stop_a_run_at_its_end_is_found_before_the_first_step(
    folder: Path, gate: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    change_project(folder, gate={"log_loss": {"maximum": 1}} | gate)
    loop, said = opened(folder, **options)
    with pytest.raises(PipelineError, match=words):
        run(loop, JUDGED)
    assert said == []


def test_a_package_that_is_not_pinned_is_told_before_the_training(folder: Path) -> None:
    (folder / "requirements.txt").write_text("scikit-learn\n")
    recipe = (folder / "recipe.py").read_text()
    (folder / "recipe.py").write_text(
        recipe.replace("def train(data):", "def train(data):\n    raise MemoryError")
    )
    with pytest.raises(PipelineError, match=r"has 'scikit-learn', which may be another version tomorrow"):
        judged(folder)


def test_a_metric_that_evaluate_may_return_is_doubted_only_if_the_code_does_not_name_it(folder: Path) -> None:
    change_project(folder, gate={"rows_seen": {"minimum": 1}, "rows_sen": {"minimum": 1}})
    loop, said = opened(folder)
    run(loop, ())
    (line,) = said
    assert line.startswith("gate.rows_sen: type Classification has no metric rows_sen, and the recipe's code")


def test_a_model_that_is_worse_than_what_serves_does_not_pass(ready: Path, tmp_path: Path) -> None:
    (ready / ".e2i" / "trained").rename(tmp_path / "good")
    (ready / ".e2i" / "run.json").unlink()
    recipe = (ready / "recipe.py").read_text()
    (ready / "recipe.py").write_text(recipe.replace("max_iter=1000", "max_iter=1000, C=1e-6"))
    change_project(ready, gate={"log_loss": {"worse_than_serving_by": 0.01}})
    with pytest.raises(GateNotMet, match="which serves: worse by"):
        judged(ready, against=str(tmp_path / "good"))
    judged(ready, against="none")


@pytest.fixture
def serving(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the trained model serve, with its card as the pipeline completes it; a much worse one is trained next."""
    complete_card(opened(ready)[0], "models:/rain_model/1")
    (ready / ".e2i" / "trained").rename(tmp_path / "serving")
    (ready / ".e2i" / "run.json").unlink()
    serving = champion.FoundModel("rain_model:1.0.0", tmp_path / "serving", tmp_path / "serving" / "code")
    monkeypatch.setattr(champion, "serving_name", lambda _: serving.name)
    monkeypatch.setattr(champion, "find_model", lambda *_: serving)
    recipe = (ready / "recipe.py").read_text()
    (ready / "recipe.py").write_text(recipe.replace("max_iter=1000", "max_iter=1000, C=1e-6"))
    change_project(ready, gate={"log_loss": {"worse_than_serving_by": 0.01}})
    return serving.model


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param(
            {"registry": "", "holdout": None}, "e2i pipeline did not train it", id="packaged with all rows"
        ),
        pytest.param({"holdout": None}, "e2i pipeline did not train it", id="logged in MLflow by somebody"),
        pytest.param(
            {"holdout": Holdout(share=0.2, columns=("clouds", "rain"))},
            "its data had other columns",
            id="other columns put other rows into its holdout",
        ),
        pytest.param({"share": 0.1}, "its holdout was smaller, 0.1 of the rows", id="a smaller holdout"),
    ],
)
def test_a_model_that_may_have_seen_the_holdout_is_not_compared(
    ready: Path, serving: Path, changes: dict[str, Any], why: str
) -> None:
    """A model that knows every row is better than any other."""
    card = read_card(serving)
    if share := changes.pop("share", None):
        changes = {"holdout": card.lineage.holdout.model_copy(update={"share": share})}
    write_card(card.model_copy(update={"lineage": card.lineage.model_copy(update=changes)}), serving)
    said = judged(ready)
    assert any(f"rain_model:1.0.0 serves and was not compared: {why}" in line for line in said), said
    report = next((ready / ".e2i" / "reports").glob("gate-*.md")).read_text()
    assert "was not compared" in report


@pytest.mark.usefixtures("serving")
def test_a_model_that_was_trained_apart_from_the_holdout_is_compared(ready: Path) -> None:
    with pytest.raises(GateNotMet, match="which serves: worse by"):
        judged(ready)


def test_what_serves_is_asked_with_its_own_code(folder: Path, tmp_path: Path) -> None:
    """Its pickle refers to the module recipe, which has changed since."""
    own = (
        "class Shy:\n    classes_ = ['no', 'yes']\n    def predict_proba(self, rows):\n        import numpy\n"
    )
    own += "        return numpy.array([[0.5, 0.5]] * len(rows))\n\n\ndef train(data):\n    return Shy()\n"
    judged_recipe = (folder / "recipe.py").read_text()
    change_project(folder, gate={})
    (folder / "recipe.py").write_text(own)
    judged(folder)
    (folder / ".e2i" / "trained").rename(tmp_path / "shy")
    (folder / ".e2i" / "run.json").unlink()
    (folder / "recipe.py").write_text(judged_recipe)
    judged(folder, against=str(tmp_path / "shy"))
    serving = json.loads(Workspace(folder).evaluation.read_text())["serving"]
    assert serving["trouble"] == ""
    assert serving["metrics"]["roc_auc"] == pytest.approx(0.5)


def test_what_serves_and_cannot_be_found_stops_the_gate(folder: Path) -> None:
    append_lines(Workspace(folder).released, [{"bento": "rain_model:0.9.0"}])
    with pytest.raises(GateNotMet, match=r"rain_model:0\.9\.0 serves and could not be measured"):
        judged(folder, store=folder / "empty")


def test_a_step_alone_says_which_one_it_needs(folder: Path) -> None:
    loop, _ = opened(folder)
    run_one(loop, "data")
    with pytest.raises(PipelineError, match="train needs the step test first") as stopped:
        run_one(loop, "train")
    assert "e2i pipeline test --project" in stopped.value.message


def test_two_runs_at_once_are_refused(folder: Path) -> None:
    with (
        Workspace(folder).locked(),
        pytest.raises(PipelineError, match="Another run is under way"),
        Workspace(folder).locked(),
    ):
        pass


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        pytest.param(lambda f: (f / "days.jsonl").unlink(), "There is no file", id="no data"),
        pytest.param(lambda f: (f / "recipe.py").unlink(), r"recipe\.py does not exist", id="no recipe"),
        pytest.param(
            lambda f: (f / "recipe.py").write_text("def f(:"),
            "cannot be imported: SyntaxError",
            id="no Python",
        ),
        pytest.param(
            lambda f: (f / "recipe.py").write_text("def train(data):\n    return data['hail']\n"),
            r"train failed: recipe\.py line 2: KeyError: 'hail'",
            id="train raises",
        ),
        pytest.param(
            lambda f: (f / "recipe.py").write_text("def train(data):\n    pass\n"),
            "returned nothing",
            id="no model",
        ),
        pytest.param(
            lambda f: (f / "requirements.txt").unlink(), r"requirements\.txt does not exist", id="no pins"
        ),
        pytest.param(
            lambda f: change_project(f, target="snow"), "no column snow; they have", id="no such target"
        ),
        pytest.param(
            lambda f: change_project(f, features={"sky": {"kind": "number"}}),
            "sky is 'clear' in row",
            id="not a number",
        ),
        pytest.param(
            lambda f: change_project(f, features={"wind": {"maximum": 10}}),
            "above the maximum 10",
            id="beyond a limit",
        ),
        pytest.param(
            lambda f: (f / "test_rain.py").write_text("def test_rain():\n    assert 1 == 2\n"),
            "The project's own tests failed",
            id="a test of the project fails",
        ),
        pytest.param(
            lambda f: (f / "recipe.py").write_text(
                "def train(d): ...\ndef check(data):\n    raise ValueError('too wet')\n"
            ),
            "The recipe's check refuses the data: too wet",
            id="the recipe's check refuses",
        ),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_words(
    folder: Path, break_it: Callable[[Path], None], words: str
) -> None:
    break_it(folder)
    with pytest.raises(PipelineError, match=words):
        judged(folder)


def test_a_damaged_run_file_says_what_to_do(folder: Path) -> None:
    Workspace(folder).prepare()
    (folder / ".e2i" / "run.json").write_text("{")
    with pytest.raises(PipelineError, match=r"is damaged .* Delete it"):
        opened(folder)


def test_data_that_were_given_are_kept_to_until_others_are(ready: Path, tmp_path: Path) -> None:
    given = write_days(tmp_path / "other.jsonl", 300, seed=5)
    assert any("300 rows of" in line for line in judged(ready, data=given))
    assert done(judged(ready)) == []
    assert any("400 rows of days.jsonl" in line for line in judged(ready, data=Path("project")))


def drifted(folder: Path) -> None:
    """Return a project with a release whose inputs have drifted."""
    loop, _ = opened(folder)
    loop.workspace.release_folder("1.0.0").mkdir(parents=True)
    learned = {"train": loop.outputs("data")["train"], "source": "days.jsonl"}
    (loop.workspace.release_folder("1.0.0") / "release.json").write_text(json.dumps(learned))
    append_lines(loop.workspace.released, [{"bento": "rain_model:1.0.0"}])
    record = loop.state.done["gate"]
    outputs = {"drifted": True, "bento": "rain_model:1.0.0"}
    loop.workspace.write_state(loop.state.ended("drift", record.model_copy(update={"outputs": outputs})))


def test_drift_without_new_labelled_data_has_an_exit_code_of_its_own(ready: Path) -> None:
    drifted(ready)
    loop, _ = opened(ready, against="rain_model:1.0.0")
    with pytest.raises(NoNewData, match="Add labelled rows of today") as stopped:
        run_one(loop, "retrain")
    assert stopped.value.code == 5


def test_a_retraining_on_bad_data_is_stopped_by_the_gate_and_releases_nothing(
    ready: Path, tmp_path: Path
) -> None:
    drifted(ready)
    bad = write_days(tmp_path / "bad.jsonl", mixed_up=True)
    loop, said = opened(ready, data=bad, against="rain_model:1.0.0", store=ready / "empty")
    with pytest.raises(GateNotMet):
        run_one(loop, "retrain")
    assert not any(line.startswith(("register", "build", "deploy")) for line in said)
    assert len(Workspace(ready).released.read_text().splitlines()) == 1


def test_without_drift_nothing_is_trained(ready: Path) -> None:
    drifted(ready)
    loop, said = opened(ready)
    record = loop.state.done["drift"]
    loop.state = loop.state.ended("drift", record.model_copy(update={"outputs": {"drifted": False}}))
    run_one(loop, "retrain")
    assert said[-1] == "retrain: skipped: nothing has drifted, so nothing is trained"


def test_what_a_model_was_set_to_is_noted_as_far_as_it_is_plain(ready: Path) -> None:
    loop, _ = opened(ready)
    params = loop.outputs("train")["params"]
    assert params["model.logisticregression__max_iter"] == "1000"
    assert "model.steps" not in params


def test_what_another_version_of_e2i_did_is_done_again(ready: Path) -> None:
    place = Workspace(ready)
    place.run_file.write_text(json.dumps({"format": 1, "done": {"data": {"outputs": {}}}}))
    assert place.read_state().done == {}


def test_a_new_version_with_the_same_metrics_gets_a_report_of_its_own(ready: Path) -> None:
    change_project(ready, version="1.1.0")
    assert "gate" in done(judged(ready))
    assert (ready / ".e2i" / "reports" / "gate-1.1.0.html").exists()
