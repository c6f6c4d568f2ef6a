"""docs/architecture.md and CONTRIBUTING.md name what is there, and leave no room out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2i.controller.core.rules.table import RULES

PROJECT = Path(__file__).resolve().parents[3]
SOURCES = PROJECT / "operator" / "src"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
FOLDERS = ("charts", "docs", "kustomize", "manifests", "operator", "tests")
PAGES = [
    page for page in sorted((PROJECT / "docs").rglob("*.md")) if "decisions" not in page.parts
]  # Decisions tell of their day.
BASES = (PROJECT, SOURCES / "e2i", SOURCES)
CODE = re.compile(r"`([^`\n]+)`")
A_PATH = re.compile(r"[a-z0-9_.-]+(/[A-Za-z0-9_.*-]+)*/?(\.(py|md|yaml|toml|j2))?")


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_a_document_names_is_there(name: str) -> None:
    assert [path for path in paths_in(PROJECT / name) if not is_there(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_path_of_the_project_that_a_page_names_is_there(page: Path) -> None:
    named = (path for path in paths_in(page) if path.partition("/")[0] in FOLDERS)
    assert [path for path in named if not is_there(path)] == []


def test_every_package_is_mentioned() -> None:
    text = ARCHITECTURE.read_text()
    assert [package for package in packages() if f"{package}/" not in text] == []


def test_every_rule_stands_in_a_module_that_is_named_with_what_it_does() -> None:
    modules = {rule.__module__.rpartition(".")[2] for rule in RULES}
    assert [name for name in sorted(modules) if f"\n| `{name}` | " not in ARCHITECTURE.read_text()] == []


def test_a_path_that_is_missing_is_found_out() -> None:
    assert is_there("controller/core/rules/table.py")
    assert not is_there("controller/core/no_such_file.py")


def paths_in(document: Path) -> list[str]:
    """Return what `document` names as code and looks like a file or a folder."""
    named = CODE.findall(document.read_text())
    return [text for text in named if "/" in text and A_PATH.fullmatch(text)]


def is_there(path: str) -> bool:
    return any(next(iter(base.glob(path.rstrip("/"))), None) for base in BASES)


def packages() -> list[str]:
    """Return every folder with modules, as architecture.md names it: from the room on, `controller/core/rules`."""
    folders = {file.parent.relative_to(SOURCES) for file in SOURCES.rglob("*.py")}
    names = {str(folder).removeprefix("e2i/") for folder in folders} - {"e2i"}
    # What Python reads at its start inside of a pod is one file with a fixed name.
    return sorted(name for name in names if not name.endswith("podnetwork"))
