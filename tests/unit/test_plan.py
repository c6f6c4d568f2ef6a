"""The whole chain of rules: in each situation one verdict, and the order of the rules decides which."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.builders import (
    DIGEST,
    NOON,
    TAG,
    a_deployment,
    a_model,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    seconds,
    seen,
    seen_building,
    seen_exported,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.core import naming, plan
from e2i.core.actions import (
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteDeployment,
    DeleteRequest,
    Export,
)
from e2i.core.conditions import Reason
from e2i.core.model import Autoscaling, Model
from e2i.core.observed import Build, Exporting, Observed, Trouble
from e2i.core.rules import making, serving

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
OTHER_DIGEST = "sha256:" + "77aa5500" * 8
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
OLD_DEPLOYMENT = a_deployment(OLD)
CRASH = Trouble(reason=Reason.CrashLoop, message="container main ended 3 times")
UNPLACED = Trouble(reason=Reason.PodUnschedulable, message="pod churn-1 cannot be placed")
TAKEN = frozenset({("Service", "churn")})
THIS_DEPLOYMENT = a_deployment(MODEL)
PARKED = replace(
    a_deployment(MODEL, refusal="exceeded quota: deployments"), refused_at=NOON - timedelta(seconds=30)
)
BUILT_LONG_AGO = a_request(built_at=NOON - timedelta(seconds=200))


def beside_old(state: Observed, **changes: Any) -> Observed:
    """The same with the release of another shape still there."""
    return replace(state, deployments=(*state.deployments, OLD_DEPLOYMENT), **changes)


def earlier_request(number: int) -> Any:
    digest = "sha256:" + f"{number:08x}" * 8
    return a_request(tag=f"churn_model:0.{number}", digest=digest, created=NOON - seconds(1000 - number))


SITUATIONS = [
    pytest.param(a_model(deleting=True, suspended=True), seen(), Reason.Deleting, (),
                 id="a model that is being deleted is left alone, even if suspended"),
    pytest.param(a_model(suspended=True), seen(), Reason.Suspended, (),
                 id="nothing is exported while suspended"),
    pytest.param(a_model(suspended=True), seen(missing_kinds=frozenset({"BentoRequest"})), Reason.Suspended, (),
                 id="suspension does not ask for Yatai"),
    pytest.param(a_model(tag="churn_model:latest"), seen(missing_kinds=frozenset({"BentoRequest"})),
                 Reason.YataiNotInstalled, (), id="without Yatai nothing else is looked at"),
    pytest.param(a_model(tag="churn_model:latest"), seen(foreign=TAKEN), Reason.TagRefused, (),
                 id="a tag that cannot be is told before a name that is taken"),
    pytest.param(MODEL, seen(foreign=TAKEN), Reason.NameTaken, (),
                 id="nothing is exported for a model whose address is somebody else's"),
    pytest.param(MODEL, seen(leftovers=TAKEN), Reason.Exporting, (Export(TAG),),
                 id="the export does not wait for the leftovers of a namesake"),
    pytest.param(MODEL, seen(), Reason.Exporting, (Export(TAG),), id="a new model's bento is exported first"),
    pytest.param(MODEL, seen(export=Exporting(done=1, total=9)), Reason.Exporting, (),
                 id="an export under way is waited for"),
    pytest.param(MODEL, seen(export=Trouble(reason=Reason.BucketUnreachable, message="no answer")),
                 Reason.BucketUnreachable, (), id="an export's trouble is the model's"),
    pytest.param(MODEL, seen_exported(MODEL, leftovers=TAKEN), Reason.Pending, (),
                 id="no child is written while a namesake's are being removed"),
    pytest.param(MODEL, seen_exported(MODEL), Reason.Deploying,
                 (ApplyRequest(an_artifact()), ApplyDeployment(an_artifact(), RELEASE, "v1")),
                 id="the request is written before the deployment"),
    pytest.param(MODEL, seen(requests=(a_request(),)), Reason.Deploying,
                 (ApplyDeployment(an_artifact(), RELEASE, "v1"),),
                 id="a bento that has an image needs neither export nor request"),
    pytest.param(MODEL, seen_exported(MODEL, deployments=(THIS_DEPLOYMENT,)), Reason.Deploying,
                 (ApplyRequest(an_artifact()),), id="a request that somebody deleted is written again"),
    pytest.param(a_model(replicas=3), seen_serving(MODEL), Reason.Deploying,
                 (ApplyDeployment(an_artifact(), RELEASE, "v1"),),
                 id="another number of pods is one write to the same release"),
    pytest.param(MODEL, seen_serving(MODEL, deployments=(replace(THIS_DEPLOYMENT, form="v1", spec={}),)),
                 Reason.Deploying, (ApplyDeployment(an_artifact(), RELEASE, "v1"),),
                 id="a release that somebody edited is written again"),
    pytest.param(MODEL, replace(seen_exported(MODEL), deployments=(OLD_DEPLOYMENT,)), Reason.Deploying,
                 (ApplyRequest(an_artifact()), ApplyDeployment(an_artifact(), RELEASE, "v1")),
                 id="the wanted release is made before a superseded one is removed"),
    pytest.param(MODEL, beside_old(seen_building(MODEL)), Reason.Deploying,
                 (DeleteDeployment(OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid, OLD_RELEASE),),
                 id="a release that never had the address goes as soon as the spec moves past it"),
    pytest.param(MODEL, beside_old(replace(seen_building(MODEL), requests=(a_request(build=Build.FAILED),))),
                 Reason.Deploying, (DeleteDeployment(OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid, OLD_RELEASE),),
                 id="superseded releases are removed even if the build failed"),
    pytest.param(MODEL, beside_old(seen_building(MODEL), service=a_service(release=OLD_RELEASE)),
                 Reason.Building, (), id="the release that has the address stays while the next one is built"),
    pytest.param(MODEL, seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="It broke."),)),
                 Reason.BuildFailed, (), id="a failed build is told"),
    pytest.param(MODEL, seen_building(MODEL, pod_trouble=Trouble(reason=Reason.BuildBlocked, message="no room")),
                 Reason.BuildBlocked, (), id="a build that cannot start says why"),
    pytest.param(MODEL, seen_building(MODEL), Reason.Building, (), id="a build under way is waited for"),
    pytest.param(MODEL, seen_serving(MODEL, requests=(a_request(build=Build.RUNNING),), workloads=()),
                 Reason.Building, (), id="an image that is built anew is waited for before its pods"),
    pytest.param(MODEL, seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),)),
                 Reason.Scaling, (), id="a serving release that lost a pod says so, and has no deadline"),
    pytest.param(MODEL, seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),), pod_trouble=CRASH),
                 Reason.CrashLoop, (), id="a serving release whose pods crash says so"),
    pytest.param(MODEL, seen_starting(MODEL), Reason.Deploying, (), id="starting pods are waited for"),
    pytest.param(MODEL, seen_starting(MODEL, pod_trouble=UNPLACED), Reason.PodUnschedulable, (),
                 id="pods that cannot start say why"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(a_request(built_at=NOON - seconds(5)),),
                                      deployments=(a_deployment(refusal="configmap network not found"),)),
                 Reason.DeploymentRefused, (), id="yatai-deployment's refusal is told while there is no Deployment"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(a_request(built_at=NOON - seconds(4)),),
                                      deployments=(a_deployment(refusal="the bento has no image"),)),
                 Reason.Deploying, (), id="for a moment after the build its old refusal does not count"),
    pytest.param(MODEL, seen_building(MODEL, deployments=(PARKED,)), Reason.Building, (),
                 id="what yatai-deployment says before the image is there is no reason to wake it"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.DeploymentRefused, (ApplyDeployment(an_artifact(), RELEASE, "v1", attempt=NOON),),
                 id="yatai-deployment is made to try again what it failed with"),
    pytest.param(MODEL, seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),),
                                     requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.DeploymentRefused, (ApplyDeployment(an_artifact(), RELEASE, "v1", attempt=NOON),),
                 id="the same for a serving release that is not whole"),
    pytest.param(MODEL, seen_serving(MODEL, requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.Ready, (), id="a release that is whole is left alone, whatever yatai-deployment says"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0, failure="quota"),)),
                 Reason.PodsRefused, (), id="a quota that refuses pods is told"),
    pytest.param(a_model(replicas=3), seen_starting(a_model(replicas=3), workloads=(
        a_workload(a_deployment(a_model(replicas=3)), wanted=1),)), Reason.Deploying, (),
                 id="one ready pod is not enough while the autoscaler has not raised it to three"),
    pytest.param(MODEL, seen_ready(MODEL, workloads=(
        a_workload(THIS_DEPLOYMENT, generation=2, observed=1),)), Reason.Deploying, (),
                 id="a status of an older generation is not believed"),
    pytest.param(MODEL, seen_ready(MODEL, workloads=(replace(a_workload(THIS_DEPLOYMENT), owner="uid-other"),)),
                 Reason.Deploying, (), id="the Deployment of a namesake is not believed"),
    pytest.param(MODEL, seen_ready(MODEL, pod_trouble=None), Reason.Switching, (ApplyService(RELEASE),),
                 id="the address moves when all pods are ready"),
    pytest.param(MODEL, beside_old(seen_ready(MODEL), service=a_service(release=OLD_RELEASE)),
                 Reason.Switching, (ApplyService(RELEASE),),
                 id="the address moves before the previous release goes"),
    pytest.param(MODEL, beside_old(seen_serving(MODEL)), Reason.Ready, (),
                 id="the previous release stays for requests under way"),
    pytest.param(a_model(delay=0, history=0),
                 beside_old(seen_serving(a_model(delay=0, history=0),
                                         requests=(a_request(), earlier_request(1)))),
                 Reason.Ready, (DeleteDeployment(OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid, OLD_RELEASE),),
                 id="the previous release goes before its image"),
    pytest.param(a_model(history=1),
                 seen_serving(a_model(history=1),
                              requests=(a_request(), earlier_request(1), earlier_request(2))),
                 Reason.Ready, (DeleteRequest(earlier_request(1).name, earlier_request(1).uid),),
                 id="the oldest images beyond the limit go"),
    pytest.param(MODEL, seen_serving(MODEL), Reason.Ready, (), id="a model that serves needs nothing"),
    pytest.param(a_model(autoscaling=Autoscaling(minimum=1, maximum=5)),
                 seen_serving(a_model(autoscaling=Autoscaling(minimum=1, maximum=5)), workloads=(
                     a_workload(THIS_DEPLOYMENT, wanted=4),)),
                 Reason.Ready, (), id="any number within the autoscaler's bounds is right"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "state", "reason", "actions"), SITUATIONS)
def test_plan(model: Model, state: Observed, reason: Reason, actions: tuple[Any, ...]) -> None:
    chosen = plan.plan(model, state, NOON)
    assert (chosen.reason, chosen.actions) == (reason, actions)
    assert chosen.message


@pytest.mark.parametrize(
    ("refused", "attempted", "woken"),
    [
        pytest.param(29, None, False, id="not before half a minute has passed"),
        pytest.param(30, None, True, id="after half a minute"),
        pytest.param(60, 30, True, id="after half a minute more"),
        pytest.param(121, 60, False, id="the third time only after as long as all before it"),
        pytest.param(120, 60, True, id="the third time after as long as all before it"),
    ],
)
def test_a_parked_deployment_is_woken_at_growing_distances(
    refused: int, attempted: int | None, woken: bool
) -> None:
    attempted_at = NOON - seconds(attempted) if attempted else None
    parked = replace(PARKED, refused_at=NOON - seconds(refused), attempted_at=attempted_at)
    chosen = plan.plan(
        MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(parked,)), NOON
    )
    assert (bool(chosen.actions), chosen.reason) == (woken, Reason.DeploymentRefused)


@pytest.mark.parametrize("position", range(len(plan.RULES) - 1))
def test_two_neighbouring_rules_cannot_change_places_unnoticed(
    position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = list(plan.RULES)
    rules[position], rules[position + 1] = rules[position + 1], rules[position]
    monkeypatch.setattr(plan, "RULES", tuple(rules))
    assert _some_verdict_changed(), f"{rules[position].__name__} may stand on either side of its neighbour"


@pytest.mark.parametrize("left_out", [rule.__name__ for rule in plan.RULES])
def test_no_rule_can_be_left_out_unnoticed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "RULES", tuple(rule for rule in plan.RULES if rule.__name__ != left_out))
    assert _some_verdict_changed()


def _some_verdict_changed() -> bool:
    return any(_verdict(*situation.values[:2]) != situation.values[2:] for situation in SITUATIONS)


def _verdict(model: Model, state: Observed) -> object:
    try:
        chosen = plan.plan(model, state, NOON)
    except (AssertionError, StopIteration) as error:
        return type(error)
    return chosen.reason, chosen.actions


@pytest.mark.parametrize(
    ("after", "reason", "look_again"),
    [
        pytest.param(
            594, Reason.Building, 5, id="six seconds before the deadline pods are looked at in five"
        ),
        pytest.param(598, Reason.Building, 2, id="close to the deadline the next look is exactly then"),
        pytest.param(
            600, Reason.BuildDeadlineExceeded, 30, id="the build's deadline counts from the request"
        ),
    ],
)
def test_the_deadline_of_a_build(after: int, reason: Reason, look_again: int) -> None:
    chosen = plan.plan(MODEL, seen_building(MODEL), NOON + seconds(after))
    assert (chosen.reason, chosen.look_again) == (reason, seconds(look_again))
    assert chosen.stalled == (after >= 600)


@pytest.mark.parametrize(
    ("built_after", "after", "reason"),
    [
        pytest.param(0, 599, Reason.Deploying, id="pods that were asked for last may take all the time"),
        pytest.param(0, 600, Reason.ProgressDeadlineExceeded, id="not a second more"),
        pytest.param(100, 699, Reason.Deploying, id="the time of the build is not counted"),
        pytest.param(100, 700, Reason.ProgressDeadlineExceeded, id="the pods' time begins with the image"),
    ],
)
def test_the_deadline_of_the_pods(built_after: int, after: int, reason: Reason) -> None:
    request = a_request(built_at=NOON + seconds(built_after))
    chosen = plan.plan(MODEL, seen_starting(MODEL, requests=(request,)), NOON + seconds(after))
    assert chosen.reason is reason


def test_past_the_deadline_the_cause_is_told_with_its_word() -> None:
    late = plan.plan(MODEL, seen_starting(MODEL, pod_trouble=CRASH), NOON + seconds(600))
    assert late.message == (
        "not ready after 600 s (spec.rollout.progressDeadlineSeconds). CrashLoop: container main ended 3 times"
    )
    silent = plan.plan(MODEL, seen_starting(MODEL), NOON + seconds(600))
    assert f"0 of 1 pods of release {RELEASE} (churn_model:1.4.2) are ready" in silent.message


def test_a_build_past_its_deadline_tells_what_held_it_up() -> None:
    blocked = Trouble(reason=Reason.BuildBlocked, message="no room for the builder")
    late = plan.plan(MODEL, seen_building(MODEL, pod_trouble=blocked), NOON + seconds(600))
    assert late.message.endswith("(spec.rollout.progressDeadlineSeconds): no room for the builder")


def test_pods_that_come_up_after_the_deadline_are_taken_all_the_same() -> None:
    late = plan.plan(MODEL, seen_ready(MODEL), NOON + seconds(9999))
    assert late.actions == (ApplyService(RELEASE),)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        pytest.param(0, 30, id="the whole delay is left when the address has just moved"),
        pytest.param(29.5, 0.5, id="the next look is exactly when the delay ends"),
        pytest.param(30, None, id="then it goes"),
    ],
)
def test_the_previous_release_stays_for_the_delay(after: float, left: float | None) -> None:
    chosen = plan.plan(MODEL, beside_old(seen_serving(MODEL)), NOON + seconds(after))
    assert chosen.look_again == (None if left is None else seconds(left))
    assert bool(chosen.actions) == (left is None)


def test_an_address_of_which_nobody_knows_since_when_it_is_there_keeps_the_previous_release() -> None:
    service = a_service(release=RELEASE, switched_at=None)
    chosen = plan.plan(MODEL, beside_old(seen_serving(MODEL), service=service), NOON)
    assert (chosen.actions, chosen.look_again) == ((), seconds(30))


def test_a_tag_means_what_it_meant_when_it_was_first_released() -> None:
    state = seen_serving(MODEL, export=an_artifact(digest=OTHER_DIGEST))
    assert plan.plan(MODEL, state, NOON).reason is Reason.Ready


def test_of_two_requests_of_one_tag_the_younger_counts() -> None:
    requests = (
        a_request(),
        a_request(digest=OTHER_DIGEST, created=NOON + seconds(1)),
    )
    chosen = plan.plan(MODEL, seen(requests=requests), NOON + seconds(1))
    release = naming.release_of(MODEL, OTHER_DIGEST)
    assert chosen.actions == (ApplyDeployment(an_artifact(digest=OTHER_DIGEST), release, "v1"),)


def test_an_older_form_is_kept_by_the_release_that_was_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "CURRENT_FORM", "v2")
    assert plan.plan(MODEL, seen_serving(MODEL), NOON).actions == ()


@pytest.mark.parametrize("stalled", [True, False])
def test_an_export_that_needs_a_person_makes_the_model_stalled(stalled: bool) -> None:
    trouble = Trouble(reason=Reason.BentoNotFound, message="no such bento", stalled=stalled)
    chosen = plan.plan(MODEL, seen(export=trouble), NOON)
    assert (chosen.stalled, chosen.message, chosen.look_again) == (stalled, "no such bento", seconds(15))


def test_rules_that_know_the_release_may_not_be_asked_before_the_export() -> None:
    with pytest.raises(AssertionError, match="before the bento was exported"):
        serving.rest(MODEL, seen(), NOON)
