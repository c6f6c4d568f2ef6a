"""Sentences of the code: a verb, the thing, the condition, in words that a reader knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "operator" / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
LITERARY = re.compile(
    r"\b(anew|told|tells of|at last|but for|is to be had|the same of|thrice|whom)\b", re.IGNORECASE
)
OPENING = re.compile(r"(What|Told|The same)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_docstrings_and_messages_use_plain_words(path: Path) -> None:
    assert list(literary(path.read_text())) == []


def literary(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and (found := LITERARY.search(node.value))
        ):
            yield f"line {node.lineno}: {found[0]}"
        if isinstance(node, DOCUMENTED) and OPENING.match(ast.get_docstring(node) or ""):
            yield f"a docstring opens with a question: {ast.get_docstring(node)}"


def test_a_literary_word_and_a_docstring_that_opens_with_what_are_found() -> None:
    code = '"""What it is."""\nsentence = "built anew"\n'
    assert list(literary(code)) == ["a docstring opens with a question: What it is.", "line 2: anew"]
