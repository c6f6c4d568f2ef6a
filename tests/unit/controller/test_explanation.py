"""The cause of a failure in its message, which is still true when the pods are gone."""

from __future__ import annotations

import pytest
from support.builders import NOON, a_model, seen_starting

from e2i.api.conditions import LONGEST_MESSAGE, Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.failure_evidence import Evidence
from e2i.controller.core.explanation import explain
from e2i.controller.core.plan import Plan
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules.table import plan

MODEL = a_model()
KEY_ERROR = "KeyError: 'FEATURE_STORE_KEY'"
KEPT = "kubectl e2i status churn -n models shows the end of its log"


def failing(reason: Reason = Reason.CrashLoop, message: str = "it ended 3 times") -> Plan:
    problem = Problem(reason=reason, message=message, final=True, log="kubectl logs x --previous")
    return plan(Situation(MODEL, seen_starting(MODEL, pod_problem=problem)), NOON)


@pytest.mark.parametrize(
    ("evidence", "reason", "message"),
    [
        pytest.param(Evidence(exception=KEY_ERROR, log="..."), Reason.CrashLoop,
                     f"it ended 3 times. Its log has {KEY_ERROR}. {KEPT}",
                     id="the service's own exception"),
        pytest.param(Evidence(exception=KEY_ERROR, variable="FEATURE_STORE_KEY", log="..."), Reason.CrashLoop,
                     f"it ended 3 times. Its log has {KEY_ERROR}. Give FEATURE_STORE_KEY a value in spec.env. {KEPT}",
                     id="a variable that is missing"),
        pytest.param(Evidence(log="...", exit_code=7, terminated_reason="Error"), Reason.CrashLoop,
                     "it ended 3 times. Its log has no exception: the process ended at once, as by os._exit, by a "
                     f"crash of compiled code, or by a signal. {KEPT}", id="an end without a word"),
        pytest.param(Evidence(log="...", exit_code=137, terminated_reason="OOMKilled"), Reason.CrashLoop,
                     f"it ended 3 times. {KEPT}", id="an end that the runtime explains"),
        pytest.param(Evidence(probe="Liveness probe failed: 404."), Reason.CrashLoop,
                     "it ended 3 times. Its last failed probe: Liveness probe failed: 404", id="the probe"),
        pytest.param(Evidence(probe="Liveness probe failed: 404", exception=KEY_ERROR), Reason.CrashLoop,
                     f"it ended 3 times. Its last failed probe: Liveness probe failed: 404. Its log has {KEY_ERROR}",
                     id="both, because either may be the cause"),
        pytest.param(Evidence(probe="Readiness probe failed: 503", exception=KEY_ERROR), Reason.ImagePullFailed,
                     "it ended 3 times", id="an image that is missing is explained by no log"),
        pytest.param(Evidence(), Reason.CrashLoop, "it ended 3 times", id="nothing is known"),
    ],
)  # fmt: skip
def test_the_cause_stands_in_the_message(evidence: Evidence, reason: Reason, message: str) -> None:
    explained = explain(failing(reason), evidence, MODEL)
    assert explained.failure
    assert explained.failure.message == message
    assert explained.told.startswith(f"{message}. There is no earlier release"), "the condition says the same"
    assert "kubectl logs" not in explained.told, "the pods are about to be removed"


def test_the_evidence_is_kept_with_the_failure() -> None:
    failure = explain(failing(), Evidence(pod="p", exit_code=1, log="l", exception=KEY_ERROR), MODEL).failure
    assert failure
    assert failure.evidence == {"pod": "p", "exitCode": 1, "log": "l"}


def test_a_long_message_stays_within_its_bounds() -> None:
    failure = explain(failing(message="x" * 990), Evidence(exception="E" * 300), MODEL).failure
    assert failure
    assert len(failure.message.encode()) == LONGEST_MESSAGE


def test_a_plan_that_gives_nothing_up_stays_as_it_is() -> None:
    chosen = Plan(reason=Reason.Deploying, message="starting")
    assert explain(chosen, Evidence(exception=KEY_ERROR), MODEL) is chosen
