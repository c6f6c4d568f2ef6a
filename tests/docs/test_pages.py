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
from docs.shell import SYSTEM_PATH, Answer, Shell

DOCS = Path(__file__).resolve().parents[2] / "docs"
ON_A_CLUSTER = (
    "howto/deploy-with-kubectl.md",
    "howto/blue-green.md",
    "howto/canary.md",
    "howto/undo.md",
    "howto/verify.md",
    "howto/in-place.md",
    "howto/watch.md",
    "howto/pods.md",
    "howto/guard-namespaces.md",
    "howto/package.md",
    "howto/pipeline.md",
    "howto/promote.md",
    "howto/kubeflow.md",
    "howto/deploy-from-python.md",
    "howto/old-style-bentos.md",
    "howto/call-a-model.md",
    "howto/score.md",
)
IN_EVERY_RUN = ("howto/undo.md",)
BY_A_NEWCOMER = ("tutorial/first-model.md", "tutorial/trained-model.md")
ON_THEIR_OWN_CLUSTER = {"howto/install.md": "chart", "howto/recover.md": "lost"}
"""Pages that start a cluster, with its name."""
NOT_RUN = {
    "howto/troubleshoot.md": "it shows faults that were made on purpose; tests/e2e/test_failures.py makes them",
    "howto/scale.md": "its model is any that serves; tests/e2e/test_lives.py parks one and wakes it",
    "howto/images.md": "it needs a registry; tests/e2e/test_images.py releases such images",
    "howto/image-builds.md": "it needs yatai-image-builder",
    "howto/argocd.md": "it needs your Argo CD",
    "howto/tenants.md": "it needs the cluster and the bucket of several teams",
    "howto/gateway.md": "its models are any that serve; tests/e2e/test_gateway.py asks such",
    "howto/read-the-logs.md": "it is a table, which test_log_lines.py compares with the code",
    "howto/conformance.md": "its model is the demo's; tests/e2e/test_conformance.py runs the command",
    "howto/kind.md": "it needs Docker; tests/deploy/test_kind.py tries what can be tried without it",
    "howto/yatai-stack.md": "it needs Yatai's images; tests/deploy/test_yatai_stack.py applies its manifests",
    "howto/monitoring.md": "it needs your Prometheus; tests/api/test_operator_life.py reads real metrics",
    "howto/drift.md": "its model has drifted; tests/api/test_drift.py lets one drift",
    "howto/stack.md": "it trains six models; tests/e2e/test_model_serving asks the stack",
    "howto/notifications.md": "it needs an address; tests/unit/controller/test_notifier.py has one",
    "howto/write-a-bento.md": "it is only read",
    "howto/classification.md": "it is only read",
    "howto/regression.md": "it is only read",
    "howto/causal.md": "it is only read",
}
STEP_WITHIN = 600.0
"""Seconds for one command; only a bound for a machine under heavy load."""


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.deep) for name in ON_A_CLUSTER],
)
def test_a_page_does_what_it_says(name: str, terminal: Shell) -> None:
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


def test_each_page_is_run_or_says_why_not() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.glob("*/*.md")}
    asked = {name for name in pages if name.startswith(("howto/", "tutorial/"))}
    assert asked == {*ON_A_CLUSTER, *BY_A_NEWCOMER, *ON_THEIR_OWN_CLUSTER, *NOT_RUN}


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
