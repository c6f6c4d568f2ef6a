"""What `e2i conformance` releases, from the manifest of a user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from e2i.conformance import subject
from e2i.conformance.subject import BAD, FIRST, SECOND, ManifestUnusable, Subject

DEMO = Path(subject.__file__).with_name("demo.yaml").read_text()
SAMPLES = Path(__file__).resolve().parents[3] / "manifests" / "samples"


def test_three_releases_differ_in_one_variable_and_the_bad_one_in_what_it_expects() -> None:
    made = [Subject.of_manifest(DEMO).manifest("here", release)["spec"] for release in (FIRST, SECOND, BAD)]
    assert [each.pop("env")[-1]["value"] for each in made] == [FIRST, SECOND, BAD]
    assert made[0] == made[1]
    expected = made[2]["rollout"]["verify"][0].pop("expect")
    assert json.loads(expected["subset"]) == subject.NEVER
    del made[0]["rollout"]["verify"][0]["expect"]
    assert made[0] == made[2]


@pytest.mark.parametrize("sample", ["churn.yaml", "verified.yaml"])
def test_a_manifest_of_ones_own_keeps_what_its_pods_need_and_nothing_of_its_rollout(sample: str) -> None:
    text = (SAMPLES / sample).read_text()
    given = yaml.safe_load(text)["spec"]
    made = Subject.of_manifest(text).manifest("here", replicas=0)
    assert made["spec"]["bento"] == given["bento"]
    assert made["spec"]["resources"] == given["resources"]
    assert made["spec"]["rollout"] == {"verify": given["rollout"]["verify"][:1]}
    assert made["spec"]["replicas"] == 0
    assert made["metadata"] == {"name": "conformance", "namespace": "here"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "not the manifest of one E2IModel"),
        ("spec: {type: Regression}", "not the manifest of one E2IModel"),
        ("spec: {bento: {tag: 'a:1'}}", "has no entry with path and body below spec.rollout.verify"),
        ("spec: [", "not the manifest of one E2IModel"),
    ],
)
def test_a_manifest_that_cannot_be_asked_is_refused_with_the_next_step(text: str, said: str) -> None:
    with pytest.raises(ManifestUnusable, match=said):
        Subject.of_manifest(text)
