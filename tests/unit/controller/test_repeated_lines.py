"""A warning that repeats itself is written now and then, with the number of the others."""

from __future__ import annotations

import logging

from e2i.controller.edge.repeated_lines import MOST_LINES, PERIOD, RepeatedLines


class Log:
    """Lines that pass the filter, in played time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.filter = RepeatedLines(lambda: self.now)

    def write(self, text: str, level: int = logging.WARNING, **fields: object) -> None:
        record = logging.LogRecord("e2i", level, "", 0, text, (), None)
        record.__dict__.update(fields)
        if self.filter(record):
            self.lines.append(record.getMessage())


def test_a_line_is_written_once_in_a_period_with_the_number_of_the_others() -> None:
    log = Log()
    for _ in range(3):
        log.write("refused", model="models/churn")
        log.now += PERIOD / 4
    log.now = PERIOD
    log.write("refused", model="models/churn")
    assert log.lines == ["refused", "refused (and 2 times more since the last such line)"]


def test_another_model_another_sentence_and_a_line_after_a_pause_are_written_as_they_are() -> None:
    log = Log()
    log.write("refused", model="models/churn")
    log.write("refused", model="models/fraud")
    log.write("denied", model="models/churn")
    log.now = 2 * PERIOD
    log.write("refused", model="models/churn")
    assert log.lines == ["refused", "refused", "denied", "refused"]


def test_lines_that_differ_in_numbers_alone_are_one() -> None:
    log = Log()
    log.write("timeout after 10.2 s")
    log.write("timeout after 10.4 s")
    assert log.lines == ["timeout after 10.2 s"]


def test_changes_of_conditions_news_and_the_end_of_the_operator_are_always_written() -> None:
    log = Log()
    for _ in range(2):
        log.write("Ready=False Refused", condition="Ready")
        log.write("exported", logging.INFO)
        log.write("the operator ends", logging.CRITICAL)
    assert len(log.lines) == 6


def test_what_is_remembered_is_bounded() -> None:
    log = Log()
    for number in range(MOST_LINES + 5):
        log.write("refused", model=f"models/churn-{number}")
    log.write("refused", model=f"models/churn-{MOST_LINES + 4}")
    log.write("refused", model="models/churn-0")
    assert len(log.lines) == MOST_LINES + 6
