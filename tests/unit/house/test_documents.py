"""Documents lead somewhere: every relative link is to a file that is there, and every heading it names too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
FOLDERS = ("docs", "bentos", "operator", "manifests", "charts", "kustomize")
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(file for folder in FOLDERS for file in (PROJECT / folder).rglob("*.md"))]
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    lost = [link for link in LINK.findall(document.read_text()) if not leads_somewhere(document, link)]
    assert lost == []


def test_the_index_names_every_page() -> None:
    index = (PROJECT / "docs" / "index.md").read_text()
    pages = [*(PROJECT / "docs").rglob("*.md")]
    names = {str(page.relative_to(PROJECT / "docs")) for page in pages if page.parent.name != "decisions"}
    assert {name for name in names - {"index.md"} if f"]({name})" not in index} == set()


def leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not anchor or target.suffix != ".md":
        return target.exists()
    return target.exists() and anchor in anchors(target)


def anchors(document: Path) -> set[str]:
    """Of a document's headings, as GitHub and GitLab make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(document.read_text())
    }
