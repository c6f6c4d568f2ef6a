"""What makes a trial: the release and what it is judged by, however that is written."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.bodies import a_body
from support.builders import a_model

from e2i.api.model import Strategy
from e2i.api.model_body import parse_model
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.verification import checks
from e2i.controller.core.verification.identity import judged_by


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"replicas": 5}, True, id="scaling tries nothing again"),
        pytest.param({"delay": 0, "history": 0}, True, id="nor does what is kept afterwards"),
        pytest.param({"promote_at": "1", "paused": True}, True, id="nor do the other annotations"),
        pytest.param({"retry_at": "1"}, False, id="a retry is another trial"),
        pytest.param({"deadline": 10}, False, id="so is another deadline"),
        pytest.param({"rollout": {"checks": {"verify": [{"path": "/"}]}}}, False, id="so are other checks"),
        pytest.param({"rollout": {"watch": {"seconds": 9}}}, False, id="so is another watch"),
        pytest.param({"rollout": {"strategy": Strategy.IN_PLACE}}, False, id="so is another strategy"),
    ],
)
def test_what_makes_a_trial(change: dict[str, object], same: bool) -> None:
    changed = a_model(**change)  # type: ignore[arg-type]
    assert (trial_of(a_model(), "0b1d77e2") == trial_of(changed, "0b1d77e2")) is same


def test_another_release_is_another_trial() -> None:
    assert trial_of(a_model(), "0b1d77e2") != trial_of(a_model(), "9c01aa34")


def trial(*verify: Any, contract: Any = None, watch: Any = None) -> str:
    """The trial of a release with these settings of spec.rollout."""
    rollout = {"verify": list(verify), "contract": contract, "watch": watch}
    given = {name: value for name, value in rollout.items() if value}
    return trial_of(parse_model(a_body(spec={"rollout": given})), "0b1d77e2")


EXPECT = {
    "body": '{"label": "stay", "p": 0.50}',
    "tolerance": "0.01",
    "fields": [{"jsonPath": "$.p", "minimum": "0.10"}],
}
CHECK = {
    "name": "known customer",
    "path": "/predict",
    "body": '{"b": 1.0, "a": [1, 2]}',
    "timeoutSeconds": 9,
    "expect": EXPECT,
}
CONTRACT = {"labels": ["stay", "leave"], "labelPath": "$.label"}
WATCH = {"seconds": 60, "maxErrorRatio": "0.05", "maxLatencyP99": "500ms"}


def test_a_trial_is_called_the_same_by_every_operator() -> None:
    """Changing these values would try every failed release in the world again."""
    assert trial_of(a_model(), "0b1d77e2") == "f9075b71"
    assert trial(CHECK, contract=CONTRACT, watch=WATCH) == "9a3841bc"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"method": "POST", "retries": 2}, True, id="defaults that are written out"),
        pytest.param({"body": '{ "b":1.0,"a":[1,2] }'}, True, id="white space in a body"),
        pytest.param({"body": '{"b": 1, "a": [1, 2]}'}, False, id="an integer for a fraction is sent otherwise"),
        pytest.param({"body": '{"a": [1, 2], "b": 1.0}'}, False, id="so is another order of keys"),
        pytest.param({"path": "/predict_all"}, False, id="another path"),
        pytest.param({"timeoutSeconds": 5}, False, id="another time"),
        pytest.param({"expect": {**EXPECT, "status": 200}}, True, id="the usual status"),
        pytest.param({"expect": {**EXPECT, "body": '{"p":0.5,"label":"stay"}'}}, True, id="keys in another order"),
        pytest.param({"expect": {**EXPECT, "body": '{"p":0.51,"label":"stay"}'}}, False, id="another answer"),
        pytest.param({"expect": {**EXPECT, "body": '{"p":"0.5","label":"stay"}'}}, False, id="a text for a number"),
        pytest.param({"expect": {**EXPECT, "tolerance": "0.010"}}, True, id="zeros at the end of a decimal"),
        pytest.param({"expect": {**EXPECT, "fields": []}}, False, id="a field less"),
        pytest.param({"futureField": "unknown"}, True, id="a field that this version does not know"),
    ],
)  # fmt: skip
def test_checks_that_mean_the_same_are_one_trial(change: dict[str, Any], same: bool) -> None:
    assert (trial({**CHECK, **change}) == trial(CHECK)) is same


def test_the_order_of_labels_makes_no_trial_and_that_of_checks_does() -> None:
    other = {**CHECK, "name": "other"}
    assert trial(contract=CONTRACT) == trial(contract={**CONTRACT, "labels": ["leave", "stay"]})
    assert trial(CHECK, other) != trial(other, CHECK)


def test_limits_that_mean_the_same_are_one_trial() -> None:
    assert trial(watch=WATCH) == trial(
        watch={**WATCH, "maxErrorRatio": "0.050", "maxLatencyP99": "0.5s", "minRequests": 20}
    )
    assert trial(watch=WATCH) != trial(watch={**WATCH, "maxErrorRatio": "0.051"})


def test_checks_that_cannot_be_parsed_have_a_trial_of_their_own() -> None:
    assert trial({"path": "no path"}) != trial({"path": "none either"})


def test_checks_that_are_too_large_are_refused_with_both_sizes() -> None:
    many = [{"path": "/p", "body": "[" + "1," * 8000 + "1]"}] * 20
    model = parse_model(a_body(spec={"rollout": {"verify": many}}))
    assert judged_by(model.rollout).problem == (
        "spec.rollout.verify and contract have 320628 bytes of JSON, and 262144 at most are read; ask for fewer "
        "predictions, or for smaller ones"
    )


def test_the_largest_checks_are_parsed_once_and_fast() -> None:
    many = [{"path": "/p", "expect": {"body": "[" + "1," * 8000 + "1]"}} for _ in range(15)]
    model = parse_model(a_body(spec={"rollout": {"verify": many}}))
    assert checks.LARGEST * 0.9 < len(str(many)) < checks.LARGEST
    begun = time.process_time()
    assert judged_by(model.rollout).checks == 15
    first = time.process_time()
    assert first - begun < 2
    judged_by(parse_model(a_body(spec={"rollout": {"verify": many}})).rollout)
    assert time.process_time() - first < 0.1
