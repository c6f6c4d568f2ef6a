"""E2IModels as the gateway reads them, and what it says of their health."""

from __future__ import annotations

from typing import Any

import pytest
from support.gateways import GatewayLab, model

from e2i.gateway.core.models import Served, State, model_of


def body(*conditions: tuple[str, str, str, str], **status: Any) -> dict[str, Any]:
    listed = [
        {"type": kind, "status": value, "reason": reason, "message": message}
        for kind, value, reason, message in conditions
    ]
    return {
        "metadata": {"namespace": "models", "name": "churn"},
        "spec": {},
        "status": {"url": "http://churn.models:3000", "conditions": listed} | status,
    }


READY = ("Ready", "True", "Ready", "all is well")
SERVES = ("ReleaseServing", "True", "Serving", "2 pods")
HISTORY = [
    {"release": "churn-2", "result": "Failed", "bentoTag": "churn:2"},
    {
        "release": "churn-1",
        "result": "Serving",
        "bentoTag": "churn:1",
        "digest": "sha256:1",
        "servedAt": "2026-11-30T12:00:00Z",
    },
]
FIRST = Served(release="churn-1", bento="churn:1", digest="sha256:1", since="2026-11-30T12:00:00Z")


@pytest.mark.parametrize(
    ("found", "state", "message"),
    [
        (body(READY, SERVES, servingRelease="churn-1", history=HISTORY), State.Serving, ""),
        (
            body(("Ready", "False", "Building", "Yatai builds"), SERVES, history=HISTORY),
            State.Degraded,
            "Yatai builds",
        ),
        (
            body(("Ready", "False", "Promoting", "step 1"), SERVES, history=HISTORY, rollout={"step": 1}),
            State.Serving,
            "",
        ),
        (
            body(
                ("Ready", "True", "Parked", "no pods"),
                ("ReleaseServing", "False", "Parked", "no pods"),
                history=HISTORY,
            ),
            State.Parked,
            "no pods",
        ),
        (
            body(
                ("Ready", "False", "CrashLoop", "it ends"),
                ("ReleaseServing", "False", "CrashLoop", "exit 1"),
                history=HISTORY,
            ),
            State.Down,
            "exit 1",
        ),
        (
            body(("Ready", "False", "Exporting", "it is uploaded")),
            State.Starting,
            "it is uploaded",
        ),
        (
            {"metadata": {"namespace": "models", "name": "churn"}},
            State.Starting,
            "the operator has not looked at it yet",
        ),
    ],
    ids=["serves", "an update is under way", "a canary", "parked", "down", "the first release", "new"],
)
def test_the_state_of_a_model(found: dict[str, Any], state: State, message: str) -> None:
    assert (model_of(found).state, model_of(found).message) == (state, message)


def test_what_it_served_last_is_the_newest_release_that_had_the_address() -> None:
    assert model_of(body(history=HISTORY)).last == FIRST
    assert model_of(body(servingRelease="churn-1", history=HISTORY)).last == FIRST
    assert model_of(body()).last is None


async def test_the_health_names_each_model_with_what_it_serves_or_served() -> None:
    lab = await GatewayLab([model(), model("ltv", state=State.Down, message="exit 1")]).known()
    answer = await lab.get("/health/bentoml")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    churn, ltv = answer.json["models"]["models/churn"], answer.json["models"]["models/ltv"]
    assert (churn["state"], churn["serving"]["release"]) == ("Serving", "churn-1")
    assert (ltv["state"], ltv["message"], ltv["lastServed"]["bento"]) == ("Down", "exit 1", "ltv:1.0.0")


@pytest.mark.parametrize(
    ("states", "status", "code"),
    [
        ((State.Serving, State.Parked), "healthy", 200),
        ((State.Serving, State.Degraded), "degraded", 200),
        ((State.Serving, State.Starting), "degraded", 200),
        ((State.Degraded, State.Degraded), "degraded", 200),
        ((State.Down, State.Starting), "down", 503),
        ((), "healthy", 200),
    ],
)
async def test_the_whole_is_down_only_if_nothing_serves(
    states: tuple[State, ...], status: str, code: int
) -> None:
    lab = await GatewayLab([model(f"m{n}", state=state) for n, state in enumerate(states)]).known()
    answer = await lab.get("/health/bentoml")
    assert (answer.json["status"], answer.status) == (status, code)


async def test_a_model_with_an_open_circuit_is_down() -> None:
    lab = await GatewayLab([model()]).known()
    lab.circuits = {("models", "churn"): "open"}
    answer = await lab.get("/health/bentoml")
    assert answer.json["models"]["models/churn"]["state"] == "Down"
    assert "requests to it fail" in answer.json["models"]["models/churn"]["message"]


async def test_a_gateway_that_does_not_know_the_models_yet_or_ends_is_not_ready() -> None:
    lab = await GatewayLab([model()]).known()
    assert (await lab.get("/readyz")).status == 200
    lab.unready = "the models are not listed yet"
    answer = await lab.get("/readyz")
    assert (answer.status, answer.json["unready"]) == (503, "the models are not listed yet")
    assert (await lab.get("/healthz")).status == 200


async def test_a_gateway_that_ends_has_its_connections_closed() -> None:
    lab = await GatewayLab([model()]).known()
    assert "connection" not in (await lab.get("/healthz")).headers
    lab.app.is_draining = True
    assert (await lab.get("/healthz")).headers["connection"] == "close"
