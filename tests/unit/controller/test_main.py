"""The kopf handlers: they start and stop the operator, log in, and answer the probe."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import kopf
import pytest

from e2i.controller import main
from e2i.controller.app import Operator
from e2i.kube import ApiError


class FakeOperator:
    """Counts what is asked of it."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.calls: list[Any] = []

    async def start(self) -> None:
        self.calls.append("start")
        if self.error:
            raise self.error

    async def stop(self) -> None:
        self.calls.append("stop")

    health = Operator.health


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeOperator:
    made = FakeOperator()

    async def connect(_: object) -> FakeOperator:
        return made

    monkeypatch.setattr(main, "connect", connect)
    monkeypatch.setenv("E2I_BUCKET", "models")
    monkeypatch.setenv("E2I_SERVICE_ACCOUNT_DIR", str(tmp_path))
    return made


async def start(memo: kopf.Memo) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    await main.start(memo=memo, settings=settings)
    return settings


# Start.


def test_kopf_watches_nothing() -> None:
    assert not list(kopf.get_default_registry()._watching.get_all_handlers())


async def test_it_starts_and_leaves_no_trace(operator: FakeOperator) -> None:
    memo = kopf.Memo()
    settings = await start(memo)
    assert (memo.operator, operator.calls) == (operator, ["start"])
    assert (settings.peering.standalone, settings.posting.enabled) == (True, False)
    assert settings.scanning.disabled


@pytest.mark.parametrize(
    ("variable", "value"),
    [("E2I_BUCKET", ""), ("E2I_WORKERS", "many"), ("E2I_LOG_LEVEL", "LOUD"), ("E2I_POD_NETWORK", "10.0.0.0")],
)
async def test_a_bad_setting_ends_the_process_with_one_sentence(
    operator: FakeOperator,
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        await start(kopf.Memo())
    assert ended.value.code == 1
    (line,) = caplog.records
    assert (line.levelname, line.exc_info) == ("ERROR", None)
    assert variable in line.getMessage()
    assert operator.calls == []


async def test_it_tries_again_while_the_api_server_is_away(operator: FakeOperator) -> None:
    operator.error = ApiError(0, "Unreachable", "no answer")
    memo = kopf.Memo()
    with pytest.raises(kopf.TemporaryError, match="cannot start yet: no answer") as waits:
        await start(memo)
    assert waits.value.delay == main.START_RETRY
    assert operator.calls == ["start", "stop"], "its connections are closed"
    assert memo.get("operator") is None


async def test_a_bug_at_the_start_closes_the_connections_too(operator: FakeOperator) -> None:
    operator.error = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await start(kopf.Memo())
    assert operator.calls == ["start", "stop"]


# Stop and probe.


async def test_it_stops_what_was_started(operator: FakeOperator) -> None:
    memo = kopf.Memo()
    await main.stop(memo=memo)
    await start(memo)
    await main.stop(memo=memo)
    assert operator.calls == ["start", "stop"]


def test_before_its_start_the_probe_has_nothing_to_show() -> None:
    assert main.passes(memo=kopf.Memo()) == {}


def test_the_probe_shows_models_and_queue() -> None:
    class Running:
        def health(self) -> dict[str, object]:
            return {"models": 3, "waiting": 1}

    memo = kopf.Memo()
    memo.operator = Running()
    assert main.passes(memo=memo) == {"models": 3, "waiting": 1}


# Login.


def test_in_a_pod_it_logs_in_as_the_service_account(
    operator: FakeOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = main.login(logger=logging.getLogger(), settings=kopf.OperatorSettings())
    assert found is not None
    assert (found.server, found.scheme, found.token) == ("https://10.0.0.1:443", "Bearer", "secret")
    assert found.ca_path == str(tmp_path / "ca.crt")


@pytest.mark.parametrize("variable", ["KUBERNETES_SERVICE_HOST", ""], ids=["no token", "no pod"])
def test_outside_a_pod_it_logs_in_as_the_kubeconfig_says(
    operator: FakeOperator, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if variable:
        monkeypatch.setenv(variable, "10.0.0.1")
    file = tmp_path / "config"
    file.write_text(
        "{kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'https://127.0.0.1:6443'}}],"
        " users: [{name: u, user: {token: mine}}]}"
    )
    monkeypatch.setenv("KUBECONFIG", str(file))
    found = main.login(logger=logging.getLogger(), settings=kopf.OperatorSettings())
    assert found is not None
    assert (found.server, found.token) == ("https://127.0.0.1:6443", "mine")


def test_a_bad_setting_ends_the_login_too(operator: FakeOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2I_SERVICE_ACCOUNT_DIR", "relative")
    with pytest.raises(SystemExit):
        main.login(logger=logging.getLogger(), settings=kopf.OperatorSettings())
