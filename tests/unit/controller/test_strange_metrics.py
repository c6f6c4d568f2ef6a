"""Metrics of strangers: any text is a sample or is refused, and never costs more than it is long."""

from __future__ import annotations

import contextlib
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from support.deep import examples
from support.mutations import seeded

from e2i.controller.core.guard.samples import NoRequestsCounted, Sample, parse_metrics

TEXT = "".join(
    f'bentoml_service_request_total{{endpoint="/p{path}",http_response_code="{code}",runner_name="churn"}} 14.0\n'
    f'bentoml_service_request_duration_seconds_bucket{{endpoint="/p{path}",le="{le}",runner_name="churn"}} 7\n'
    for path in range(8)
    for code, le in (("200", "0.5"), ("500", "+Inf"))
)
ODD = (
    '"',
    "\\",
    "{",
    "}",
    "\n",
    "\x00",
    "e99",
    "1e",
    " ",
    'le="',
    "NaN",
    "-1",
    "9" * 400,
    'a="' * 300,
    "\ud83d",
)


@settings(max_examples=examples(200))
@given(seed=st.integers(0, 2**32))
def test_any_metrics_are_a_sample_or_are_refused(seed: int) -> None:
    dice, text = seeded(seed), TEXT
    for _ in range(dice.randint(1, 20)):
        place = dice.randrange(len(text))
        text = text[:place] + dice.choice(ODD) + text[place + dice.randint(0, 30) :]
    with contextlib.suppress(NoRequestsCounted):
        assert isinstance(parse_metrics(text, "churn"), Sample)


def test_the_largest_metrics_take_a_time_in_proportion() -> None:
    for hostile in (
        TEXT * 1000,
        ("bentoml_service_request_total{" + 'a="' * 1000) * 1000,
        'a="\\' * 1_000_000,
    ):
        begun = time.process_time()
        with contextlib.suppress(NoRequestsCounted):
            parse_metrics(hostile[: 4 << 20], "churn")
        assert time.process_time() - begun < 3


def test_metrics_that_were_read_before_are_read_alike() -> None:
    assert parse_metrics(TEXT, "churn") == parse_metrics(TEXT, "churn")
    assert parse_metrics(TEXT, "churn").errors == 8 * 14
