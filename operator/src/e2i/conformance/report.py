"""The report: what each check saw, as JSON and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}


@dataclass(frozen=True)
class Result:
    """One check: `promise` is what it proves, `seen` what was seen, or why it failed or was left out."""

    name: str
    promise: str
    outcome: Outcome
    seen: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run of the suite."""

    e2i: str
    kubernetes: str
    subject: str
    """What was released."""
    started: str
    results: tuple[Result, ...]

    @property
    def conforms(self) -> bool:
        """Whether no check failed, and at least one passed."""
        outcomes = {each.outcome for each in self.results}
        return Outcome.PASSED in outcomes and Outcome.FAILED not in outcomes

    @property
    def summary(self) -> str:
        """Return the numbers of checks: 9 passed, 0 failed, 1 skipped"""
        counted = [(outcome, [each.outcome for each in self.results].count(outcome)) for outcome in Outcome]
        return ", ".join(f"{count} {outcome}" for outcome, count in counted)

    def document(self) -> Mapping[str, Any]:
        """Return it as a value for JSON."""
        return {
            "e2i": self.e2i,
            "kubernetes": self.kubernetes,
            "subject": self.subject,
            "started": self.started,
            "conforms": self.conforms,
            "summary": self.summary,
            "checks": [
                {
                    "name": each.name,
                    "promise": each.promise,
                    "outcome": each.outcome.value,
                    "seen": each.seen,
                    "seconds": round(each.seconds, 1),
                }
                for each in self.results
            ],
        }

    def markdown(self) -> str:
        """Return it as a page."""
        rows = (
            f"| {each.promise} | {MARKS[each.outcome]} | {_cell(each.seen)} | {each.seconds:.1f} s |"
            for each in self.results
        )
        return "\n".join(
            (
                "# Conformance of e2i",
                "",
                f"e2i {self.e2i} on Kubernetes {self.kubernetes}, {self.started}, with {_cell(self.subject)}.",
                f"**{self.summary}**",
                "",
                "| Promise | Result | Seen | Time |",
                "|---|---|---|---|",
                *rows,
                "",
            )
        )


def _cell(text: str) -> str:
    """Return text of a cluster as one cell: nothing in it begins a new cell, a line or a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
