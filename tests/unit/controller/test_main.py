"""The kopf handlers: they start and stop the process, and log in."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kopf
import pytest

from e2i.controller import main
from e2i.controller.edge import log_context
from e2i.variables import BadSetting


class FakeProcess:
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


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeProcess:
    made = FakeProcess()
    monkeypatch.setattr(main, "Process", lambda _: made)
    monkeypatch.setenv("E2I_BUCKET", "models")
    monkeypatch.setenv("E2I_SERVICE_ACCOUNT_DIR", str(tmp_path))
    return made


@pytest.fixture(autouse=True)
def same_log() -> Iterator[None]:
    """The lines of other tests are not filtered."""
    logger = logging.getLogger(log_context.LOGGER)
    filters, level = list(logger.filters), logger.level
    yield
    logger.filters[:] = filters
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def same_collections() -> Iterator[None]:
    """The other tests collect garbage as before."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def start(memo: kopf.Memo) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    await main.start(memo=memo, settings=settings)
    return settings


# Start and stop.


def test_kopf_watches_nothing() -> None:
    assert not list(kopf.get_default_registry()._watching.get_all_handlers())


async def test_it_starts_and_leaves_no_trace(process: FakeProcess) -> None:
    memo = kopf.Memo()
    settings = await start(memo)
    assert (memo.process, process.calls) == (process, ["start"])
    assert (settings.peering.standalone, settings.posting.enabled) == (True, False)
    assert settings.scanning.disabled


async def test_what_stays_until_the_end_is_no_part_of_a_garbage_collection(process: FakeProcess) -> None:
    """To search it stops the process for a tenth of a second."""
    await start(kopf.Memo())
    assert gc.get_freeze_count() > 10 * sum(gc.get_count())
    assert gc.get_threshold()[0] == main.YOUNG
    gc.unfreeze()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("E2I_BUCKET", ""), ("E2I_WORKERS", "many"), ("E2I_LOG_LEVEL", "LOUD"), ("E2I_POD_NETWORK", "10.0.0.0")],
)
async def test_a_bad_setting_ends_the_process_with_one_sentence(
    process: FakeProcess,
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
    assert process.calls == []


async def test_a_misspelt_setting_is_named_with_the_one_that_is_meant(
    process: FakeProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("E2I_NAMESPACE", "risk")
    await start(kopf.Memo())
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == [
        "the setting E2I_NAMESPACE does not exist and has no effect: is E2I_NAMESPACES meant?"
    ]


def test_an_error_that_nobody_expected_ends_the_process_instead_of_a_wait() -> None:
    handlers = kopf.get_default_registry()._activities.get_all_handlers()
    (found,) = [each for each in handlers if each.id == "start"]
    assert found.errors is kopf.ErrorsMode.PERMANENT


def test_that_sentence_is_the_last_line_of_the_log(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "e2i.controller"],
        # A warning is an error, also one of kopf that it is started without a namespace.
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "E2I_BUCKET": "",
            "PYTHONWARNINGS": "error::FutureWarning",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "a setting cannot be used: E2I_BUCKET is not set" in done.stderr.splitlines()[-1], done.stderr


async def test_so_does_an_address_that_cannot_be_had(
    process: FakeProcess, caplog: pytest.LogCaptureFixture
) -> None:
    process.error = BadSetting("E2I_HEALTH_ADDRESS=localhost:1: Permission denied")
    with pytest.raises(SystemExit) as ended:
        await start(kopf.Memo())
    assert ended.value.code == 1
    assert [line.getMessage() for line in caplog.records] == [f"a setting cannot be used: {process.error}"]
    assert process.calls == ["start", "stop"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_a_start_that_does_not_come_to_its_end_is_cleared_away(
    process: FakeProcess, error: BaseException
) -> None:
    process.error = error
    with pytest.raises(type(error)):
        await start(kopf.Memo())
    assert process.calls == ["start", "stop"]


async def test_it_stops_what_was_started(process: FakeProcess) -> None:
    memo = kopf.Memo()
    await main.stop(memo=memo)
    await start(memo)
    await main.stop(memo=memo)
    assert process.calls == ["start", "stop"]


# Login.


def test_in_a_pod_it_logs_in_as_the_service_account(
    process: FakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    process: FakeProcess, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
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


def test_a_bad_setting_ends_the_login_too(process: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2I_SERVICE_ACCOUNT_DIR", "relative")
    with pytest.raises(SystemExit):
        main.login(logger=logging.getLogger(), settings=kopf.OperatorSettings())
