"""What `e2i local up` says when the operator does not become available: sentences, no JSON."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.local.operator_state import why_unavailable


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "e2i-operator-1"}, "status": status}


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "operator", "state": state, **more}])


@pytest.mark.parametrize(
    ("pods", "sentence"),
    [
        pytest.param([], "There is no pod of it.", id="no pod"),
        pytest.param([pod()], "Pod e2i-operator-1 has no container yet.", id="not yet placed"),
        pytest.param(
            [pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}])],
            "Pod e2i-operator-1 has no container yet: Insufficient cpu.",
            id="cannot be placed",
        ),
        pytest.param(
            [container({"running": {"startedAt": "2026-11-29T20:00:00Z"}}, restartCount=2)],
            "Pod e2i-operator-1 runs since 2026-11-29T20:00:00Z and is not ready, and was started again 2 times.",
            id="starts slowly",
        ),
        pytest.param(
            [container({"terminated": {"exitCode": 1, "reason": "Error"}})],
            "Pod e2i-operator-1 ended with exit code 1 (Error).",
            id="ended",
        ),
        pytest.param(
            [container({"waiting": {"reason": "CreateContainerConfigError", "message": "no Secret e2i-s3"}})],
            "Pod e2i-operator-1 waits: CreateContainerConfigError no Secret e2i-s3.",
            id="waits",
        ),
        pytest.param(
            [
                container(
                    {"waiting": {"reason": "CrashLoopBackOff"}},
                    restartCount=1,
                    lastState={"terminated": {"exitCode": 137, "reason": "Error"}},
                )
            ],
            "Pod e2i-operator-1 ended with exit code 137 (Error), and was started again 1 time.",
            id="ends again and again",
        ),
    ],
)
def test_the_state_is_a_sentence(pods: list[dict[str, Any]], sentence: str) -> None:
    assert why_unavailable(pods, "") == sentence


def test_the_last_line_of_the_log_is_shown() -> None:
    assert why_unavailable([], "one\ntwo\n\n").endswith("Its log ends with: two")
