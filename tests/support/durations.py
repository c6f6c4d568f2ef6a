"""A pytest plugin for runs with workers: sums the tests' time by folder, and fails a run that is over a budget.

The seconds are those that pass, waits included, because most tests that need a cluster wait. Other work on the machine
makes them longer, so budgets are kept only if the machine was idle when the run began.
"""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.budgets import Budgets, Spent

BUSY = 0.35
"""Share of the machine's CPU time; above it, others were at work when the run began."""
SAMPLE = 0.5
RECORD = "e2i/durations"


class Durations:
    """Lives where reports arrive: in the only process, or in the one that leads the workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._budgets = Budgets.read().on_machine(calibrate())
        self._busy = busy_share(SAMPLE)
        self._spent: dict[str, Spent] = defaultdict(Spent)
        self._overruns: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.split("::")[0]
        self._spent[file] += Spent(report.when == "call", report.duration)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        record(self._config, self._spent)
        self._overruns = [f"{file} has no budget." for file in self._budgets.unbudgeted(self._spent)]
        if self._is_idle:
            self._overruns += self._budgets.overruns(self._spent)
        if self._overruns and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("time by folder")
        for line in self._budgets.table(self._spent):
            terminalreporter.write_line(line)
        if not self._is_idle:
            terminalreporter.write_line(
                f"The machine was {self._busy:.0%} busy when the run began: no folder fails for its time."
            )
        for overrun in self._overruns:
            terminalreporter.write_line(f"{overrun} tests/budgets.toml has the budgets.", red=True)

    @property
    def _is_idle(self) -> bool:
        return self._busy <= BUSY


def record(config: pytest.Config, spent: Mapping[str, Spent]) -> None:
    """Keep the seconds of each file in pytest's cache. Without its plugin (-p no:cacheprovider) there is none."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        cache.set(RECORD, {file: round(part.seconds, 1) for file, part in spent.items()})


def calibrate() -> float:
    """Return the CPU seconds of a fixed computation: how slow this machine is, whatever else runs on it."""
    begun = time.process_time()
    block = b"".join(json.dumps({"n": n, "text": str(n) * 9}).encode() for n in range(60_000))
    for _ in range(4):
        hashlib.sha256(block)
        zlib.crc32(bytes(sorted(block[:400_000])))
    return time.process_time() - begun


def busy_share(seconds: float) -> float:
    """Return the share of CPU time that the machine's processes take in the next `seconds`."""
    idle, total = _cpu_time()
    time.sleep(seconds)
    idle_later, total_later = _cpu_time()
    return 1 - (idle_later - idle) / max(1, total_later - total)


def _cpu_time() -> tuple[int, int]:
    """Ticks in which the machine's cores were idle, and all ticks, since it was started."""
    user, nice, system, idle, waiting, *rest = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return idle + waiting, user + nice + system + idle + waiting + sum(rest[:3])
