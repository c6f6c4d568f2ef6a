"""The sample bentos, built by bentos/build.py and served by the real `bentoml serve`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.bentoserver import START_SECONDS, bento_server, wait_for
from support.built_bentos import put_sample

BENTOS = Path(__file__).resolve().parents[2] / "bentos"

CUSTOMER = {
    "tenure_months": 3,
    "monthly_charge": 95.0,
    "support_calls": 8,
    "contract": "two_year",
    "autopay": False,
}
PAIRS = {
    ("churn", "1.0.0"): "churn_model:1.0.0",
    ("churn", "2.0.0"): "churn_model:2.0.0",
    ("echo", "1.0.0"): "echo:1.0.0",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home with all sample bentos."""
    home = tmp_path_factory.mktemp("bentoml")
    for name, version in PAIRS:
        put_sample(home, name, version)
    return home


@pytest.fixture(scope="module")
def urls(store: Path) -> Iterator[Mapping[str, str]]:
    """Address of a ready server for each bento, by tag."""
    tags = list(PAIRS.values())
    started: dict[str, str] = {}
    with ExitStack() as stack:
        # In pairs: more servers that start at once on two cores only wait for one another.
        for pair in (tags[place : place + 2] for place in range(0, len(tags), 2)):
            started |= {tag: stack.enter_context(bento_server(tag, store)).url for tag in pair}
            for tag in pair:
                wait_for(f"{started[tag]}/readyz", 200)
        yield started


def test_two_versions_of_the_churn_model_disagree_and_each_says_which_bento_it_is(
    urls: Mapping[str, str],
) -> None:
    answers = [predict(urls[f"churn_model:{version}"], CUSTOMER).json() for version in ("1.0.0", "2.0.0")]
    assert [(answer["label"], answer["bento"]) for answer in answers] == [
        ("leaves", "churn_model:1.0.0"),
        ("stays", "churn_model:2.0.0"),
    ]


def test_the_probabilities_name_every_class_and_add_up(urls: Mapping[str, str]) -> None:
    answer = predict(urls["churn_model:1.0.0"], CUSTOMER).json()
    assert set(answer["probabilities"]) == {"leaves", "stays"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_echo_gives_back_what_it_got(urls: Mapping[str, str]) -> None:
    answer = predict(urls["echo:1.0.0"], {"text": "good day"}).json()
    assert answer == {"text": "good day", "bento": "echo:1.0.0"}


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        pytest.param({}, ["input_data"], "Field required", id="the body has no input_data"),
        pytest.param(
            {"input_data": CUSTOMER | {"contract": "forever"}},
            ["input_data", "contract"],
            "Input should be 'month_to_month', 'one_year' or 'two_year'",
            id="a category does not exist",
        ),
        pytest.param(
            {"input_data": CUSTOMER | {"tenure": 3}},
            ["input_data", "tenure"],
            "Extra inputs are not permitted",
            id="a field is misspelt",
        ),
        pytest.param(
            {"input_data": CUSTOMER | {"support_calls": -1}},
            ["input_data", "support_calls"],
            "Input should be greater than or equal to 0",
            id="a number is out of its range",
        ),
    ],
)
def test_a_wrong_body_is_refused_with_400_and_the_place_and_the_reason(
    urls: Mapping[str, str], body: Any, place: list[str], message: str
) -> None:
    answer = httpx.post(f"{urls['churn_model:1.0.0']}/predict", json=body)
    assert answer.status_code == 400
    assert (place, message) in [(detail["loc"], detail["msg"]) for detail in answer.json()["detail"]]


def test_a_model_that_no_longer_predicts_its_golden_input_never_gets_ready(
    tmp_path: Path,
) -> None:
    other, log = tmp_path / "bentoml", tmp_path / "log"
    put_sample(other, "churn", "1.0.0")
    file = other / "models" / "churn_pipeline" / "1.0.0" / "model.yaml"
    content = yaml.safe_load(file.read_text())
    content["metadata"]["golden"]["probabilities"] = [0.5, 0.5]
    file.write_text(yaml.safe_dump(content))
    with bento_server("churn_model:1.0.0", other, log=log) as server:
        # A server that is still loading answers 503 as well: only what it logs shows that the model was judged.
        wait_for_line(log, "stays unready")
        wait_for(f"{server.url}/livez", 200)
        assert [httpx.get(f"{server.url}/readyz").status_code for _ in range(5)] == [503] * 5


def wait_for_line(log: Path, words: str) -> None:
    """Until the log has these words; AssertionError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while words not in (text := log.read_text(errors="replace") if log.exists() else ""):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def test_building_what_is_in_the_store_already_does_nothing(store: Path) -> None:
    file = store / "bentos" / "churn_model" / "1.0.0" / "bento.yaml"
    before = file.stat().st_mtime_ns
    result = build(store, "churn", "1.0.0")
    assert (result.returncode, file.stat().st_mtime_ns) == (0, before)
    assert result.stdout == "churn_model:1.0.0 is in the store already: nothing to do\n"


def test_a_version_that_there_is_no_training_for_is_refused(tmp_path: Path) -> None:
    result = build(tmp_path, "churn", "4.0.0")
    assert result.returncode == 1
    assert result.stderr == "Error: churn has no version 4.0.0; choose one of 1.0.0, 2.0.0, 3.0.0\n"


def test_a_broken_bento_in_the_store_is_named_and_not_touched(tmp_path: Path) -> None:
    broken = tmp_path / "bentos" / "echo" / "1.0.0"
    broken.mkdir(parents=True)
    (broken / "bento.yaml").write_text("name: echo\n")
    result = build(tmp_path, "echo", "1.0.0")
    assert result.returncode == 1
    assert "echo:1.0.0 is in the store but cannot be read" in result.stderr
    assert f"Remove the folder {broken}" in result.stderr
    assert broken.exists()


def test_a_model_left_by_an_interrupted_build_is_trained_again(tmp_path: Path) -> None:
    left_over = tmp_path / "models" / "churn_pipeline" / "1.0.0"
    left_over.mkdir(parents=True)
    result = build(tmp_path, "churn", "1.0.0")
    assert result.returncode == 0, result.stderr
    assert (left_over / "saved_model.pkl").exists()


def build(store: Path, name: str, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENTOS / "build.py"), name, "--version", version, "--store", str(store)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def predict(url: str, input_data: Mapping[str, object]) -> httpx.Response:
    return httpx.post(f"{url}/predict", json={"input_data": input_data}).raise_for_status()
