"""Waiting for what nobody announces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2i import polling


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(polling, "time", fake)
    return fake


@pytest.mark.parametrize(
    ("answers", "holds", "asked"),
    [
        pytest.param([True], True, 1, id="what holds already is not waited for"),
        pytest.param([False, False, True], True, 3, id="asked until it holds"),
        pytest.param([False] * 9, False, 6, id="asked once after the deadline"),
    ],
)
def test_it_is_asked_until_it_holds_or_the_deadline_is_over(
    time: FakeTime, answers: list[bool], holds: bool, asked: int
) -> None:
    left: Iterator[bool] = iter(answers)
    assert polling.poll(lambda: next(left), within=1.0, every=0.25) is holds
    assert len(time.slept) == asked - 1
    assert len(list(left)) == len(answers) - asked


@pytest.mark.usefixtures("time")
def test_an_error_of_the_question_ends_the_waiting() -> None:
    with pytest.raises(ZeroDivisionError):
        polling.poll(lambda: bool(1 / 0), within=1.0, every=0.25)
