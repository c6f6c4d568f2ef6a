"""The report of `e2i conformance`."""

from __future__ import annotations

from e2i.conformance.report import Outcome, Report, Result


def report(*outcomes: Outcome, seen: str = "it answers") -> Report:
    results = tuple(Result(f"check-{n}", "A promise", each, seen, 1.25) for n, each in enumerate(outcomes))
    return Report(
        e2i="0.1.0", kubernetes="v1.36.3", subject="churn:1", started="2026-11-30T12:00:00Z", results=results
    )


def test_a_place_conforms_if_nothing_failed_and_something_was_shown() -> None:
    assert report(Outcome.PASSED, Outcome.SKIPPED).conforms
    assert not report(Outcome.PASSED, Outcome.FAILED).conforms
    assert not report(Outcome.SKIPPED).conforms


def test_the_document_has_each_check_with_what_was_seen() -> None:
    told = report(Outcome.PASSED, Outcome.FAILED).document()
    assert (told["conforms"], told["summary"]) == (False, "1 passed, 1 failed, 0 skipped")
    assert told["checks"][1] == {
        "name": "check-1",
        "promise": "A promise",
        "outcome": "failed",
        "seen": "it answers",
        "seconds": 1.2,
    }


def test_a_message_of_the_cluster_stays_in_its_cell() -> None:
    page = report(Outcome.FAILED, seen="a | b\n| <script> `x`").markdown()
    (row,) = (line for line in page.splitlines() if line.startswith("| A promise"))
    assert row == "| A promise | FAILED | a \\| b \\| &lt;script> 'x' | 1.2 s |"
