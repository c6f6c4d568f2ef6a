"""The page of benchmarks: a section that is measured again replaces itself and its goals, and nothing else."""

from __future__ import annotations

from benchmarks.goals import Goal, Report
from benchmarks.page import merged

BURST = Report(
    "1000 at once.", [Goal("a rate", "0.9 of it", reached=True), Goal("a wait", "1 s", reached=False)]
)
LATENCY = Report("One at a time.", [Goal("p50", "1.2 times", reached=True)])


def test_page_has_goals_first_and_sections_in_their_order() -> None:
    page = merged(merged("", "burst", BURST), "latency", LATENCY)
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## Goals", "## From a model to its children", "## Many models at once"]
    assert _goals(page) == [
        "| latency | p50 | 1.2 times | yes |",
        "| burst | a rate | 0.9 of it | yes |",
        "| burst | a wait | 1 s | **no** |",
    ]


def test_section_that_is_measured_again_replaces_its_own_text_and_goals() -> None:
    page = merged(merged("", "burst", BURST), "latency", LATENCY)
    again = merged(page, "burst", Report("Again.", [Goal("a rate", "1.1 of it", reached=True)]))
    assert "1000 at once." not in again
    assert "One at a time." in again
    assert _goals(again) == ["| latency | p50 | 1.2 times | yes |", "| burst | a rate | 1.1 of it | yes |"]
    assert merged(again, "burst", Report("Again.", [Goal("a rate", "1.1 of it", reached=True)])) == again


def test_section_that_is_no_longer_measured_leaves_the_page() -> None:
    page = merged("", "burst", BURST) + "\n## Stages of a handler\n\nOld figures.\n"
    assert "Old figures" not in merged(page, "latency", LATENCY)


def _goals(page: str) -> list[str]:
    rows = page.split("## Goals")[1].split("## ")[0].splitlines()
    return [line for line in rows if line.startswith(("| latency", "| burst"))]
