"""A pytest plugin for runs with workers: compares the rights that are shipped with those that the whole suite used."""

from __future__ import annotations

from typing import Any

import pytest
from support import rights

OUTPUT = "e2i_rights"


class RightsReport:
    """Lives in the process that leads the workers. A run of a part of the suite uses fewer rights: no report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._used: set[rights.Right] = set()
        self._found: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        output = getattr(node, "workeroutput", None) or {}
        self._used |= {(group, resource, verb) for group, resource, verb in output.get(OUTPUT, ())}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._used and self._is_whole():
            self._found = rights.differences(rights.granted(), self._used)
        if self._found and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._found:
            terminalreporter.section("rights of the operator")
        for line in self._found:
            terminalreporter.write_line(line, red=True)

    def _is_whole(self) -> bool:
        chosen = self._config.option.keyword or self._config.option.markexpr
        return self._config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


class RightsNote:
    """Lives in each worker, and hands over what its clusters' operators used."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        session.config.workeroutput[OUTPUT] = sorted(rights.USED)  # type: ignore[attr-defined]
