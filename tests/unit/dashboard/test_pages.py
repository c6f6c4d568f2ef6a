"""The pages of `kubectl e2i dashboard`: what is in them, in which order, and that no text becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, churn, failure, told

from e2i.dashboard.pages import error_page, model_page, overview
from e2i.dashboard.view import detail_of, rows

READ_AT = "2026-11-30T12:00:00Z"


def named(name: str, **changes: Any) -> dict[str, Any]:
    return churn(metadata={"name": name}, **changes)


def broken(name: str = "broken") -> dict[str, Any]:
    """A model whose new release is in quarantine while the old one serves."""
    evidence = {
        "pod": "p-1",
        "container": "main",
        "exitCode": 137,
        "log": "Killed",
        "http": "POST /predict -> 200",
    }
    return named(
        name,
        conditions=[
            told("Ready", "False", "RolledBack", "release failed"),
            told("Reconciling", "False", "Idle"),
        ],
        failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST, evidence=evidence)],
    )


class Outline(HTMLParser):
    """The open elements at the end, and the rows of tables, links and headings on the way."""

    VOID = frozenset(("meta", "input", "br", "link"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.labels: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.add(str(values["id"]))
        if tag == "label":
            self.labels.add(str(values.get("for")))
        if tag == "a":
            self.links.append(str(values.get("href")))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


def test_models_that_need_a_person_come_first() -> None:
    waiting = named(
        "waiting", conditions=[told("Ready", "False", "Building"), told("Reconciling", "True", "Building")]
    )
    found = rows([named("fine"), waiting, broken()])
    assert [(row.name, row.state) for row in found] == [
        ("broken", "needs action"),
        ("waiting", "in progress"),
        ("fine", "ready"),
    ]


def test_a_search_finds_names_bentos_and_reasons() -> None:
    models = [named("fine"), broken()]
    assert [row.name for row in rows(models, "FINE")] == ["fine"]
    assert [row.name for row in rows(models, "rolledback")] == ["broken"]
    assert len(rows(models, NEW_TAG)) == 2
    assert "1 of 2 models in all namespaces" in overview(models, "all namespaces", "fine", READ_AT)


def test_the_page_of_a_failure_has_its_evidence_and_the_command_that_tries_again() -> None:
    text = model_page(broken(), READ_AT)
    for part in (
        "VerificationFailed",
        "Killed",
        "exit code 137",
        "POST /predict",
        "kubectl e2i retry broken -n",
    ):
        assert part in text, part


def test_only_commands_that_fit_the_state_are_offered() -> None:
    commands = [step.command.split()[2] for step in detail_of(named("fine", history=[])).steps]
    assert commands == ["status"]
    assert "undo" in [step.command.split()[2] for step in detail_of(named("fine")).steps]
    canary = named("canary", rollout={"release": NEW, "weight": 20, "actualWeight": 25}, history=[])
    assert [step.command.split()[2] for step in detail_of(canary).steps] == ["status", "promote", "pause"]
    assert "20 % of the requests" in model_page(canary, READ_AT)


def test_a_model_that_the_operator_has_not_seen_says_so() -> None:
    new = churn(metadata={"generation": 7})
    (row,) = rows([new])
    assert (row.reason, row.state) == ("NotSeenYet", "in progress")


def test_a_model_without_status_has_a_page() -> None:
    model = churn()
    del model["status"]
    assert "No release has served or failed yet" in model_page(model, READ_AT)


def test_text_of_others_never_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    model = broken()
    model["status"]["conditions"][0]["message"] = evil
    model["status"]["failedReleases"][0]["evidence"]["log"] = evil
    for text in (
        model_page(model, READ_AT),
        overview([model], evil, evil, READ_AT),
        error_page(evil, evil, READ_AT),
    ):
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_each_page_is_well_formed_and_its_fields_have_labels() -> None:
    for text in (
        overview([broken()], "here", "", READ_AT),
        model_page(broken(), READ_AT),
        error_page("a", "b", READ_AT),
    ):
        outline = Outline(text)
        assert outline.open == []
        assert outline.ids == outline.labels


def test_the_list_leads_to_the_page_of_each_model() -> None:
    assert "/models/models/broken" in Outline(overview([broken()], "here", "", READ_AT)).links
