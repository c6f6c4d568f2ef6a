"""Manifests as they are written: golden files, Yatai's schemas, and no text of a user becomes structure.

After a wanted change: python tests/support/reference.py --write, then read the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import ACCESS, DIGEST, NOON, a_deployment_spec, a_model, an_artifact
from support.golden import FOLDER, golden_manifests

import e2i
from e2i.api import naming, quantities
from e2i.api.artifact import Artifact
from e2i.api.conditions import timestamp
from e2i.api.model import Autoscaling
from e2i.controller.core.render import manifests

GOLDEN = golden_manifests()
OWN_CRDS = Path(e2i.__file__).parent / "local" / "yatai" / "crds"
REAL_CRDS = Path(__file__).resolve().parents[4] / "shared" / "yatai" / "crds"
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_manifest_is_written_as_agreed(name: str) -> None:
    assert yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) == GOLDEN[name]


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(GOLDEN)


@pytest.mark.parametrize("crds", [OWN_CRDS, REAL_CRDS], ids=["stand-in", "real"])
@pytest.mark.parametrize("name", sorted(name for name in GOLDEN if GOLDEN[name]["kind"] != "Service"))
def test_yatai_accepts_what_is_written(name: str, crds: Path) -> None:
    if not crds.is_dir():
        pytest.skip("the real CRDs are not at hand")
    jsonschema_rs.validate(_schema(crds, GOLDEN[name]), GOLDEN[name])


def _schema(crds: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    group, version = manifest["apiVersion"].split("/")
    for path in crds.glob("*.yaml"):
        spec = yaml.load(path.read_text(), yaml.CSafeLoader)["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, manifest["kind"]):
            served = next(item for item in spec["versions"] if item["name"] == version)
            return _closed(served["schema"]["openAPIV3Schema"])
    raise AssertionError(f"no CRD of {manifest['apiVersion']} {manifest['kind']} in {crds}")


def _closed(schema: Any) -> Any:
    """The schema with unknown fields refused: the API server drops them without a word."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict):
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
        if "metadata" in schema["properties"]:
            closed["properties"]["metadata"] = {"type": "object"}
    return closed


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_no_text_becomes_structure(value: str, service: str, uri: str) -> None:
    plain = a_model(env=(("NAME", "x"),))
    hostile = a_model(env=(("NAME", value),))
    artifact = Artifact(tag="a:b", digest=DIGEST, uri=uri, size=1, service=service, bentoml_version=value)
    ordinary = replace(artifact, uri="x", service="x", bentoml_version="x")
    assert list(_paths(_rendered(hostile, artifact))) == list(_paths(_rendered(plain, ordinary)))
    request, deployment = _rendered(hostile, artifact)
    assert deployment["spec"]["envs"] == [{"name": "NAME", "value": value}]
    assert (request["spec"]["serviceName"], request["spec"]["downloadUrl"]) == (service, uri)


@pytest.mark.parametrize(
    "text",
    [
        "{{ name }}",
        "{% raw %}",
        "'\"",
        "a: b\n- c",
        "\u2028",
        "\x85",
        "null",
        "1e3",
        "<!--&-->",
        "\ufeff",
        "=",
        "~",
        "\U0001f600",
        "\\ud83d",
    ],
)
def test_a_value_arrives_as_it_was_written(text: str) -> None:
    _, deployment = _rendered(a_model(env=(("NAME", text),)), an_artifact())
    assert deployment["spec"]["envs"][0]["value"] == text


def test_a_template_has_places_for_values_and_no_conditions() -> None:
    templates = list((Path(e2i.__file__).parent / "controller" / "templates").glob("*/*.j2"))
    assert templates
    assert not [path.name for path in templates if "{%" in path.read_text()]


def _rendered(model: Any, artifact: Artifact) -> list[dict[str, Any]]:
    return [
        manifests.bento_request(model, artifact, ACCESS, "v1"),
        manifests.bento_deployment(model, a_deployment_spec(model, "0b1d77e2", artifact=artifact)),
    ]


def _paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _paths(item, f"{path}[{number}]")
    else:
        yield f"{path}:{type(value).__name__}"


