"""Commands of kubectl and Helm that no test types, in sentences and in blocks, are known to the programs themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from docs.conftest import Reader
from docs.looked_up import Installed, filled
from docs.runs import A_MODEL_THAT_SERVES, pages
from docs.shell import SYSTEM_PATH, Shell
from docs.written import simple_commands, written_in

SHOWS = re.compile(r"kubectl e2i (?:status \S|history \S|doctor$)")
LEFT_OPEN = re.compile(r"\bBENTO\b")
"""What the test puts no name into the place of."""


@pytest.fixture
def programs(reader: Reader, installed: Path) -> Installed:
    """The programs of a reader, who is on the cluster of the pages."""
    cluster = reader.home / ".local" / "state" / "e2i" / "e2i" / "kubeconfig"
    environment = {**reader.environment, "PATH": f"{installed}:{SYSTEM_PATH}", "KUBECONFIG": str(cluster)}
    return Installed(installed / "kubectl", installed / "helm", reader.clone, environment)


@pytest.mark.e2e
def test_commands_that_nobody_types_are_known_to_their_programs(programs: Installed) -> None:
    said = {" ".join(words): programs.trouble_with(words) for words in commands()}
    assert len(said) > 100
    assert {command: trouble for command, trouble in said.items() if trouble} == {}


@pytest.mark.e2e
@pytest.mark.deep
def test_what_the_runbook_looks_at_is_there_of_a_model_that_serves(
    terminal: Shell, programs: Installed
) -> None:
    for command in A_MODEL_THAT_SERVES:
        assert terminal.run(command, 600).code == 0, command
    written = [each for page in pages() if page.parent.name == "runbook" for each in written_in(page)]
    runbook = sorted({each.text for each in written if not each.run})
    shown = [text for text in runbook if SHOWS.match(text)]
    assert shown
    for command in shown:
        answer = terminal.run(filled(command) + ("" if "-n" in command else " -n models"), 120)
        assert answer.code == 0, f"{command}: {answer.printed}"
    there = replace(programs, everything_is_there=True)
    complete = [text for text in runbook if not LEFT_OPEN.search(text)]
    said = {
        " ".join(words): there.trouble_with(words) for text in complete for words in simple_commands(text)
    }
    assert {command: trouble for command, trouble in said.items() if trouble} == {}


def commands() -> list[tuple[str, ...]]:
    """Return every simple command of the pages that no test types, once."""
    texts = [written.text for page in pages() for written in written_in(page) if not written.run]
    return list(dict.fromkeys(tuple(words) for text in texts for words in simple_commands(text)))
