from __future__ import annotations

import pytest

from e2i.local.node.probing import Probe, Tally, parse, port_number, probes_of


def verdicts(answers: str, *, success: int = 1, failure: int = 3) -> str:
    """ "++-" -> the verdict after each answer, `?` for none."""
    probe = Probe(kind="readiness", handler={}, success_threshold=success, failure_threshold=failure)
    tally, seen = Tally(), ""
    for answer in answers:
        tally = tally.counted(answer == "+", probe)
        seen += {None: "?", True: "+", False: "-"}[tally.verdict]
    return seen


@pytest.mark.parametrize(
    ("answers", "success", "failure", "expected"),
    [
        pytest.param("--+", 1, 3, "??+", id="failures below the threshold decide nothing"),
        pytest.param("---", 1, 3, "??-", id="the third failure in a row decides"),
        pytest.param("+--+---", 1, 3, "++++++-", id="one success starts the count anew"),
        pytest.param("++-+++", 3, 1, "??---+", id="successes may need a row too"),
    ],
)
def test_thresholds(answers: str, success: int, failure: int, expected: str) -> None:
    assert verdicts(answers, success=success, failure=failure) == expected


def test_a_probe_has_the_defaults_of_the_api() -> None:
    probe = parse("liveness", {"httpGet": {"port": 1}})
    assert (probe.initial_delay, probe.period, probe.timeout) == (0, 10, 1)
    assert (probe.success_threshold, probe.failure_threshold, probe.grace) == (1, 3, None)


def test_only_probes_that_are_there_are_asked() -> None:
    container = {"name": "a", "livenessProbe": {"periodSeconds": 7}, "readinessProbe": None}
    assert {kind: probe.period for kind, probe in probes_of(container).items()} == {"liveness": 7}


def test_a_port_may_be_named() -> None:
    container = {"name": "a", "ports": [{"name": "http", "containerPort": 3000}, {"containerPort": 1}]}
    assert [port_number(port, container) for port in ("http", 5, "6")] == [3000, 5, 6]
    with pytest.raises(ValueError, match="a has no port named 'grpc'"):
        port_number("grpc", container)
