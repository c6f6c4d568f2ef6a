"""Which test types the commands of which page, and what the pages say of the commands that none types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docs.page import BLOCK
from docs.written import reason_of

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
FOLDERS = ("tutorial", "howto", "runbook")
OF_A_MODEL_THAT_SERVES = (
    "howto/scale.md",
    "howto/gateway.md",
    "howto/read-the-logs.md",
    "howto/monitoring.md",
    "howto/notifications.md",
    "howto/tenants.md",
    "howto/troubleshoot.md",
    "howto/yatai-stack.md",
    "runbook/index.md",
    "runbook/disaster-recovery.md",
)
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
    "howto/conformance.md",
    "howto/drift.md",
    *OF_A_MODEL_THAT_SERVES,
)
A_MODEL_THAT_SERVES = (
    'eval "$(.venv/bin/e2i local env)"',
    "python bentos/build.py churn --version 1.0.0",
    "kubectl apply -f manifests/samples/churn.yaml",
    "kubectl wait --for=condition=Ready e2im/churn -n models --timeout=10m",
)
"""What their reader has before the first line: a terminal on a cluster, in which the model `churn` serves."""
IN_EVERY_RUN = ("howto/undo.md",)
BY_A_NEWCOMER = ("tutorial/first-model.md", "tutorial/trained-model.md")
ON_THEIR_OWN_CLUSTER = {"howto/install.md": "chart", "howto/recover.md": "lost"}
"""Pages that start a cluster, with its name."""
TYPED = {*ON_A_CLUSTER, *BY_A_NEWCOMER, *ON_THEIR_OWN_CLUSTER}
WHO = re.compile(r"(tests/[\w/.]+)|by hand on \d{4}-\d\d-\d\d|no test has run it")
"""A reason for which a block is not typed ends with who ran it instead."""
_PAGE = """# Which commands of the pages were run

<!-- Made from the pages by tests/support/reference.py --write; edit the pages instead. -->

Tests type the commands of the tutorials, the how-to pages and the runbook as a reader does, and compare what is
printed ([how](../decisions/0069-who-ran-a-command.md)). The commands below are the exceptions.

Of these, and of all commands in sentences and in examples of output, tests know this much:

| Command | What is known |
| --- | --- |
| `e2i`, `kubectl e2i`, `make` | the command, its options and its arguments exist |
| `kubectl` | on a real API server what reads is run, and what writes is a dry run |
| `helm` | the command and its options exist |
| all | files of the clone exist |

The first line of each block stands for the block.

| Page | Commands | Why no test types them, and who ran them |
| --- | --- | --- |
"""


def pages() -> list[Path]:
    return sorted(page for folder in FOLDERS for page in (DOCS / folder).glob("*.md"))


def exceptions_of(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the first line of each block that is left out, and the reason that the page gives."""
    for block in BLOCK.finditer(page.read_text()):
        if reason := reason_of(block):
            first = next(line.strip() for line in block["body"].splitlines() if line.strip())
            yield first.removeprefix("$ ").split("   #")[0].removesuffix("\\").strip(), reason


def page_text() -> str:
    """Return docs/reference/commands.md."""
    rows = []
    for page in pages():
        name = f"{page.parent.name}/{page.name}"
        for first, reason in exceptions_of(page):
            rows.append(
                f"| [{name.removesuffix('.md')}](../{name}) | `{first.replace('|', chr(92) + '|')}` | {reason} |"
            )
    return _PAGE + "\n".join(rows) + "\n"
