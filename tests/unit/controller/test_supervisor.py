"""Tasks that live as long as the operator: none dies unseen."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from e2i.controller.core.health import Health, Sign, stale
from e2i.controller.edge.supervisor import Supervisor


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise KeyError("spec")


async def returns() -> None:
    """Come to an end at once."""


async def is_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.fixture
def ends() -> list[str]:
    return []


@pytest.mark.parametrize(
    ("work", "endless", "reason"),
    [
        pytest.param(fails, True, "its task 'watch' failed: KeyError: 'spec'", id="an endless task fails"),
        pytest.param(fails, False, "its task 'watch' failed: KeyError: 'spec'", id="a task fails"),
        pytest.param(returns, True, "its task 'watch' ended although nobody stopped it", id="an end"),
        pytest.param(is_cancelled, True, "its task 'watch' ended although nobody stopped it", id="cancelled"),
        pytest.param(
            is_cancelled, False, "its task 'watch' ended although nobody stopped it", id="cancelled"
        ),
        pytest.param(returns, False, None, id="a task that may end"),
        pytest.param(for_ever, True, None, id="a task that runs"),
    ],
)
async def test_a_task_that_ends_ends_the_process(
    work: object, endless: bool, reason: str | None, ends: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(ends.append)
    supervisor.start("watch", work(), endless=endless)  # type: ignore[operator]
    for _ in range(3):
        await asyncio.sleep(0)
    assert ends == ([reason] if reason else [])
    assert ("KeyError" in caplog.text) is (work is fails), "with its traceback"
    await supervisor.stop()


async def test_tasks_that_are_stopped_do_not_end_the_process(ends: list[str]) -> None:
    supervisor = Supervisor(ends.append)
    supervisor.start("one", for_ever())
    supervisor.start("two", for_ever())
    await asyncio.sleep(0)
    await supervisor.stop()
    await asyncio.sleep(0)
    assert ends == []
    assert len(asyncio.all_tasks()) == 1


def test_what_gave_no_sign_of_life_for_too_long_is_named() -> None:
    signs = [Sign("the list", 15.0, 60.0), Sign("the watch", 15.0, 10.0)]
    assert stale(signs) == ("the watch gave no sign of life for 15 s, more than 10 s",)


def test_what_is_exactly_as_old_as_it_may_be_is_not_stale() -> None:
    assert stale([Sign("the watch", 10.0, 10.0)]) == ()


@pytest.mark.parametrize(
    ("hung", "unready", "alive", "ready"),
    [((), "", True, True), ((), "no list", True, False), (("the watch",), "", False, False)],
)
def test_alive_and_ready(hung: tuple[str, ...], unready: str, alive: bool, ready: bool) -> None:
    health = Health(stale=hung, unready=unready, numbers={})
    assert (health.is_alive, health.is_ready) == (alive, ready)


def test_the_process_ends_at_once_with_a_line_in_the_log() -> None:
    program = (
        "import threading, time, logging; logging.basicConfig(); "
        "threading.Thread(target=time.sleep, args=(60,)).start(); "
        "from e2i.controller.edge.supervisor import end_process; end_process('its task died')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "the operator ends: its task died" in done.stderr
