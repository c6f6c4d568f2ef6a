"""Fields that only the policy e2i-pods can give to pods: where it lacks, nothing is dropped and what serves goes on."""

from __future__ import annotations

from support.scenes import quiet, serve
from support.world import NAMESPACE, World

from e2i.api.pod_annotations import GIVEN, PREFIX
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS

PASSWORD = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


def install(world: World, *kinds: str) -> None:
    for kind in kinds or (POD_POLICIES[0].kind, POD_POLICY_BINDINGS[0].kind):
        world.kube.put(
            (kind, "", "e2i-pods"), {"kind": kind, "metadata": {"name": "e2i-pods", "namespace": ""}}
        )


def message(world: World) -> str:
    found: str = world.status()["conditions"][0]["message"]
    return found


async def test_without_the_policy_the_release_is_not_made_and_what_serves_goes_on(world: World) -> None:
    first = await serve(world)
    world.apply(env=[PASSWORD], probes={"startup": {}})
    await world.run()
    assert world.condition() == "False/PodPolicyMissing"
    assert message(world).startswith(
        "spec.env[].valueFrom and spec.probes cannot reach the pods: the cluster has no"
    )
    assert (world.address(), world.releases(), world.failed()) == (first, [first], [])


async def test_once_the_policy_is_there_the_release_goes_on_by_itself(world: World) -> None:
    world.apply(env=[PASSWORD])
    await world.run()
    install(world)
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    await quiet(world)


async def test_a_bento_with_a_path_prefix_needs_the_policy_too(world: World) -> None:
    world.path_prefixes["churn:1"] = "/v1"
    world.apply()
    await world.run()
    assert world.condition() == "False/PodPolicyMissing"
    assert message(world).startswith("the probes for path_prefix /v1 of the bento cannot reach the pods")
    install(world)
    await world.run(passes=120)
    assert world.condition() == "True/Ready"
    (deployment,) = world.all("BentoDeployment")
    asked = deployment["spec"]["extraPodMetadata"]["annotations"]
    assert asked[PREFIX + "readiness-probe"].startswith("/v1/readyz ")
    await world.restart()
    await quiet(world)


async def test_a_policy_without_its_binding_is_no_policy(world: World) -> None:
    install(world, POD_POLICIES[0].kind)
    world.apply(env=[PASSWORD])
    await world.run()
    assert world.condition() == "False/PodPolicyMissing"


async def test_a_pod_that_was_made_before_the_policy_was_in_force_never_gets_the_address(
    world: World,
) -> None:
    first = await serve(world)
    install(world)
    world.yatai.policy_is_late = True
    world.apply(env=[PASSWORD])
    await world.run()
    assert world.condition() == "False/PodPolicyMissing"
    assert world.address() == first
    (bare,) = [pod for pod in world.all("Pod") if pod["metadata"]["annotations"]]
    name = bare["metadata"]["name"]
    assert f"kubectl delete pod -n {NAMESPACE} {name}" in message(world)
    given = {**bare["metadata"], "annotations": {**bare["metadata"]["annotations"], GIVEN: "v1"}}
    world.kube.put(("Pod", NAMESPACE, name), {**bare, "metadata": given})
    await world.run()
    assert world.condition() == "True/Ready"
    assert world.address() != first


async def test_a_variable_from_another_secret_is_another_release_and_the_way_back_is_open(
    world: World,
) -> None:
    install(world)
    first = await serve(world, env=[PASSWORD])
    other = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "other", "key": "password"}}}
    second = await serve(world, env=[other])
    assert second != first
    assert await serve(world, env=[PASSWORD]) == first
