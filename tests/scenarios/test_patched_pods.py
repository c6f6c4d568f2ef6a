"""A cluster without the policy e2i-pods: fields of pods go into Yatai's Deployments, and no pod without them serves."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.scenes import hurried, quiet, serve, until
from support.world import NAMESPACE, World

from e2i.api import naming
from e2i.api.pod_annotations import GIVEN
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS

PASSWORD = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
STARTUP = {"startup": {"periodSeconds": 1}}


@pytest.fixture
async def patching(world: World) -> World:
    """Its operator may patch Deployments, and pods are replaced as a rolling update does it."""
    world.may_patch = True
    world.yatai.rolls = True
    await world.restart()
    return world


def message(world: World) -> str:
    found: str = world.status()["conditions"][0]["message"]
    return found


def served_by(world: World) -> list[str]:
    """The mark of each pod that the address selects."""
    return [pod["metadata"]["annotations"].get(GIVEN, "nothing") for pod in world.laws.selected("churn")]


def deployment(world: World, release: str | None) -> Any:
    return world.kube.objects["Deployment", NAMESPACE, naming.release_name("churn", release or "")]


async def watched(world: World, passes: int = 60, least: int = 0) -> None:
    """Let time pass; at no moment does a pod without the fields serve, or less than `least` pods."""
    for _ in range(passes):
        await world.run(passes=1)
        marks = served_by(world)
        assert set(marks) <= {"Deployment"}
        assert len(marks) >= least


async def test_the_pods_that_yatai_made_before_are_replaced_and_never_serve(patching: World) -> None:
    patching.apply(env=[PASSWORD], probes=STARTUP, replicas=2)
    await watched(patching)
    assert patching.condition() == "True/Ready"
    assert served_by(patching) == ["Deployment"] * 2
    spec = deployment(patching, patching.address())["spec"]["template"]["spec"]
    (main,) = spec["containers"]
    assert main["env"] == [
        {
            "name": "PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": "db", "key": "password", "optional": False}},
        }
    ]
    assert main["startupProbe"]["periodSeconds"] == 1
    await quiet(patching)


async def test_other_numbers_of_pods_change_no_template(patching: World) -> None:
    await serve(patching, env=[PASSWORD], replicas=2)
    before = deployment(patching, patching.address())["spec"]["template"]
    patching.kube.writes.clear()
    patching.apply(env=[PASSWORD], replicas=4)
    await watched(patching, least=2)
    patching.apply(env=[PASSWORD], replicas=1)
    await watched(patching, least=1)
    assert deployment(patching, patching.address())["spec"]["template"] == before
    assert patching.kube.writes["apply", "Deployment"] == 0


async def test_what_yatai_dropped_after_an_edit_by_somebody_is_written_again(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD], replicas=3)
    name = naming.release_name("churn", release)
    patching.yatai.rewrite(name)
    await watched(patching, least=1)
    assert patching.condition() == "True/Ready"
    assert served_by(patching) == ["Deployment"] * 3
    assert patching.history() == [(release, "Serving")]


async def test_an_operator_that_was_away_meanwhile_writes_it_again(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD], replicas=2)
    patching.yatai.rewrite(naming.release_name("churn", release))
    await patching.restart()
    await watched(patching)
    assert served_by(patching) == ["Deployment"] * 2
    await quiet(patching)


async def test_what_takes_the_fields_back_again_and_again_is_not_fought(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD])
    name = naming.release_name("churn", release)
    patching.kube.writes.clear()
    for _ in range(100):
        patching.yatai.rewrite(name)
        await patching.run(passes=1)
    assert patching.kube.writes["apply", "Deployment"] <= 7
    assert patching.condition() == "False/PodPolicyMissing"
    assert f"something takes them back from Deployment {name}" in message(patching)
    await patching.run(passes=700)
    assert patching.condition() == "True/Ready"


@pytest.mark.parametrize("moment", range(12))
async def test_an_operator_that_ends_at_any_moment_leads_to_the_same_pods(
    patching: World, moment: int
) -> None:
    first = await serve(patching)
    patching.apply(env=[PASSWORD], replicas=2)
    await patching.run(passes=moment)
    await patching.restart()
    await patching.run(passes=60)
    assert patching.condition() == "True/Ready"
    assert patching.address() != first
    assert served_by(patching) == ["Deployment"] * 2
    await quiet(patching)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {"probes": {"readiness": {"httpGet": {"path": "/ready"}}}},
            "spec.probes.readiness (httpGet.path)",
            id="a path that Yatai writes",
        ),
        pytest.param(
            {"env": [PASSWORD, {"name": "URL", "value": "db://me:$(PASSWORD)@db"}]},
            "spec.env[] URL, which refers to $(PASSWORD)",
            id="a variable that refers to a later one",
        ),
        pytest.param(
            {"env": [PASSWORD], "rollout": hurried(strategy="InPlace")},
            "spec.rollout.strategy InPlace together with fields of the pods",
            id="an address for all pods",
        ),
    ],
)
async def test_what_yatai_would_take_back_is_not_released(
    patching: World, spec: dict[str, Any], words: str
) -> None:
    first = await serve(patching)
    patching.apply(**spec)
    await patching.run(passes=30)
    assert patching.condition() == "False/PodPolicyMissing"
    assert message(patching).startswith(f"{words} cannot reach the pods: the cluster has no policy e2i-pods")
    assert "kubectl apply -f manifests/policies/pods.yaml" in message(patching)
    assert patching.releases() == [first]


async def test_a_policy_that_comes_later_serves_the_next_release_and_leaves_this_one(patching: World) -> None:
    first = await serve(patching, env=[PASSWORD])
    for kind in (POD_POLICIES[0].kind, POD_POLICY_BINDINGS[0].kind):
        body = {"kind": kind, "metadata": {"name": "e2i-pods", "namespace": ""}}
        patching.kube.put((kind, "", "e2i-pods"), body)
    await patching.later()
    await patching.run()
    assert (patching.address(), served_by(patching)) == (first, ["Deployment"])
    await serve(patching, env=[PASSWORD], probes=STARTUP)
    assert served_by(patching) == ["v1"]
    await quiet(patching)


async def test_without_leave_to_patch_the_way_is_named(world: World) -> None:
    world.apply(env=[PASSWORD])
    await world.run()
    assert world.condition() == "False/PodPolicyMissing"
    assert "or let the operator patch Deployments with E2I_PATCH_DEPLOYMENTS" in message(world)


async def test_the_way_back_to_a_patched_release_is_open(patching: World) -> None:
    kept = hurried(scaleDownDelaySeconds=300)
    first = await serve(patching, env=[PASSWORD], rollout=kept)
    second = await serve(patching, env=[PASSWORD], probes=STARTUP, rollout=kept)
    patching.yatai.sick[second] = 1
    await until(patching, lambda: patching.address() == first)
    await watched(patching, least=1)


def take_out(world: World, release: str | None, field: str) -> None:
    """Somebody removes a field of the container and leaves the mark."""
    known = deployment(world, release)
    template = copy.deepcopy(known["spec"]["template"])
    del template["spec"]["containers"][0][field]
    place = ("Deployment", NAMESPACE, naming.release_name("churn", release or ""))
    world.kube.put(place, {**known, "spec": {**known["spec"], "template": template}})


@pytest.mark.parametrize("field", ["env", "startupProbe"])
async def test_a_field_that_somebody_took_out_alone_is_written_again(patching: World, field: str) -> None:
    release = await serve(patching, env=[PASSWORD], probes=STARTUP, replicas=2)
    before = deployment(patching, release)["spec"]["template"]
    take_out(patching, release, field)
    await watched(patching, least=1)
    assert deployment(patching, release)["spec"]["template"] == before
    assert patching.condition() == "True/Ready"
    await quiet(patching)


async def test_a_field_that_is_taken_out_again_and_again_is_not_fought(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD])
    patching.kube.writes.clear()
    for _ in range(100):
        if "env" in deployment(patching, release)["spec"]["template"]["spec"]["containers"][0]:
            take_out(patching, release, "env")
        await patching.run(passes=1)
    assert patching.kube.writes["apply", "Deployment"] <= 7
    assert patching.condition() == "False/PodPolicyMissing"


async def test_suspended_what_serves_gets_its_mark_back_because_nothing_would_serve(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD], replicas=2)
    patching.apply(env=[PASSWORD], replicas=2, suspend=True)
    await patching.run()
    patching.yatai.rewrite(naming.release_name("churn", release))
    await patching.run()
    assert served_by(patching) == ["Deployment"] * 2
    assert patching.condition() == "True/Suspended"


async def test_suspended_what_people_change_by_hand_stays(patching: World) -> None:
    release = await serve(patching, env=[PASSWORD])
    patching.apply(env=[PASSWORD], suspend=True)
    await patching.run()
    take_out(patching, release, "env")
    patching.kube.writes.clear()
    await patching.run()
    assert patching.kube.writes["apply", "Deployment"] == 0
    assert "env" not in deployment(patching, release)["spec"]["template"]["spec"]["containers"][0]
    patching.apply(env=[PASSWORD], suspend=False)
    await watched(patching)
    assert "env" in deployment(patching, release)["spec"]["template"]["spec"]["containers"][0]
