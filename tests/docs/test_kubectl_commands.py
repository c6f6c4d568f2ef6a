"""Commands of kubectl and Helm that no test types, in sentences and in blocks, are known to the programs themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.conftest import Reader
from docs.looked_up import Installed, filled
from docs.runs import A_MODEL_THAT_SERVES, pages
from docs.shell import SYSTEM_PATH, Shell
from docs.written import simple_commands, written_in

SHOWS = ("status", "history", "doctor")


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
def test_what_the_runbook_looks_at_can_be_seen_of_a_model_that_serves(terminal: Shell) -> None:
    for command in A_MODEL_THAT_SERVES:
        assert terminal.run(command, 600).code == 0, command
    texts = {w.text for page in pages() if page.parent.name == "runbook" for w in written_in(page)}
    shown = [
        text for text in sorted(texts) if text.startswith(tuple(f"kubectl e2i {verb}" for verb in SHOWS))
    ]
    assert shown
    for command in shown:
        answer = terminal.run(filled(command) + ("" if "-n" in command else " -n models"), 120)
        assert answer.code == 0, f"{command}: {answer.printed}"


def commands() -> list[tuple[str, ...]]:
    """Return every simple command of the pages that no test types, once."""
    texts = [written.text for page in pages() for written in written_in(page) if not written.run]
    return list(dict.fromkeys(tuple(words) for text in texts for words in simple_commands(text)))
