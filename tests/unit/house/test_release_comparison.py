"""What a comparison of two public surfaces finds, and what a changelog says of it."""

from __future__ import annotations

from typing import Any

import pytest
from support.release import changelog, version
from support.release.comparison import breaks, parents, unannounced

SPEC = {
    "spec": {"type": "object"},
    "spec.type": {"type": "string", "values": ["Classification", "Regression"], "required": True},
    "spec.replicas": {"type": "integer", "least": 0, "most": 100, "default": "1"},
    "spec.env": {"type": "array", "most": 10},
    "spec.env[].name": {"type": "string"},
}


def found(now: dict[str, Any], before: dict[str, Any] = SPEC) -> list[str]:
    return [f"{each.name} {each.what}" for each in breaks({"fields": before}, {"fields": now})]


def changed(name: str, **facts: Any) -> dict[str, Any]:
    return {**SPEC, name: {**SPEC[name], **facts}}


def test_the_same_surface_breaks_nothing() -> None:
    assert found(SPEC) == []


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({**SPEC, "spec.probes": {"type": "object"}}, id="a new field"),
        pytest.param(changed("spec.type", values=["Regression", "Classification", "Causal"]), id="one value more"),
        pytest.param(changed("spec.type", required=False), id="what must be given may be left out"),
        pytest.param(changed("spec.replicas", most=1000), id="a higher upper bound"),
        pytest.param(changed("spec.replicas", most=None), id="no upper bound"),
        pytest.param(changed("spec.replicas", least=-1), id="a lower lower bound"),
        pytest.param(
            {**SPEC, "spec.probes": {}, "spec.probes.path": {"required": True}},
            id="a required field in an object that is new",
        ),
        pytest.param(
            {**changed("spec", refuses=["!has(self.probes) || self.replicas > 0"]), "spec.probes": {}},
            id="a rule about a field that is new",
        ),
    ],
)  # fmt: skip
def test_what_leaves_all_that_was_possible_breaks_nothing(now: dict[str, Any]) -> None:
    assert found(now) == []


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (changed("spec.type", values=["Regression"]), "spec.type takes Classification no longer"),
        (changed("spec.replicas", values=[1, 2]), "spec.replicas takes only 1, 2 now"),
        (changed("spec.replicas", required=True), "spec.replicas must be given now"),
        (changed("spec.replicas", most=50), "spec.replicas has another most: 50 instead of 100"),
        (changed("spec.replicas", least=1), "spec.replicas has another least: 1 instead of 0"),
        (changed("spec.replicas", default="2"), "spec.replicas has another default: 2 instead of 1"),
        (changed("spec.replicas", default=None), "spec.replicas has another default: none instead of 1"),
        (changed("spec.env[].name", most=63), "spec.env[].name has another most: 63 instead of none"),
        (changed("spec.env[].name", type="integer"), "spec.env[].name has another type: integer instead of string"),
        (
            changed("spec", refuses=["!has(self.env) || self.replicas > 0"]),
            "spec is refused by a new rule: !has(self.env) || self.replicas > 0",
        ),
        ({**SPEC, "spec.owner": {"required": True}}, "spec.owner is new and must be given"),
    ],
)  # fmt: skip
def test_a_change_that_a_user_has_to_know(now: dict[str, Any], sentence: str) -> None:
    assert found(now) == [sentence]


def test_what_is_gone_is_said_once_with_all_its_parts() -> None:
    now = {name: facts for name, facts in SPEC.items() if not name.startswith("spec.env")}
    assert found(now) == ["spec.env is gone"]


def test_a_whole_kind_of_names_that_is_gone_is_said_name_by_name() -> None:
    before = {"reasons": {"Ready": {}, "Parked": {}}}
    assert [each.name for each in breaks(before, {})] == ["Ready", "Parked"]


def test_parents_of_fields_and_of_options() -> None:
    assert [*parents("spec.env[].name")] == ["spec.env", "spec"]
    assert [*parents("kubectl e2i plan --file")] == ["kubectl e2i plan", "kubectl e2i", "kubectl"]
    assert [*parents("E2I_WORKERS")] == []


TEXT = """# Changes

Words.

## Unreleased

- A new field `spec.probes`.
- **Changed:** `spec.env` is gone. A sentence that
  goes on.

## 0.2.0 - 2026-12-01

### Changed

- `spec.replicas` begins with 2.

### Added

- `spec.type`.

## 0.1.0 - 2026-11-30

### Removed

- `spec.old`.
"""


def test_breaks_are_announced_by_their_names_in_what_changed_since_the_release() -> None:
    there = breaks({"fields": {"spec.env": {}, "spec.type": {}}}, {"fields": {}})
    assert [each.name for each in unannounced(there, changelog.announced(TEXT, "0.1.0"))] == ["spec.type"]


def test_only_what_came_after_the_release_announces() -> None:
    assert "`spec.replicas`" in changelog.announced(TEXT, "0.1.0")
    assert "`spec.replicas`" not in changelog.announced(TEXT, "0.2.0")
    assert "`spec.old`" not in changelog.announced(TEXT, "0.1.0")
    assert "goes on." in changelog.announced(TEXT, "0.2.0")


def test_a_release_sorts_what_was_unreleased_and_leaves_the_rest() -> None:
    made = changelog.cut(TEXT, "0.3.0", "2026-12-02")
    first, section, *rest = changelog.sections(made)
    assert first.entries == []
    assert section.version == "0.3.0"
    assert [part for part, _ in section.entries] == ["Changed", "Added"]
    assert section.entries[0][1].endswith("\n  goes on.")
    assert rest == changelog.sections(TEXT)[1:]
    assert changelog.announced(made, "0.1.0") == changelog.announced(TEXT, "0.1.0")


def test_versions_are_compared_by_their_numbers() -> None:
    assert version.order("0.10.0") > version.order("0.9.3")
    assert version.order("0.2.0-dev0") > version.order("0.1.9")
    assert version.is_release("0.2.0")
    assert not version.is_release("0.2.0-dev0")
