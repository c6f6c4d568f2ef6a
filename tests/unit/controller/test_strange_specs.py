"""Specs of strangers: whatever stands in one, what is rendered of it asks for what a BentoDeployment may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import an_artifact
from support.deep import examples
from support.golden import PLACED
from support.mutations import mutated, seeded
from support.pod_fields import ASKING

from e2i.api import naming, pod_annotations
from e2i.api.fields import FieldInvalid
from e2i.api.model_body import parse_model
from e2i.controller.core.render.manifests import (
    CURRENT_TEMPLATE_VERSION,
    DeploymentSpec,
    bento_deployment,
)

DIGEST = "sha256:" + "9f" * 32
SPEC: dict[str, Any] = {
    "type": "Classification",
    "bento": {"tag": "churn:1.0.0"},
    "resources": {"requests": {"cpu": "1", "nvidia.com/gpu": 1}},
    **PLACED,
    **ASKING,
}
BODY = {"metadata": {"namespace": "models", "name": "churn", "uid": "uid-1", "generation": 1}, "spec": SPEC}
FIELDS = {
    "bento",
    "autoscaling",
    "resources",
    "envs",
    "labels",
    "annotations",
    "extraPodMetadata",
    "extraPodSpec",
}
OF_PODS = {"nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "serviceAccountName"}
WORDS = {"env": 5, "env-from": 4, "volumes": 4, "volume-mounts": 4, "image-pull-secrets": 1}
"""Words of a line of each annotation that is a list."""
ITEMS = {"env-from": "envFrom", "volumes": "volumes", "volume-mounts": "volumeMounts"}
PROBE_WORDS = 9 - 1
LONGEST = 1.0


@settings(max_examples=examples(200))
@given(seed=st.integers(0, 2**32))
def test_what_is_rendered_of_any_spec_asks_for_no_more(seed: int) -> None:
    dice = seeded(seed)
    body, begun = spiked(mutated(BODY, dice), dice), time.process_time()
    try:
        model = parse_model(body)
    except FieldInvalid:
        return
    if model.invalid:
        return
    release = naming.release_of(model, DIGEST)
    chosen = DeploymentSpec(
        release=release,
        name=naming.release_name(model.name, release),
        artifact=an_artifact(),
        shape=model.shape,
        size=model.autoscaling,
        template_version=CURRENT_TEMPLATE_VERSION,
    )
    manifest = bento_deployment(model, chosen)
    assert time.process_time() - begun < LONGEST
    spec = manifest["spec"]
    assert set(spec) <= FIELDS
    assert set(spec.get("extraPodSpec", {})) <= OF_PODS
    assert spec["labels"] == spec["extraPodMetadata"]["labels"] == naming.pod_labels(model.name, release)
    assert set(spec.get("annotations", {})) <= {naming.ATTEMPT_ANNOTATION}
    for name, text in spec["extraPodMetadata"].get("annotations", {}).items():
        _check(name.removeprefix(pod_annotations.PREFIX), text, body["spec"])


def spiked(body: dict[str, Any], dice: Random) -> dict[str, Any]:
    """Put into one of the texts what would begin another word or line."""
    texts = list(_texts(body))
    if texts:
        inside, key = dice.choice(texts)
        inside[key] = dice.choice(("{} b", "{}\nenv Secret other key false", " {}", "{}\t")).format(
            inside[key]
        )
    return body


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where the texts stand, not too deep: some are nested on purpose."""
    open_places = [(value, 0)]
    while open_places:
        inside, depth = open_places.pop()
        items = (
            inside.items()
            if isinstance(inside, dict)
            else enumerate(inside)
            if isinstance(inside, list)
            else ()
        )
        for key, item in items:
            if isinstance(item, str):
                yield inside, key
            elif depth < 6:
                open_places.append((item, depth + 1))


def _check(name: str, text: str, spec: dict[str, Any]) -> None:
    """No text of a spec begins another line or another word: the policy would give pods what nobody wrote."""
    lines = [line.split(" ") for line in text.split("\n")]
    if name.endswith("-probe"):
        assert [len(words) for words in lines] == [PROBE_WORDS]
    elif name in WORDS:
        assert {len(words) for words in lines} == {WORDS[name]}
    else:
        assert len(lines) == len(lines[0]) == 1
    if name in ITEMS:
        assert len(lines) == len(spec[ITEMS[name]])
    if name == "volumes":
        assert {words[1] for words in lines} <= {"secret", "configMap", "persistentVolumeClaim", "emptyDir"}
