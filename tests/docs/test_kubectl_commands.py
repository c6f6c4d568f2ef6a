"""Commands of kubectl and Helm that no test types, in sentences and in blocks, are known to the programs themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.conftest import Reader
from docs.looked_up import Installed
from docs.runs import pages
from docs.shell import SYSTEM_PATH
from docs.written import simple_commands, written_in


@pytest.mark.e2e
def test_commands_that_nobody_types_are_known_to_their_programs(reader: Reader, installed: Path) -> None:
    environment = {**reader.environment, "PATH": f"{installed}:{SYSTEM_PATH}"}
    state = reader.home / ".local" / "state" / "e2i" / "e2i"
    programs = Installed(
        installed / "kubectl",
        installed / "helm",
        reader.clone,
        {**environment, "KUBECONFIG": str(state / "kubeconfig")},
    )
    said = {" ".join(words): programs.trouble_with(words) for words in commands()}
    assert len(said) > 100
    assert {command: trouble for command, trouble in said.items() if trouble} == {}


def commands() -> list[tuple[str, ...]]:
    """Return every simple command of the pages that no test types, once."""
    texts = [written.text for page in pages() for written in written_in(page) if not written.run]
    return list(dict.fromkeys(tuple(words) for text in texts for words in simple_commands(text)))
