"""The house itself: what may not be where, and pages that are made from the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support import reference

from e2i.controller.core.rules.table import RULES
from e2i.controller.settings import read_settings

PROJECT = Path(__file__).resolve().parents[3]
SOURCE = PROJECT / "operator" / "src" / "e2i"
MODULES = sorted(SOURCE.rglob("*.py"))
LONGEST_MODULE = 250
LONGEST_FUNCTION = 40
PAGES = reference.pages()


def test_the_folder_operator_is_no_package() -> None:
    """It would take the place of the standard library's `operator`."""
    assert not list((PROJECT / "operator").glob("*.py"))


def test_the_core_is_imported_without_anything_that_touches_the_world() -> None:
    decisions = ", ".join(f"e2i.controller.core.{name}" for name in ("plan", "parse", "status.report"))
    outside = ("kopf", "kubernetes", "boto3", "aiohttp", "bentoml")
    code = f"import sys, {decisions}; print([name for name in {outside} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_operator_runs_without_what_only_others_need() -> None:
    """Each would stay in its memory: the client package, and JSON paths for golden predictions."""
    heavy = ("kubernetes", "requests", "google.auth", "pydantic", "jsonpath", "opentelemetry")
    begin = "import sys; from e2i.controller.__main__ import kopf_command; kopf_command()"
    code = f"{begin}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE
    assert path.stem not in {"utils", "helpers", "common", "manager"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_function_is_short_enough_to_be_read(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [each.name for each in functions if _lines(each) > LONGEST_FUNCTION] == []


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        assert ast.get_docstring(ast.parse(text))


def test_every_rule_is_a_named_situation() -> None:
    names = [rule.__name__ for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_an_archive_is_unpacked_on_the_oldest_python_too(path: Path) -> None:
    """Python 3.11.0 to 3.11.3, as in Debian 12, have no argument `filter`. The attribute is for all."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    unpacking = [
        call for call in calls if ast.unparse(call.func).endswith((".extractall", ".unpack_archive"))
    ]
    assert not [
        ast.unparse(call) for call in unpacking if any(word.arg == "filter" for word in call.keywords)
    ]


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.name)
def test_a_page_says_what_the_code_says(path: Path) -> None:
    """If not: python tests/support/reference.py --write"""
    assert path.read_text() == PAGES[path]


def test_no_function_is_left_that_nobody_names() -> None:
    texts = [
        file.read_text() for folder in (SOURCE.parent, PROJECT / "bentos") for file in folder.rglob("*.py")
    ]
    texts += [file.read_text() for file in (PROJECT / "docs").rglob("*.md")]
    named = Counter(word for text in texts for word in re.findall(r"\w+", text))
    left = [
        f"{file.relative_to(SOURCE)}: {node.name}"
        for file in SOURCE.rglob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and named[node.name] == 1
        and not node.decorator_list
    ]
    assert left == []


@pytest.mark.parametrize(
    ("product", "page"), [("controller", reference.settings_page()), ("gateway", reference.gateway_page())]
)
def test_every_setting_is_on_its_page(product: str, page: str) -> None:
    variables = set(re.findall(r'"((?:E2I|AWS)_[A-Z_]+)"', (SOURCE / product / "settings.py").read_text()))
    assert {name for name in variables if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    ("name", "default"), [(name, default) for name, default, _ in reference.settings() if default != "none"]
)
def test_a_default_of_the_page_can_be_written_into_the_environment(name: str, default: str) -> None:
    written = {"empty": ""}.get(shown := reference.as_written(default), shown.strip("`"))
    given = {"E2I_BUCKET": "models"}
    assert read_settings({**given, name: written}) == read_settings(given)
