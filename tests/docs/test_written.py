"""Which commands a page writes: in blocks, in examples of output, in sentences; and what a shell makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.looked_up import is_a_mention, missing_files
from docs.written import simple_commands, written_in

PAGE = """
Look with `kubectl get e2im -A`; `spec.replicas` is no command.

<!-- not run: it needs Docker; by hand on 2026-12-01 -->
```sh
docker push image
```

```text
$ kubectl top pods
NAME   CPU
```

    kubectl e2i doctor

```sh
make up
```

```yaml values.yaml
a: 1
```
"""


def test_a_page_writes_commands_in_blocks_examples_and_sentences(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert [(each.line, each.text, each.run, each.reason) for each in written_in(page)] == [
        (5, "docker push image", False, "it needs Docker; by hand on 2026-12-01"),
        (10, "$ kubectl top pods".removeprefix("$ "), False, None),
        (16, "make up", True, None),
        (2, "kubectl get e2im -A", False, None),
        (14, "kubectl e2i doctor", False, None),
    ]


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        pytest.param("a b | c && d", ["a b", "c", "d"], id="a pipe and a list"),
        pytest.param("X=1 a > file 2>&1 &", ["a"], id="variables and redirects are no words"),
        pytest.param("a \\\n  b", ["a b"], id="a line that goes on"),
        pytest.param('eval "$(a b)"', ["$(a b)", "a b"], id="a command in a command"),
        pytest.param(
            "for x in $(a -n b); do\n  c $x\ndone", ["for x in", "a -n b", "c $x", "done"], id="a loop"
        ),
        pytest.param(
            "a '{\"b\": 1}'  # why", ['a {"b": 1}'], id="quotes are kept together, comments are not"
        ),
    ],
)
def test_a_shell_starts_these_programs(text: str, commands: list[str]) -> None:
    assert [" ".join(words).removesuffix(" $") for words in simple_commands(text)] == commands


def test_files_of_the_clone_have_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    words = ["kubectl", "apply", "-f", "manifests/gone.yaml", "-k", "manifests/", "-f", "your-own.yaml"]
    assert missing_files(words, tmp_path) == ["manifests/gone.yaml"]


@pytest.mark.parametrize("text", ["scale", "rollout restart", "delete --cascade=orphan"])
def test_a_sentence_may_name_a_command_alone(text: str) -> None:
    assert is_a_mention(text.split())
    assert not is_a_mention([*text.split(), "e2im", "churn"])
