"""Pages run as they are written: in a new terminal, from the root of a clone in a folder with an odd name.

They release models on the cluster of the end-to-end tests. The cheapest of them is a part of `make test`. The others
take minutes each and run in `make test-deep`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from docs.comparison import differs
from docs.conftest import Reader
from docs.page import Step, steps_of
from docs.runs import (
    A_MODEL_THAT_SERVES,
    DOCS,
    IN_EVERY_RUN,
    OF_A_MODEL_THAT_SERVES,
    ON_A_CLUSTER,
    ON_THEIR_OWN_CLUSTER,
    PROJECT,
    TYPED,
    WHO,
    exceptions_of,
    pages,
)
from docs.shell import SYSTEM_PATH, Answer, Shell

STEP_WITHIN = 600.0
"""Seconds for one command; only a bound for a machine under heavy load."""


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.deep) for name in ON_A_CLUSTER],
)
def test_a_page_does_what_it_says(name: str, terminal: Shell) -> None:
    for command in A_MODEL_THAT_SERVES if name in OF_A_MODEL_THAT_SERVES else ():
        before = terminal.run(command, STEP_WITHIN)
        assert before.code == 0, f"{command}: {before.printed}"
    follow(DOCS / name, terminal)


@pytest.mark.e2e
@pytest.mark.deep
@pytest.mark.parametrize(("name", "cluster"), ON_THEIR_OWN_CLUSTER.items())
def test_a_page_starts_its_own_cluster(
    name: str, cluster: str, reader: Reader, installed: Path, tmp_path: Path
) -> None:
    environment = {**reader.environment, "PATH": f"{installed}:{SYSTEM_PATH}"}
    try:
        with Shell(reader.clone, environment, tmp_path) as terminal:
            follow(DOCS / name, terminal)
    finally:
        # Fails if the page came to its end, because it resets the cluster itself.
        reset = (".venv/bin/e2i", "local", "reset", "--name", cluster, "--yes")
        subprocess.run(reset, cwd=reader.clone, env=environment, check=False)


def test_each_page_with_something_to_type_is_typed() -> None:
    names = {str(page.relative_to(DOCS)) for page in pages() if steps_of(page)}
    assert names == TYPED


@pytest.mark.parametrize("page", pages(), ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_what_is_not_typed_says_who_ran_it(page: Path) -> None:
    said = [(first, reason, WHO.search(reason)) for first, reason in exceptions_of(page)]
    assert [(first, reason) for first, reason, who in said if not who] == []
    tests = [who[1] for _, _, who in said if who and who[1]]
    assert [test for test in tests if not (PROJECT / test).exists()] == []


def follow(page: Path, terminal: Shell) -> None:
    """Do everything that `page` says, in order; fail at the first step that does not go as shown."""
    printed = ""
    for step in steps_of(page):
        if step.command is not None:
            answer = terminal.run(step.command, STEP_WITHIN)
            printed = answer.printed
            trouble = trouble_of(step, answer)
        else:
            trouble = differs(step.output or "", printed)
        if trouble:
            pytest.fail(f"{page.name}:{step.line}: $ {step.command}\n{trouble}", pytrace=False)


def trouble_of(step: Step, answer: Answer) -> str | None:
    """Return None if the command went as the page shows, otherwise what was different."""
    if answer.code is None:
        return f"did not end within {STEP_WITHIN:.0f} s. It printed:\n{answer.printed}"
    if step.output is not None:
        return differs(step.output, answer.printed)
    return f"exit code {answer.code}:\n{answer.printed}" if answer.code else None