@pytest.mark.parametrize(
    ("kind", "requests", "limits", "expected"),
    [
        pytest.param("Classification", {}, {}, ("500m 1Gi", "2000m 4Gi"), id="nothing said: by kind, limits fourfold"),
        pytest.param("Causal", {}, {}, ("1 2Gi", "4 8Gi"), id="causal models are larger"),
        pytest.param("Regression", {"cpu": "2"}, {}, ("2 1Gi", "8 4Gi"), id="a limit follows a larger request"),
        pytest.param("Regression", {}, {"memory": "256Mi"}, ("500m 256Mi", "2000m 256Mi"),
                     id="a default request is never above a limit"),
        pytest.param("Regression", {"cpu": "1", "memory": "1"}, {"cpu": "1", "memory": "1"}, ("1 1", "1 1"),
                     id="what is said is taken"),
    ],
)  # fmt: skip
def test_resources(
    kind: str, requests: dict[str, str], limits: dict[str, str], expected: tuple[str, str]
) -> None:
    model = a_model(kind=kind, requests=tuple(requests.items()), limits=tuple(limits.items()))
    resources = manifests.bento_deployment(model, a_deployment_spec(model, "0b1d77e2"))["spec"]["resources"]
    written = tuple(
        f"{resources[part]['cpu']} {resources[part]['memory']}" for part in ("requests", "limits")
    )
    assert written == expected


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1m", "3", "700Mi", "9e3", "1Ti"])),
    st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1m", "3", "700Mi", "9e3", "1Ti"])),
)
def test_defaults_never_put_a_request_above_a_limit(requests: dict[str, str], limits: dict[str, str]) -> None:
    said = {name for name in requests if name in limits}
    model = a_model(requests=tuple(requests.items()), limits=tuple(limits.items()))
    resources = manifests.bento_deployment(model, a_deployment_spec(model, "0b1d77e2"))["spec"]["resources"]
    for name in {"cpu", "memory"} - said:
        request, limit = resources["requests"][name], resources["limits"][name]
        assert quantities.value(request) <= quantities.value(limit)


def test_another_attempt_changes_only_an_annotation_that_reaches_no_child() -> None:
    model = a_model()
    first = manifests.bento_deployment(model, a_deployment_spec(model, "0b1d77e2"))
    again = manifests.bento_deployment(model, a_deployment_spec(model, "0b1d77e2", attempt=NOON))
    assert again["spec"].pop("annotations") == {naming.ATTEMPT_ANNOTATION: "2026-11-21T12:00:00Z"}
    assert again == first


def test_one_that_is_edited_in_place_says_when_its_release_was_asked_for() -> None:
    made = manifests.bento_deployment(a_model(), a_deployment_spec(a_model(), "0b1d77e2", asked_at=NOON))
    assert made["metadata"]["annotations"][naming.ASKED_ANNOTATION] == "2026-11-21T12:00:00Z"


def test_a_release_is_written_with_its_own_shape_whatever_the_spec_says_now() -> None:
    before = a_model(env=(("VERSION", "old"),))
    made = manifests.bento_deployment(
        a_model(), a_deployment_spec(before, "0b1d77e2", size=Autoscaling(minimum=2, maximum=3))
    )
    assert made["spec"]["envs"] == [{"name": "VERSION", "value": "old"}]
    assert made["spec"]["autoscaling"] == {"minReplicas": 2, "maxReplicas": 3}


@pytest.mark.parametrize("release", ["0b1d77e2", "9c01aa34"])
def test_a_service_says_whose_it_is_and_since_when(release: str) -> None:
    made = manifests.service(a_model(), release, {naming.MODEL_LABEL: "churn"}, NOON)
    assert made["spec"]["selector"] == {"serving.e2i.dev/model": "churn"}
    assert made["metadata"]["annotations"] == {
        "serving.e2i.dev/switched-at": "2026-11-21T12:00:00Z",
        "serving.e2i.dev/serving-release": release,
    }


@pytest.mark.parametrize(("form", "known"), [("v1", True), ("v99", False), ("", False)])
def test_a_form_is_known_if_this_operator_can_write_it(form: str, known: bool) -> None:
    assert manifests.knows(form) is known
    assert manifests.knows(manifests.CURRENT_TEMPLATE_VERSION)


def test_a_deployment_that_is_patched_loses_no_pod_before_another_is_ready() -> None:
    """By its own strategy Yatai takes up to a quarter of the pods away first."""
    spec = a_deployment_spec(a_model(), "0b1d77e2", patched=True, attempt=NOON)
    made = manifests.bento_deployment(a_model(), spec)
    assert made["spec"]["annotations"] == {
        "serving.e2i.dev/attempted-at": timestamp(NOON),
        "yatai.ai/deployment-strategy": "RampedSlowRollout",
    }
    assert made["metadata"]["annotations"]["serving.e2i.dev/patched"] == "true"
