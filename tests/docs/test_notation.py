"""The notation of pages: what is run, what is compared, what is only read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from docs.comparison import differs
from docs.page import Step, steps_of
from docs.shell import Shell

PAGE = """
```console
$ echo one
one
$ curl -s host \\
    -d '{"a": 1,
  "b": 2}'
{"label": "x"}
```

```sh
cd folder
for i in 1 2; do
  echo $i
done
```

```text
$ only read
```

<!-- not run: it needs Docker -->
```sh
docker push
```

   ```yaml iris.yaml
   kind: E2IModel
   ```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(PAGE)
    return file


def test_a_page_is_commands_with_their_output_and_files(page: Path) -> None:
    assert [(step.command, step.output) for step in steps_of(page)] == [
        ("echo one", "one"),
        ('curl -s host \\\n    -d \'{"a": 1,\n  "b": 2}\'', '{"label": "x"}'),
        ("cd folder", None),
        ("for i in 1 2; do\n  echo $i\ndone", None),
        ("cat > iris.yaml <<'END_OF_FILE'\nkind: E2IModel\nEND_OF_FILE", None),
    ]


def test_a_step_knows_its_line(page: Path) -> None:
    first: Step = steps_of(page)[0]
    assert page.read_text().splitlines()[first.line - 1] == "$ echo one"


def test_a_command_that_bash_cannot_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("```sh\necho 'never closed\n```\n")
    with pytest.raises(ValueError, match="never closed"):
        steps_of(file)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        pytest.param("churn 163db908 2m", "churn   0f1e2d3c   45s", id="ids and ages differ"),
        pytest.param("release 163db908", "release deacfdbb", id="an id may have no digit"),
        pytest.param("a ... z", "a\nb\nc\nz", id="three dots stand for any text"),
        pytest.param("a\n...", "a", id="three dots may stand for nothing"),
        pytest.param("a long\nline", "a long line", id="line breaks do not count"),
        pytest.param("at http://127.1.2.3:3000", "at http://127.96.0.9:3000", id="addresses differ"),
        pytest.param("0.75758", "0.75761", id="numbers are compared to three decimals"),
        pytest.param("churn-1ac3e5f7-55fcf6576b-mvqrh", "churn-9ac3e5f7-6f77d5b7b-aaaaa", id="pod names"),
        pytest.param("   1.4 s  built", "  12.0 s  built", id="seconds of progress"),
    ],
)
def test_what_differs_from_run_to_run_is_compared_by_its_form(shown: str, printed: str) -> None:
    assert differs(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        pytest.param("Ready", "Ready now", id="more than shown"),
        pytest.param("churn_model:1.0.0", "churn_model:2.0.0", id="versions count"),
        pytest.param("0.7", "0.9", id="short numbers count"),
        pytest.param("0.757580922882358", "0.242419077117642", id="the digits of a number are no id"),
        pytest.param("... failed", "all is well", id="the text after the dots is missing"),
    ],
)
def test_what_is_wrong_is_seen(shown: str, printed: str) -> None:
    assert differs(shown, printed)


def test_a_session_keeps_variables_folder_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "à côté").mkdir()
    with Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path) as shell:
        assert shell.run("cd 'à côté'; export A=1", 9).code == 0
        assert shell.run('basename "$PWD"; cat', 9).printed == "à côté"
        assert shell.run("(exit 3)", 9).code == 3
        assert shell.run("echo $? >&2", 9).printed == "3"
        assert shell.run("sleep 60", 0.2).code is None


def test_a_job_that_a_page_leaves_behind_ends_with_its_terminal(tmp_path: Path) -> None:
    with Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path) as shell:
        left = int(shell.run("sleep 60 & echo $!", 9).printed)
    deadline = time.monotonic() + 9
    while not is_over(left):
        assert time.monotonic() < deadline


def is_over(process: int) -> bool:
    """Is it gone, or ended and not yet collected by its parent?"""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
