"""The share of inputs that is written to the log."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from bentos.runtime import made

from e2i_bento.input_capture import Captured, InputCapture, capture_line, capture_share


def test_nothing_is_captured_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert capture_share({}) == 0
    InputCapture("churn_model:1.2.0", 0).write([made.CUSTOMER], [{"value": 1.0}])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["0", "0.25", "1"])
def test_a_share_is_understood(text: str) -> None:
    assert capture_share({"E2I_CAPTURE_SHARE": text}) == float(text)


@pytest.mark.parametrize("text", ["10", "-0.1", "all", "nan", ""])
def test_a_value_that_is_no_share_is_said_and_means_off(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "bentoml.e2i"):
        assert capture_share({"E2I_CAPTURE_SHARE": text}) == 0
    assert f"E2I_CAPTURE_SHARE={text}: no inputs are captured" in caplog.text


def test_all_rows_are_captured_each_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    InputCapture("churn_model:1.2.0", 1).write([made.CUSTOMER] * 2, [{"value": 1.0}, {"value": 2.0}])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["answer"]["value"] for line in lines] == [1.0, 2.0]
    assert {(line["e2i"], line["model"]) for line in lines} == {("input", "churn_model:1.2.0")}
    assert lines[0]["input"] == made.CUSTOMER


def test_a_share_of_many_rows_is_about_that_share(capsys: pytest.CaptureFixture[str]) -> None:
    InputCapture("churn_model:1.2.0", 0.5).write([made.CUSTOMER] * 2000, [{"value": 1.0}] * 2000)
    assert 800 < len(capsys.readouterr().out.splitlines()) < 1200


class FullDisk:
    """A standard output that takes no lines."""

    def write(self, text: str) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_that_takes_no_lines_costs_the_rows_and_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    capture = InputCapture("churn_model:1.2.0", 1)
    assert capture.write([made.CUSTOMER], [{"value": 1.0}]) == Captured(written=1)
    monkeypatch.setattr(sys, "stdout", FullDisk())
    for _ in range(2):
        assert capture.write([made.CUSTOMER] * 2, [{"value": 1.0}] * 2) == Captured(lost=2)
    assert caplog.text.count("churn_model:1.2.0: captured inputs are lost") == 1


def test_the_time_is_utc_to_the_millisecond() -> None:
    assert json.loads(capture_line("m:1", 0.12, {}, {}))["time"] == "1970-01-01T00:00:00.120Z"
