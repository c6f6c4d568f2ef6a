"""The lines that the operator's code writes at INFO or above, read from the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "operator" / "src" / "e2i"
ROOMS = ("controller", "kube", "archive", "api")
LEVELS = {"info": "info", "warning": "warn", "error": "error", "exception": "error", "critical": "fatal"}
"""Methods of a logger, and the level as the field `severity` of a JSON line has it."""
GIVEN = {"logging.INFO": "info", "logging.WARNING": "warn"}
CHOSEN = {"transition_log.py": "info or warn", "log_context.py": "as asked"}
"""Modules that choose the level of `logger.log` while they run."""


def lines() -> set[tuple[str, str]]:
    """Every line as the code has it, with its level: ("%s/%s: the pass failed", "error")."""
    found: set[tuple[str, str]] = set()
    for room in ROOMS:
        for file in sorted((SOURCE / room).rglob("*.py")):
            found.update(_lines_of(file))
    return found


def _lines_of(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if ast.unparse(node.func) == "self._log" or (
            # The one inside of it passes on what it was given.
            _is_logger(node.func.value) and node.func.attr == "log" and not isinstance(node.args[1], ast.Name)
        ):
            yield _text(node.args[1]), GIVEN.get(ast.unparse(node.args[0])) or CHOSEN[file.name]
        elif _is_logger(node.func.value) and node.func.attr in LEVELS:
            yield _text(node.args[0]), LEVELS[node.func.attr]


def _is_logger(value: ast.expr) -> bool:
    named = isinstance(value, ast.Name) and value.id == "logger"
    asked = isinstance(value, ast.Call) and ast.unparse(value.func) == "logging.getLogger"
    return named or asked


def _text(node: ast.expr) -> str:
    """The template; a line must have one, so that it can be looked up."""
    assert isinstance(node, ast.Constant), f"line {node.lineno}: the log line is no text: {ast.unparse(node)}"
    return str(node.value)
