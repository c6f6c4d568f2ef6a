"""Fields of pods in the template of Yatai's Deployment: the same that the policy gives, if Yatai leaves them there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from e2i.api import pod_annotations, pod_fields
from e2i.api.fields import Fields
from e2i.api.model import Rollout, Shape, Strategy
from e2i.controller.core.render.pod_template import (
    address_labels,
    lacks_fields,
    patched_deployment,
    unheld,
)


def written(**spec: Any) -> str:
    return pod_fields.encode(Fields(spec, "spec"))


def template(*, is_runner: bool = False, **spec: Any) -> Any:
    asked = pod_annotations.policy_annotations(written(**spec))
    return patched_deployment("models", "churn-0b1d77e2", asked, is_runner=is_runner)["spec"]["template"]


def reference(name: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "db", "key": name.lower()}}}


def test_what_yatai_writes_is_left_out_of_its_probes() -> None:
    made = template(probes={"startup": {}, "readiness": {"periodSeconds": 2}, "liveness": {}})
    (main,) = made["spec"]["containers"]
    assert main["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "http", "scheme": "HTTP"}
    assert main["readinessProbe"] == {"periodSeconds": 2, "successThreshold": 1}
    assert main["livenessProbe"] == {"periodSeconds": 10, "successThreshold": 1}


def test_the_runner_of_an_old_style_bento_gets_no_probes() -> None:
    (main,) = template(is_runner=True, probes={"startup": {}}, env=[reference("A")])["spec"]["containers"]
    assert set(main) == {"name", "env"}


def test_variables_keep_their_order() -> None:
    (main,) = template(env=[reference("A"), reference("B")])["spec"]["containers"]
    assert [each["name"] for each in main["env"]] == ["A", "B"]


def test_its_pods_are_marked_for_the_operator_and_for_the_address() -> None:
    made = template(terminationGracePeriodSeconds=0)
    assert (
        made["metadata"]["annotations"] == made["metadata"]["labels"] == {pod_annotations.GIVEN: "Deployment"}
    )
    assert made["metadata"]["labels"].items() <= address_labels("churn", "0b1d77e2", patched=True).items()
    assert not pod_annotations.is_bare(made["metadata"]["annotations"])
    assert made["spec"]["terminationGracePeriodSeconds"] == 0


EVERYTHING: dict[str, Any] = {
    "env": [reference("A")],
    "envFrom": [{"secretRef": {"name": "all"}}],
    "probes": {"startup": {}, "readiness": {"periodSeconds": 2}},
    "volumes": [{"name": "w", "emptyDir": {"sizeLimit": "1024Mi"}}],
    "volumeMounts": [{"name": "w", "mountPath": "/w"}],
    "terminationGracePeriodSeconds": 0,
    "enableServiceLinks": False,
}


def stored(**spec: Any) -> Any:
    """The template as the API server stores it: with defaults, without zeros, sizes in another unit."""
    made = copy.deepcopy(template(**spec))
    made["metadata"]["annotations"] |= pod_annotations.policy_annotations(written(**spec))
    (main,) = made["spec"]["containers"]
    main |= {"image": "model", "env": [{"name": "PORT", "value": "3000"}, *main.get("env", [])]}
    if "startupProbe" in main:
        del main["startupProbe"]["initialDelaySeconds"]
    for mount in main.get("volumeMounts", []):
        del mount["readOnly"]
    for volume in made["spec"].get("volumes", []):
        volume["emptyDir"]["sizeLimit"] = "1Gi"
    made["spec"]["containers"].append({"name": "proxy"})
    made["spec"]["restartPolicy"] = "Always"
    return made


def test_a_template_with_all_that_it_asks_for_lacks_nothing() -> None:
    assert not lacks_fields(stored(**EVERYTHING), is_runner=False)


def main_of(made: Any) -> Any:
    return made["spec"]["containers"][0]


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(lambda made: main_of(made)["env"].pop(), id="a variable"),
        pytest.param(
            lambda made: main_of(made)["env"][1]["valueFrom"]["secretKeyRef"].update(name="x"),
            id="its Secret",
        ),
        pytest.param(lambda made: main_of(made).pop("envFrom"), id="envFrom"),
        pytest.param(lambda made: main_of(made).pop("startupProbe"), id="a probe"),
        pytest.param(
            lambda made: main_of(made)["readinessProbe"].update(periodSeconds=9), id="a number of a probe"
        ),
        pytest.param(lambda made: main_of(made)["volumeMounts"].clear(), id="a mount"),
        pytest.param(lambda made: made["spec"]["volumes"][0]["emptyDir"].clear(), id="the size of a volume"),
        pytest.param(lambda made: made["spec"].pop("volumes"), id="all volumes"),
        pytest.param(
            lambda made: made["spec"].update(terminationGracePeriodSeconds=30), id="the grace period"
        ),
        pytest.param(lambda made: made["spec"].update(enableServiceLinks=True), id="service links"),
        pytest.param(lambda made: made["spec"].update(containers=[]), id="the container"),
        pytest.param(lambda made: made.pop("spec"), id="everything"),
    ],
)
def test_one_field_that_somebody_took_out_or_changed_is_missed(take: Callable[[Any], object]) -> None:
    made = stored(**EVERYTHING)
    take(made)
    assert lacks_fields(made, is_runner=False)


def test_a_template_without_the_operators_mark_is_not_compared() -> None:
    made = stored(env=[reference("A")])
    made["metadata"]["annotations"][pod_annotations.GIVEN] = "policy"
    made["spec"]["containers"] = []
    assert not lacks_fields(made, is_runner=False)


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": None}, {"metadata": {"annotations": []}}, {"metadata": "x"}]
)
def test_a_strange_template_lacks_nothing(odd: Any) -> None:
    assert not lacks_fields(odd, is_runner=False)


def test_annotations_that_were_changed_are_named_when_they_are_written() -> None:
    made = stored(env=[reference("A")])
    made["metadata"]["annotations"][f"{pod_annotations.PREFIX}env"] = "too few words"
    assert not lacks_fields(made, is_runner=False)


def test_a_runner_has_no_probes_to_lack() -> None:
    made = stored(probes={"startup": {}})
    del main_of(made)["startupProbe"]
    assert lacks_fields(made, is_runner=False)
    assert not lacks_fields(made, is_runner=True)


def shape(plain: tuple[tuple[str, str], ...] = (), **spec: Any) -> Shape:
    return Shape(type="Classification", env=plain, pod=written(**spec))


@pytest.mark.parametrize(
    ("asked", "prefix", "strategy", "expected"),
    [
        pytest.param(shape(), "", "InPlace", (), id="nothing is asked for"),
        pytest.param(shape(probes={"startup": {"httpGet": {"path": "/x"}}}), "", "BlueGreen", (), id="a startup probe"),
        pytest.param(
            shape(probes={"readiness": {"httpGet": {"path": "/readyz"}, "initialDelaySeconds": 5, "periodSeconds": 1}}),
            "", "BlueGreen", (), id="values that Yatai has itself",
        ),
        pytest.param(
            shape(probes={"readiness": {"failureThreshold": 3, "initialDelaySeconds": 0}}), "", "BlueGreen",
            ("spec.probes.readiness (initialDelaySeconds, failureThreshold)",), id="values that Yatai writes",
        ),
        pytest.param(
            shape(), "/v1", "BlueGreen",
            ("spec.probes.readiness (httpGet.path)", "spec.probes.liveness (httpGet.path)"), id="a path_prefix",
        ),
        pytest.param(
            shape((("A", "$(B)"), ("C", "$(D) $$(X)")), env=[reference("D")]), "", "BlueGreen",
            ("spec.env[] C, which refers to $(D)",), id="a variable before the one that it refers to",
        ),
        pytest.param(
            shape(env=[reference("D")]), "", "Canary",
            ("spec.rollout.strategy Canary together with fields of the pods",), id="an address for all pods",
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_named(
    asked: Shape, prefix: str, strategy: str, expected: tuple[str, ...]
) -> None:
    assert unheld(asked, prefix, Rollout(strategy=Strategy(strategy))) == expected
