"""The whole table of rules: in each situation one verdict, and the order of the rules decides which."""

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
    a_deployment_spec,
    a_line,
    a_model,
    a_record,
    a_request,
    a_service,
    a_workload,
    an_artifact,
    at_step,
    beside,
    failed,
    failed_status,
    seconds,
    seen,
    seen_building,
    seen_exported,
    seen_ready,
    seen_serving,
    seen_starting,
)

from e2i.api import naming, release_record
from e2i.api.conditions import Reason, timestamp
from e2i.api.model import Autoscaling, Model, Pause, Rollback, SetWeight, Strategy
from e2i.api.problem import Problem
from e2i.api.restored import Restored
from e2i.controller.core.actions import (
    Adopt,
    ApplyBudget,
    ApplyDeployment,
    ApplyRequest,
    ApplyService,
    DeleteArchive,
    DeleteBudget,
    DeleteDeployment,
    DeleteRequest,
    EmptyBucket,
    Export,
    PatchWorkload,
    ReadReleaseStore,
    Resize,
    RestoreImage,
    ScaleWorkload,
    SetFinalizer,
    StartGuard,
    Verify,
    WriteRecord,
)
from e2i.controller.core.children import Build, Malformed
from e2i.controller.core.observed import Exporting, Observed, VerificationState
from e2i.controller.core.releases import recording
from e2i.controller.core.releases.situation import Situation, desired_release
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.render.manifests import bento_deployment
from e2i.controller.core.render.pod_template import address_labels
from e2i.controller.core.rules import cleanup, table
from e2i.controller.core.rules.deploy import reset_retried_release

MODEL = a_model()
RELEASE = naming.release_of(MODEL, DIGEST)
TRIAL = trial_of(MODEL, RELEASE)
OTHER_DIGEST = "sha256:" + "77aa5500" * 8
OLD = a_model(env=(("VERSION", "old"),))
OLD_RELEASE = naming.release_of(OLD, DIGEST)
OLD_DEPLOYMENT = a_deployment(OLD)
OLD_SERVES = a_service(release=OLD_RELEASE, switched_at=NOON - seconds(3600))
CRASH = Problem(reason=Reason.CrashLoop, message="container main ended 3 times")
FINAL_CRASH = replace(CRASH, final=True)
UNPLACED = Problem(reason=Reason.PodUnschedulable, message="pod churn-1 cannot be placed")
AWAY = Problem(reason=Reason.BucketUnreachable, message="no answer")
NOT_FOUND = Problem(reason=Reason.BentoNotFound, message="no such bento", stalled=True)
WRONG = Problem(
    reason=Reason.VerificationFailed, message="wrong answer", final=True, http="POST /predict -> 200: 7"
)
TAKEN = frozenset({("Service", "churn")})
ODD = Malformed(
    namespace="models",
    name="churn-1",
    uid="uid-odd",
    owner=MODEL.uid,
    model="churn",
    created=NOON,
    first_seen=NOON,
    kind="BentoRequest",
    problem="spec is missing",
)
THIS_DEPLOYMENT = a_deployment(MODEL)
PARKED = replace(
    a_deployment(MODEL, refusal="exceeded quota: deployments"), refused_at=NOON - timedelta(seconds=30)
)
BUILT_LONG_AGO = a_request(built_at=NOON - timedelta(seconds=200))
CHECKED = a_model(rollout={"checks": {"verify": [{"path": "/predict"}]}})
WATCHED = a_model(rollout={"watch": {"seconds": 120, "maxErrorRatio": "0.05"}})
TWO = a_model(replicas=2)
SERVES_A_WHILE = a_service(release=RELEASE, switched_at=NOON - seconds(60))
NEEDING = a_model(pod='{"priorityClassName":"high"}')
UNREADABLE = a_model(tag="churn_model:latest", rollout={"checks": {"verify": [{"path": "predict"}]}})
STEPS = (SetWeight(10), Pause(60), SetWeight(50), Pause(None))
CANARY = a_model(rollout={"strategy": Strategy.CANARY, "steps": STEPS})
MANUAL = a_model(rollout={"rollback": Rollback.MANUAL})
IN_PLACE = a_model(rollout={"strategy": Strategy.IN_PLACE})
SHARED = replace(OLD_SERVES, selector={naming.MODEL_LABEL: "churn"})
TO_THIS = ApplyService(RELEASE, naming.pod_labels("churn", RELEASE))
TO_OLD = ApplyService(OLD_RELEASE, naming.pod_labels("churn", OLD_RELEASE))
REMOVE_OLD = DeleteDeployment(OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid, OLD_RELEASE)
REMOVE_THIS = DeleteDeployment(THIS_DEPLOYMENT.name, THIS_DEPLOYMENT.uid, RELEASE)


def deploy(model: Model = MODEL, **changes: Any) -> ApplyDeployment:
    return ApplyDeployment(a_deployment_spec(model, naming.release_of(model, DIGEST), **changes))


def note(model: Model, state: Observed) -> WriteRecord:
    """The record of a release that is about to serve."""
    return WriteRecord(
        recording.served_record(Situation(model, state), desired_release(Situation(model, state)), NOON)
    )


def note_failure(model: Model, state: Observed) -> WriteRecord:
    failure = Situation(model, state).quarantine
    assert failure
    record = recording.failure_record(Situation(model, state), failure)
    assert record
    return WriteRecord(record)


def beside_old(state: Observed, **changes: Any) -> Observed:
    """The same with the release of another shape still there, which has the address unless told otherwise."""
    return beside(state, OLD_DEPLOYMENT, **({"service": OLD_SERVES} | changes))


def earlier_request(number: int) -> Any:
    digest = "sha256:" + f"{number:08x}" * 8
    return a_request(tag=f"churn_model:0.{number}", digest=digest, created=NOON - seconds(1000 - number))


EDITED = replace(OLD_DEPLOYMENT, name="churn-inplace")
EDITABLE = seen(
    requests=(a_request(),), deployments=(EDITED,), workloads=(a_workload(EDITED),), service=SHARED
)
KNOWN = seen(records=())
"""Nothing is there, and the bucket knows of nothing either."""
FAILED_OVER = beside_old(seen_ready(MODEL))
"""The desired release is there and whole, the one before it has the address."""
FAILED_BEFORE = failed(MODEL, failed_at=NOON - seconds(3600), trial="00000001")
"""Its release failed in another trial: a retry."""
SPENT = replace(THIS_DEPLOYMENT, created=NOON - seconds(7200))
RESTORABLE = (a_record(OLD),)
NOTED = replace(MODEL, restored=Restored(at=NOON), status={
    "history": [a_line(OLD_RELEASE, "Serving", servedAt=timestamp(NOON - seconds(60)))]})  # fmt: skip
RESTORED = seen_exported(MODEL, requests=(a_request(),), deployments=(OLD_DEPLOYMENT,), records=RESTORABLE)
PATIENT = a_model(rollout={"strategy": Strategy.CANARY, "steps": STEPS, "rollback": Rollback.DISABLED})
SERVED = replace(MODEL, status={"history": [a_line(RELEASE, "Serving", servedAt=timestamp(NOON))]})
BACK = replace(TO_THIS, switched_at=NOON)
PROVED = replace(MODEL, status={"history": [a_line(RELEASE, "Serving"), a_line(OLD_RELEASE)]})
NEXT = replace(PROVED, tag="churn_model:2.0.0")
"""It asks for a bento of which nothing is known yet."""
NEXT_TRIAL = trial_of(NEXT, RELEASE)
SERVES_LONG = a_service(release=RELEASE, switched_at=NOON - seconds(3600))
IDLE = a_workload(OLD_DEPLOYMENT, wanted=0)
AT_ZERO = replace(beside(seen_serving(MODEL, service=SERVES_LONG), OLD_DEPLOYMENT, ready=None),
                  workloads=(a_workload(THIS_DEPLOYMENT), IDLE))  # fmt: skip
"""Somebody scaled the predecessor of the serving release to zero."""
NO_PODS = Autoscaling(minimum=0, maximum=0)
TO_ZERO = ScaleWorkload(THIS_DEPLOYMENT.name, a_workload(THIS_DEPLOYMENT).uid, 0)
LOST = beside(seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),)), OLD_DEPLOYMENT)
"""The serving release has just lost its pods; the one before it has its own."""


PATCHED_OLD = replace(OLD_DEPLOYMENT, patched=True)
BARE_OLD = replace(a_workload(PATCHED_OLD), is_bare=True)
BARE_IDLE = replace(BARE_OLD, wanted=0)
PATCH_OLD = PatchWorkload(OLD_DEPLOYMENT.name, BARE_OLD.uid, {})
PATCHED = replace(
    THIS_DEPLOYMENT,
    patched=True,
    spec=bento_deployment(MODEL, a_deployment_spec(MODEL, RELEASE, patched=True))["spec"],
)
BARE = replace(a_workload(PATCHED, ready=0), is_bare=True)
TAKEN_BACK = seen_serving(
    MODEL,
    deployments=(PATCHED,),
    workloads=(BARE,),
    service=replace(SERVES_A_WHILE, selector=address_labels("churn", RELEASE, patched=True)),
    may_patch=True,
    unpatched=((BARE, seconds(10)),),
)
"""Something has taken fields of its pods from the Deployment again and again."""
GIVEN = seen_ready(MODEL, deployments=(PATCHED,), workloads=(a_workload(PATCHED),))
RUNNER = replace(a_workload(PATCHED), name=f"{PATCHED.name}-runner-0", uid="uid-runner")
TO_PATCHED = ApplyService(RELEASE, address_labels("churn", RELEASE, patched=True))


def spent(**changes: Any) -> Observed:
    """Pods of the earlier trial are there and not ready."""
    state = seen_starting(MODEL, deployments=(SPENT,), workloads=(a_workload(SPENT, ready=0),))
    return beside_old(state, **changes)


LOST_BEFORE = failed(MODEL, reason="PodsLost", failed_at=NOON - seconds(120))
SITUATIONS = [
    # What serves is looked after first.
    pytest.param(replace(SERVED, deleting=True), seen_ready(MODEL), Reason.Deleting, (),
                 id="a model that is being deleted gets no address back"),
    pytest.param(replace(SERVED, suspended=True), seen_ready(MODEL), Reason.Switching, (BACK,),
                 id="a deleted Service comes back even if suspended"),
    pytest.param(replace(SERVED, invalid="spec is missing"), seen_ready(MODEL), Reason.Switching, (BACK,),
                 id="and if the spec cannot be read"),
    pytest.param(replace(SERVED, tag="churn_model:latest"), seen_ready(MODEL), Reason.Switching, (BACK,),
                 id="a deleted Service comes back whatever the spec asks for"),
    pytest.param(SERVED, seen_ready(MODEL, foreign=TAKEN), Reason.NameTaken, (),
                 id="but not where somebody else has the name"),
    pytest.param(replace(PROVED, suspended=True), LOST, Reason.Suspended, (),
                 id="nothing is moved while suspended"),
    pytest.param(replace(PROVED, suspended=True), replace(LOST, orphans=(OLD_DEPLOYMENT,)), Reason.Suspended, (),
                 id="nor taken over while suspended"),
    pytest.param(NEXT, replace(LOST, orphans=(OLD_DEPLOYMENT,)), Reason.Pending,
                 (Adopt("BentoDeployment", OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid),),
                 id="what an earlier model left is taken over before anything is judged"),
    pytest.param(NEXT, replace(LOST, orphans=(OLD_DEPLOYMENT,), bento_altered=a_request().name), Reason.Pending,
                 (Adopt("BentoDeployment", OLD_DEPLOYMENT.name, OLD_DEPLOYMENT.uid),),
                 id="and before its image is looked at"),
    pytest.param(NEXT, replace(LOST, requests=(a_request(),), bento_altered=a_request().name), Reason.ImageChanged,
                 (RestoreImage(a_request().name, a_request().image),),
                 id="pods of an image that nobody released are replaced, and judged by nobody"),
    pytest.param(NEXT, LOST, Reason.PodsLost, (),
                 id="what serves is judged whatever the spec asks for"),
    pytest.param(replace(NEXT, status={**NEXT.status, **failed_status(MODEL, trial=NEXT_TRIAL)}), LOST,
                 Reason.Switching, (TO_OLD,), id="and has its way back"),
    pytest.param(replace(NEXT, autoscaling=TWO.autoscaling), seen_serving(MODEL, service=replace(
        SERVES_LONG, selector={"app": "debug"})), Reason.Switching,
                 (replace(TO_THIS, switched_at=SERVES_LONG.switched_at),),
                 id="its address comes before its number of pods"),
    pytest.param(NEXT, replace(AT_ZERO, service=replace(SERVES_LONG, selector={"app": "debug"})), Reason.Switching,
                 (replace(TO_THIS, switched_at=SERVES_LONG.switched_at),),
                 id="its address comes before the pods of another release"),
    pytest.param(replace(NEXT, autoscaling=TWO.autoscaling), AT_ZERO, Reason.Scaling,
                 (ScaleWorkload(IDLE.name, IDLE.uid, 2),),
                 id="a Deployment at zero is woken before another is resized"),
    pytest.param(replace(NEXT, autoscaling=NO_PODS), seen_serving(MODEL, service=replace(
        SERVES_LONG, selector={"app": "debug"})), Reason.Scaling, (TO_ZERO,),
                 id="a parked model loses its pods whatever else is wrong"),
    pytest.param(replace(NEXT, autoscaling=NO_PODS, status={**NEXT.status, **failed_status(MODEL, trial=NEXT_TRIAL)}),
                 LOST, Reason.Switching, (TO_OLD,), id="a parked model rests with the release that is good"),
    pytest.param(replace(PROVED, autoscaling=NO_PODS), AT_ZERO, Reason.Scaling, (TO_ZERO,),
                 id="nothing of a parked model is woken"),
    pytest.param(replace(WATCHED, autoscaling=TWO.autoscaling), seen_serving(WATCHED),
                 Reason.Scaling, (Resize(THIS_DEPLOYMENT.name, TWO.autoscaling),),
                 id="it gets its number of pods before its metrics are read"),
    pytest.param(replace(NEXT, autoscaling=TWO.autoscaling),
                 seen_serving(MODEL, missing_kinds=frozenset({"BentoRequest"})), Reason.YataiNotInstalled, (),
                 id="without Yatai nothing can be resized"),
    pytest.param(WATCHED, seen_serving(WATCHED, missing_kinds=frozenset({"BentoRequest"})), Reason.Serving,
                 (StartGuard(RELEASE, trial_of(WATCHED, RELEASE), NOON + seconds(120), "churn_model"),),
                 id="the metrics of what serves are read although Yatai is away"),
    # The model goes, or nothing can be done for it.
    pytest.param(a_model(deleting=True, suspended=True), seen(), Reason.Deleting, (),
                 id="a model that is being deleted is left alone, even if suspended"),
    pytest.param(a_model(deleting=True, finalized=True), seen(), Reason.Deleting, (SetFinalizer(False),),
                 id="a deleted model whose bucket is to stay is let go"),
    pytest.param(a_model(deleting=True, finalized=True, delete_bucket=True), seen_serving(MODEL), Reason.Deleting,
                 (EmptyBucket(((an_artifact().uri, DIGEST),)), SetFinalizer(False)),
                 id="a deleted model's part of the bucket goes before the model"),
    pytest.param(a_model(deleting=True, invalid="spec is missing"), seen(), Reason.Deleting, (),
                 id="a model that is being deleted needs no spec"),
    pytest.param(a_model(suspended=True, invalid="spec is missing"), seen(), Reason.SpecUnreadable, (),
                 id="a spec that cannot be read is told before it is taken for suspended"),
    pytest.param(a_model(suspended=True), seen(), Reason.Suspended, (),
                 id="nothing is exported while suspended"),
    pytest.param(a_model(suspended=True), seen(missing_kinds=frozenset({"BentoRequest"})), Reason.Suspended, (),
                 id="suspension does not ask for Yatai"),
    pytest.param(a_model(tag="churn_model:latest"), seen(missing_kinds=frozenset({"BentoRequest"})),
                 Reason.YataiNotInstalled, (), id="without Yatai nothing else is looked at"),
    pytest.param(UNREADABLE, seen(), Reason.TagRefused, (),
                 id="a tag that cannot be is told before a check that cannot be understood"),
    pytest.param(a_model(tag="churn_model:latest"), seen(foreign=TAKEN), Reason.TagRefused, (),
                 id="a tag that cannot be is told before a name that is taken"),
    pytest.param(replace(UNREADABLE, tag=TAG), seen(foreign=TAKEN), Reason.CheckInvalid, (),
                 id="a check that cannot be understood is told before a name that is taken"),
    pytest.param(replace(NEEDING, rollout=UNREADABLE.rollout), seen(lacks_pod_policy=True), Reason.CheckInvalid, (),
                 id="a check that cannot be understood is told before a policy that is not there"),
    pytest.param(NEEDING, seen(foreign=TAKEN, lacks_pod_policy=True), Reason.PodPolicyMissing, (),
                 id="a policy that is not there is told before a name that is taken"),
    pytest.param(a_model(delete_bucket=True), seen(foreign=TAKEN), Reason.NameTaken, (),
                 id="nothing is written for a model whose address is somebody else's"),
    pytest.param(a_model(delete_bucket=True), seen(foreign=TAKEN, malformed=(ODD,)), Reason.NameTaken, (),
                 id="a name that is taken is told before a child that cannot be read"),
    pytest.param(a_model(delete_bucket=True), seen(malformed=(ODD,)), Reason.ChildUnreadable, (),
                 id="nothing is written for a model with a child that cannot be read"),
    # From a tag to a bento.
    pytest.param(a_model(delete_bucket=True), seen(), Reason.Pending, (SetFinalizer(True),),
                 id="a finalizer is set before there is anything in the bucket"),
    pytest.param(a_model(finalized=True), seen_serving(MODEL), Reason.Pending, (SetFinalizer(False),),
                 id="a finalizer that is not wanted any more is taken back"),
    pytest.param(MODEL, seen(), Reason.Pending, (ReadReleaseStore(export=TAG),),
                 id="for a model that is new here the bucket is asked first, and its bento exported meanwhile"),
    pytest.param(MODEL, seen(export=Exporting(done=1, total=9)), Reason.Pending, (ReadReleaseStore(),),
                 id="an export under way is not started again"),
    pytest.param(MODEL, seen(export=NOT_FOUND), Reason.Pending, (ReadReleaseStore(),),
                 id="nor one that just failed"),
    pytest.param(MODEL, seen(export=an_artifact()), Reason.Pending, (ReadReleaseStore(),),
                 id="nor one that has ended"),
    pytest.param(MODEL, seen(records=AWAY), Reason.BucketUnreachable, (),
                 id="a bucket that does not answer is waited for before anything is exported to it"),
    pytest.param(MODEL, seen_exported(MODEL, records=AWAY), Reason.Deploying,
                 (ApplyRequest(an_artifact()), deploy()),
                 id="a bucket that has the bento and then does not answer holds up nothing"),
    pytest.param(MODEL, seen(leftovers=TAKEN, records=()), Reason.Exporting, (Export(TAG),),
                 id="the export does not wait for the leftovers of a namesake"),
    pytest.param(MODEL, KNOWN, Reason.Exporting, (Export(TAG),), id="a new model's bento is exported first"),
    pytest.param(MODEL, seen(export=Exporting(done=1, total=9), records=()), Reason.Exporting, (),
                 id="an export under way is waited for"),
    pytest.param(MODEL, seen(export=AWAY, records=()), Reason.BucketUnreachable, (),
                 id="an export's problem is the model's"),
    pytest.param(MODEL, seen(export=NOT_FOUND, records=(a_record(MODEL),)), Reason.Deploying,
                 (ApplyRequest(an_artifact()), deploy()),
                 id="what the store no longer has the bucket may have"),
    # What is known of it, and who has the requests.
    pytest.param(MODEL, seen_exported(MODEL, leftovers=TAKEN, records=(a_record(MODEL, "Failed"),)),
                 Reason.Pending, (), id="no child is written while a namesake's are being removed"),
    pytest.param(MODEL, seen_exported(MODEL, records=(a_record(MODEL, "Failed"), a_record(OLD))), Reason.CrashLoop, (),
                 id="a cluster that was built anew takes over from the bucket that the release failed"),
    pytest.param(MODEL, beside_old(seen_serving(MODEL, pod_problem=FINAL_CRASH), service=a_service(release=RELEASE)),
                 Reason.CrashLoop, (), id="a release whose pods crash soon after the switch is given up"),
    pytest.param(a_model(rollout={"rollback": Rollback.DISABLED}),
                 beside_old(seen_serving(MODEL, pod_problem=FINAL_CRASH), service=a_service(release=RELEASE)),
                 Reason.CrashLoop, (), id="where nothing is given up it is told"),
    pytest.param(replace(at_step(PATIENT, 0), status={**at_step(PATIENT, 0).status, **FAILED_BEFORE.status}),
                 spent(service=SHARED, pod_problem=FINAL_CRASH), Reason.CrashLoop, (),
                 id="before pods of an earlier trial are removed"),
    pytest.param(WATCHED, seen_serving(WATCHED), Reason.Serving,
                 (StartGuard(RELEASE, trial_of(WATCHED, RELEASE), NOON + seconds(120), "churn_model"),),
                 id="after the switch the metrics are read"),
    pytest.param(failed(MODEL), seen_serving(MODEL, records=()), Reason.CrashLoop,
                 (note_failure(failed(MODEL), seen_serving(MODEL)),),
                 id="a release that failed and has none before it goes on serving"),
    pytest.param(failed(replace(MODEL, status={"history": [{"release": OLD_RELEASE, "result": "Superseded"}]})),
                 beside_old(seen_serving(MODEL), service=replace(a_service(release=RELEASE), selector={"app": "x"},
                                                                 serving=RELEASE)),
                 Reason.Switching, (TO_OLD, note_failure(failed(MODEL), seen_serving(MODEL))),
                 id="the rollback comes before everything, in one write"),
    pytest.param(FAILED_BEFORE, spent(service=replace(OLD_SERVES, selector={"app": "debug"}, serving=OLD_RELEASE)),
                 Reason.Switching, (replace(TO_OLD, switched_at=OLD_SERVES.switched_at),),
                 id="a selector that somebody changed is put right before anything is made"),
    pytest.param(CANARY, beside_old(seen_ready(CANARY), service=SHARED), Reason.Switching,
                 (replace(TO_OLD, switched_at=OLD_SERVES.switched_at),),
                 id="an address that takes in all pods without a canary's share is narrowed"),
    pytest.param(MODEL, seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=None)), Reason.Switching,
                 (TO_THIS,), id="an address that lost its time gets one, so that the release before it is kept"),
    # The objects of the release.
    pytest.param(FAILED_BEFORE, spent(deployments=(replace(SPENT, spec={}), OLD_DEPLOYMENT)), Reason.Deploying,
                 (REMOVE_THIS,), id="a retry begins without the pods that failed"),
    pytest.param(MODEL, seen_exported(MODEL, records=()), Reason.Deploying, (ApplyRequest(an_artifact()), deploy()),
                 id="the request is written before the deployment"),
    pytest.param(MODEL, seen(requests=(a_request(),)), Reason.Deploying, (deploy(),),
                 id="a bento that has an image needs neither export nor request"),
    pytest.param(MODEL, seen_exported(MODEL, deployments=(THIS_DEPLOYMENT,)), Reason.Deploying,
                 (ApplyRequest(an_artifact()),), id="a request that somebody deleted is written again"),
    pytest.param(MODEL, seen_exported(MODEL, requests=(replace(a_request(), artifact=None),),
                                      deployments=(THIS_DEPLOYMENT,)), Reason.Deploying,
                 (ApplyRequest(an_artifact()),), id="a request whose annotations somebody spoilt is written again"),
    pytest.param(MODEL, seen_serving(MODEL, deployments=(replace(THIS_DEPLOYMENT, spec=dict(
        THIS_DEPLOYMENT.spec, resources={})),)), Reason.Deploying, (deploy(),),
                 id="a release that somebody edited is written again"),
    pytest.param(MODEL, seen_serving(MODEL, deployments=(replace(THIS_DEPLOYMENT, template_version="v99", spec=dict(
        THIS_DEPLOYMENT.spec, envs=[{"name": "NEW", "value": "1"}])),)), Reason.Ready, (),
                 id="a release that a newer operator made is left as it is"),
    pytest.param(IN_PLACE, seen_exported(IN_PLACE, records=()), Reason.Deploying, (ApplyRequest(an_artifact()),),
                 id="what is edited in place is edited when the image is there"),
    pytest.param(replace(IN_PLACE, paused=True), EDITABLE, Reason.Paused, (),
                 id="what is edited in place is not edited while somebody holds the rollout"),
    pytest.param(IN_PLACE, seen(requests=(a_request(),)), Reason.Deploying,
                 (deploy(name="churn-inplace", asked_at=NOON),), id="the one that is edited in place has one name"),
    pytest.param(MODEL, replace(seen_exported(MODEL, records=()), deployments=(OLD_DEPLOYMENT,)), Reason.Deploying,
                 (ApplyRequest(an_artifact()), deploy()),
                 id="the wanted release is made before a superseded one is removed"),
    pytest.param(MODEL, beside_old(seen_building(MODEL), service=None), Reason.Deploying, (REMOVE_OLD,),
                 id="a release that never had the address goes as soon as the spec moves past it"),
    pytest.param(MODEL, beside_old(seen_building(MODEL, requests=(a_request(build=Build.FAILED),)), service=None),
                 Reason.Deploying, (REMOVE_OLD,), id="superseded releases are removed even if the build failed"),
    pytest.param(MODEL, beside_old(seen_building(MODEL)), Reason.Building, (),
                 id="the release that has the address stays while the next one is built"),
    # The image.
    pytest.param(MODEL, seen_building(MODEL, requests=(a_request(build=Build.FAILED, message="It broke."),)),
                 Reason.BuildFailed, (), id="a failed build is told"),
    pytest.param(MODEL, seen_building(MODEL, pod_problem=Problem(reason=Reason.BuildBlocked, message="no room")),
                 Reason.BuildBlocked, (), id="a build that cannot start says why"),
    pytest.param(MODEL, seen_building(MODEL), Reason.Building, (), id="a build under way is waited for"),
    pytest.param(MODEL, seen_serving(MODEL, requests=(a_request(build=Build.RUNNING),)), Reason.Ready, (),
                 id="an image that is built anew does not concern the pods that serve"),
    pytest.param(replace(MODEL, autoscaling=NO_PODS), seen_exported(MODEL, records=()), Reason.Deploying,
                 (ApplyRequest(an_artifact()),), id="a parked model gets an image and no deployment"),
    pytest.param(replace(MODEL, autoscaling=NO_PODS), seen(requests=(a_request(build=Build.RUNNING),)),
                 Reason.Building, (), id="the image of a parked model is waited for"),
    # The pods.
    pytest.param(replace(MODEL, autoscaling=NO_PODS),
                 seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.Parked, (REMOVE_THIS,), id="a trial of a parked model ends, whatever was wrong with it"),
    pytest.param(MODEL, seen_building(MODEL, deployments=(PARKED,)), Reason.Building, (),
                 id="what yatai-deployment says before the image is there is no reason to wake it"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.DeploymentRefused, (deploy(attempt=NOON),),
                 id="yatai-deployment is made to try again what it failed with"),
    pytest.param(a_model(replicas=3),
                 seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.DeploymentRefused, (deploy(a_model(replicas=3), attempt=NOON),),
                 id="another number of pods reaches a parked deployment with the next attempt"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(BUILT_LONG_AGO,),
                                      deployments=(replace(PARKED, template_version="v99"),)),
                 Reason.DeploymentRefused, (), id="one that a newer operator made is not written to wake it"),
    pytest.param(a_model(replicas=3), seen_serving(MODEL), Reason.Scaling,
                 (Resize(THIS_DEPLOYMENT.name, Autoscaling(minimum=3, maximum=3)),),
                 id="another number of pods is one small write to the same release"),
    pytest.param(a_model(replicas=2), beside_old(seen_ready(a_model(replicas=2))), Reason.Scaling,
                 (Resize(OLD_DEPLOYMENT.name, Autoscaling(minimum=2, maximum=2)),),
                 id="the release that serves gets its number of pods while the next one comes up"),
    pytest.param(TWO, beside(seen_ready(MODEL), a_deployment(replace(OLD, autoscaling=TWO.autoscaling)), ready=2,
                             service=OLD_SERVES), Reason.Scaling,
                 (Resize(THIS_DEPLOYMENT.name, Autoscaling(minimum=2, maximum=2)),),
                 id="so does the next one"),
    pytest.param(TWO, beside_old(seen_serving(MODEL), service=SERVES_A_WHILE), Reason.Scaling,
                 (Resize(THIS_DEPLOYMENT.name, Autoscaling(minimum=2, maximum=2)),),
                 id="a release gets its number of pods before room is made for them"),
    pytest.param(TWO, beside_old(seen_serving(TWO, workloads=(a_workload(THIS_DEPLOYMENT, wanted=2, ready=1),)),
                                 service=SERVES_A_WHILE), Reason.Ready, (REMOVE_OLD,),
                 id="a release that is not whole for want of room gets that of the one before it"),
    pytest.param(TWO, beside_old(seen_serving(TWO, workloads=(a_workload(THIS_DEPLOYMENT, wanted=2, ready=1),)),
                                 service=SERVES_A_WHILE, bare_pods=("churn-x",)), Reason.Ready, (REMOVE_OLD,),
                 id="room is made before pods are told that lack what they ask for"),
    pytest.param(MODEL, seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),),
                                     bare_pods=("churn-x",)), Reason.PodPolicyMissing, (),
                 id="a pod that lacks what it asks for is told before those that are not ready"),
    pytest.param(NEEDING, seen_ready(NEEDING, bare_pods=("churn-x",)), Reason.PodPolicyMissing, (),
                 id="a release whose pods lack what they ask for does not get the address"),
    pytest.param(MODEL, seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=NOON - seconds(60)),
                                     workloads=(a_workload(THIS_DEPLOYMENT, ready=0),)),
                 Reason.Scaling, (), id="a serving release that lost a pod says so, and has no deadline"),
    pytest.param(MODEL, seen_serving(MODEL, service=a_service(release=RELEASE, switched_at=NOON - seconds(60)),
                                     workloads=(a_workload(THIS_DEPLOYMENT, ready=0),), pod_problem=CRASH),
                 Reason.CrashLoop, (), id="a serving release whose pods crash says so"),
    pytest.param(MODEL, beside_old(seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),)),
                                   service=a_service(release=RELEASE)),
                 Reason.PodsLost, (), id="a release that loses its pods soon after the switch is given up"),
    pytest.param(MODEL, beside_old(seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0, existing=0),)),
                                   service=a_service(release=RELEASE)),
                 Reason.PodsLost, (), id="also in the moment in which its next pod is not made yet"),
    pytest.param(MODEL, seen_serving(MODEL, workloads=(a_workload(THIS_DEPLOYMENT, ready=0),)),
                 Reason.Scaling, (), id="with nothing to go back to its pods are waited for"),
    pytest.param(MODEL, seen_starting(MODEL), Reason.Deploying, (), id="starting pods are waited for"),
    pytest.param(MODEL, seen_starting(MODEL, pod_problem=UNPLACED), Reason.PodUnschedulable, (),
                 id="pods that cannot start say why"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(a_request(built_at=NOON - seconds(5)),),
                                      deployments=(a_deployment(refusal="configmap network not found"),)),
                 Reason.DeploymentRefused, (), id="yatai-deployment's refusal is told while there is no Deployment"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), requests=(a_request(built_at=NOON - seconds(4)),),
                                      deployments=(a_deployment(refusal="the bento has no image"),)),
                 Reason.Deploying, (), id="for a moment after the build its old refusal does not count"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), deployments=(a_deployment(refusal="Bento not found"),)),
                 Reason.Deploying, (), id="that there is no bento yet is a queue"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(), bento_gone=a_request().name,
                                      deployments=(a_deployment(refusal="Bento not found"),)), Reason.Building,
                 (DeleteRequest(a_request().name, a_request().uid), ApplyRequest(an_artifact())),
                 id="a Bento that somebody deleted is made again"),
    pytest.param(MODEL, seen_serving(MODEL, bento_gone=a_request().name, missing_kinds=frozenset({"BentoRequest"})),
                 Reason.YataiNotInstalled, (), id="no Bento is made again while Yatai is away"),
    pytest.param(MODEL, seen_serving(MODEL, requests=(BUILT_LONG_AGO,), deployments=(PARKED,)),
                 Reason.Ready, (), id="a release that is whole is left alone, whatever yatai-deployment says"),
    pytest.param(MODEL, seen_starting(MODEL, workloads=(
                     a_workload(THIS_DEPLOYMENT, ready=0, replica_failure="quota"),)),
                 Reason.PodsRefused, (), id="a quota that refuses pods is told"),
    pytest.param(a_model(replicas=3), seen_starting(a_model(replicas=3), workloads=(
        a_workload(a_deployment(a_model(replicas=3)), wanted=1),)), Reason.Deploying, (),
                 id="one ready pod is not enough while the autoscaler has not raised it to three"),
    pytest.param(MODEL, seen_ready(MODEL, workloads=(
        a_workload(THIS_DEPLOYMENT, generation=2, observed=1),)), Reason.Deploying, (),
                 id="a status of an older generation is not believed"),
    pytest.param(MODEL, seen_ready(MODEL, workloads=(replace(a_workload(THIS_DEPLOYMENT), owner="uid-other"),)),
                 Reason.Deploying, (), id="the Deployment of a namesake is not believed"),
    # The verdict on it.
    pytest.param(failed(CHECKED, reason="ContractBroken"), seen_starting(CHECKED, records=()), Reason.ContractBroken,
                 (note_failure(failed(CHECKED, reason="ContractBroken"), seen_starting(CHECKED)),),
                 id="a failure keeps its name while the pods of its release are waited for"),
    pytest.param(failed(MODEL), seen_exported(MODEL, records=()), Reason.CrashLoop,
                 (note_failure(failed(MODEL), seen_exported(MODEL)),),
                 id="nothing is made of a release that failed and of which nothing is there"),
    pytest.param(failed(CHECKED, reason="ContractBroken"), seen_ready(CHECKED, records=()), Reason.ContractBroken,
                 (note_failure(failed(CHECKED, reason="ContractBroken"), seen_ready(CHECKED)),),
                 id="a wrong prediction is not asked for again"),
    pytest.param(failed(MODEL, reason="ImagePullFailed"), seen_ready(MODEL, records=()), Reason.Switching,
                 (note(MODEL, seen_ready(MODEL)), TO_THIS,
                  note_failure(failed(MODEL, reason="ImagePullFailed"), seen_ready(MODEL))),
                 id="pods that came up after all are taken where there is nothing else"),
    pytest.param(replace(CHECKED, paused=True), beside_old(seen_ready(CHECKED)), Reason.Verifying,
                 (Verify(THIS_DEPLOYMENT.name, trial_of(CHECKED, RELEASE), THIS_DEPLOYMENT.uid),),
                 id="a rollout that is held is verified all the same"),
    pytest.param(CHECKED, seen_ready(CHECKED, verification=VerificationState.RUNNING), Reason.Verifying, (),
                 id="the answers are waited for"),
    pytest.param(CHECKED, seen_ready(CHECKED, verification=WRONG), Reason.VerificationFailed, (),
                 id="a wrong answer is the end of the release"),
    pytest.param(CHECKED, seen_ready(CHECKED, verification=VerificationState.PASSED), Reason.Switching,
                 (note(CHECKED, seen_ready(CHECKED)), TO_THIS), id="right answers earn the address"),
    pytest.param(replace(CANARY, paused=True), beside_old(seen_ready(CANARY)), Reason.Paused, (),
                 id="a rollout that is held takes no step"),
    pytest.param(CANARY, beside_old(seen_ready(CANARY)), Reason.Promoting, (), id="a canary begins with a step"),
    pytest.param(at_step(CANARY, 1), beside_old(seen_ready(CANARY), service=SHARED), Reason.CanaryPaused, (),
                 id="a canary keeps its share for a time"),
    pytest.param(at_step(CANARY, 4), beside_old(seen_ready(CANARY), service=SHARED), Reason.Switching,
                 (note(CANARY, beside_old(seen_ready(CANARY))), TO_THIS), id="after the last step the address moves"),
    # The switch, and what is left to do after it.
    pytest.param(MODEL, seen_ready(MODEL), Reason.Switching, (note(MODEL, seen_ready(MODEL)), TO_THIS),
                 id="the address moves when all pods are ready, and the ledger knows of it"),
    pytest.param(MODEL, FAILED_OVER, Reason.Switching, (note(MODEL, FAILED_OVER), TO_THIS),
                 id="the address moves before the previous release goes"),
    pytest.param(failed(MODEL), seen(records=RESTORABLE, requests=(a_request(),), deployments=(OLD_DEPLOYMENT,),
                                     workloads=(a_workload(OLD_DEPLOYMENT),)), Reason.Switching,
                 (TO_OLD, note_failure(failed(MODEL), seen(requests=(a_request(),)))),
                 id="the release that the bucket remembered takes the address before the failure is noted there"),
    pytest.param(LOST_BEFORE, FAILED_OVER, Reason.Deploying, (note_failure(LOST_BEFORE, FAILED_OVER),),
                 id="a release that lost its pods is tried again by itself two minutes later"),
    pytest.param(failed(MODEL, failed_at=NOON - seconds(60)), FAILED_OVER, Reason.CrashLoop,
                 (REMOVE_THIS, note_failure(failed(MODEL, failed_at=NOON - seconds(60)), FAILED_OVER)),
                 id="nothing waits until a failure is noted in the bucket"),
    pytest.param(failed(MODEL, failed_at=NOON - seconds(60)),
                 replace(FAILED_OVER, recorded_failures=frozenset({TRIAL})), Reason.CrashLoop, (REMOVE_THIS,),
                 id="the pods of a release that failed go after a while"),
    pytest.param(failed(MANUAL, failed_at=NOON - seconds(60)),
                 replace(FAILED_OVER, recorded_failures=frozenset({trial_of(MANUAL, RELEASE)})),
                 Reason.CrashLoop, (), id="they stay where somebody wants to look at them"),
    pytest.param(MODEL, beside_old(seen_serving(MODEL), service=a_service(release=RELEASE)), Reason.Ready, (),
                 id="the previous release stays for requests under way"),
    pytest.param(a_model(delay=0, history=0),
                 beside_old(seen_serving(a_model(delay=0, history=0), requests=(a_request(), earlier_request(1))),
                            service=a_service(release=RELEASE)),
                 Reason.Ready, (REMOVE_OLD,), id="the previous release goes before its image"),
    pytest.param(a_model(history=1),
                 seen_serving(a_model(history=1),
                              requests=(a_request(), earlier_request(1), earlier_request(2))),
                 Reason.Ready,
                 (DeleteArchive(earlier_request(1).artifact.uri, earlier_request(1).digest),
                  DeleteRequest(earlier_request(1).name, earlier_request(1).uid)),
                 id="the oldest images beyond the limit go, their archives first"),
    pytest.param(MODEL, seen(requests=(a_request(),), service=replace(SERVES_A_WHILE, selector={"app": "debug"})),
                 Reason.Switching, (replace(TO_THIS, switched_at=NOON - seconds(60)),),
                 id="an edited address is put right before a lost release is made again"),
    pytest.param(MODEL, seen(requests=(a_request(),), service=SERVES_A_WHILE, deployments=(OLD_DEPLOYMENT,),
                             workloads=(a_workload(OLD_DEPLOYMENT, wanted=0, ready=0),)),
                 Reason.Deploying, (deploy(),),
                 id="a lost release that serves is made again before another one is scaled up"),
    pytest.param(a_model(tag="churn:latest"), seen(requests=(a_request(),), service=SERVES_A_WHILE),
                 Reason.Deploying, (deploy(),),
                 id="a lost release is made again although the next one cannot be had"),
    pytest.param(a_model(tag="churn:latest"), seen(service=SERVES_A_WHILE, records=None),
                 Reason.TagRefused, (ReadReleaseStore(),),
                 id="the bucket is asked for a lost release that nothing else knows, and nothing waits for it"),
    pytest.param(a_model(tag="churn:latest"),
                 seen(service=SERVES_A_WHILE, records=(a_record(MODEL, image="an image"),)),
                 Reason.Deploying, (ApplyRequest(an_artifact()), deploy()),
                 id="the bucket knows a lost release"),
    pytest.param(MODEL, seen(requests=(a_request(),), service=SERVES_A_WHILE, deployments=(PATCHED_OLD,),
                             workloads=(BARE_OLD,), may_patch=True, unpatched=((BARE_OLD, seconds(0)),)),
                 Reason.Deploying, (deploy(),), id="a lost release is made again before another gets its fields"),
    pytest.param(MODEL, replace(AT_ZERO, deployments=(THIS_DEPLOYMENT, PATCHED_OLD), may_patch=True,
                                workloads=(a_workload(THIS_DEPLOYMENT), BARE_IDLE),
                                unpatched=((BARE_IDLE, seconds(0)),)),
                 Reason.Deploying, (PATCH_OLD,), id="a Deployment gets its fields before it is scaled up"),
    pytest.param(MODEL, TAKEN_BACK, Reason.PodPolicyMissing, (),
                 id="that something takes fields back is told before pods that are not ready"),
    pytest.param(MODEL, replace(TAKEN_BACK, unpatched=((BARE, seconds(0)),)), Reason.Deploying,
                 (PatchWorkload(PATCHED.name, BARE.uid, {}),), id="fields that were dropped are written again"),
    pytest.param(TWO, replace(TAKEN_BACK, unpatched=((BARE, seconds(0)),)), Reason.Deploying,
                 (PatchWorkload(PATCHED.name, BARE.uid, {}), ScaleWorkload(PATCHED.name, BARE.uid, 2)),
                 id="and with them the number of pods, which Yatai has set to one"),
    pytest.param(replace(MODEL, suspended=True), replace(TAKEN_BACK, unpatched=((BARE, seconds(0)),)), Reason.Deploying,
                 (PatchWorkload(PATCHED.name, BARE.uid, {}),), id="even if suspended: no pod would get a request"),
    pytest.param(replace(MODEL, suspended=True, invalid="spec is missing"),
                 replace(TAKEN_BACK, unpatched=((BARE, seconds(0)),)), Reason.SpecUnreadable, (),
                 id="but not while the spec cannot be read"),
    pytest.param(MODEL, replace(GIVEN, runners=(replace(RUNNER, is_bare=True),), may_patch=True,
                                unpatched=((replace(RUNNER, is_bare=True), seconds(0)),)), Reason.Deploying,
                 (PatchWorkload(RUNNER.name, RUNNER.uid, {}, is_runner=True),), id="a runner gets fields too"),
    pytest.param(MODEL, replace(GIVEN, runners=(replace(RUNNER, existing=2),)), Reason.Deploying, (),
                 id="the address waits until no runner has pods without the fields"),
    pytest.param(MODEL, replace(GIVEN, unpatched=((BARE_OLD, seconds(30)),)), Reason.Switching,
                 (note(MODEL, GIVEN), TO_PATCHED), id="another release whose fields are taken back holds up nothing"),
    pytest.param(MODEL, replace(GIVEN, runners=(RUNNER,)), Reason.Switching, (note(MODEL, GIVEN), TO_PATCHED),
                 id="a patched release gets the address, which selects only pods with the fields"),
    pytest.param(MODEL, replace(TAKEN_BACK, may_patch=False, unpatched=((BARE, seconds(0)),)), Reason.Scaling, (),
                 id="without leave to patch nothing is written"),
    pytest.param(NOTED, seen_exported(NOTED), Reason.Pending, (ReadReleaseStore(),),
                 id="the records of what served before a restore are waited for"),
    pytest.param(MODEL, RESTORED, Reason.Deploying, (),
                 id="the release that served before a restore is waited for before another one is made"),
    pytest.param(MODEL, replace(RESTORED, workloads=(a_workload(OLD_DEPLOYMENT),)), Reason.Switching, (TO_OLD,),
                 id="the release that served before a restore gets the address"),
    pytest.param(MODEL, replace(RESTORED, deployments=(replace(OLD_DEPLOYMENT, first_seen=NOON - seconds(601)),)),
                 Reason.Deploying, (deploy(),),
                 id="a release that does not come back is not waited for longer than a deadline"),
    pytest.param(MANUAL, replace(RESTORED, records=(a_record(OLD), a_record(MANUAL, "Failed"))), Reason.CrashLoop, (),
                 id="a recorded failure is told while the release before it comes back"),
    pytest.param(MODEL, seen_serving(MODEL), Reason.Ready, (), id="a model that serves needs nothing"),
    pytest.param(a_model(autoscaling=Autoscaling(minimum=1, maximum=5)),
                 seen_serving(a_model(autoscaling=Autoscaling(minimum=1, maximum=5)), workloads=(
                     a_workload(THIS_DEPLOYMENT, wanted=4),)),
                 Reason.Ready, (), id="any number within the autoscaler's bounds is right"),
]  # fmt: skip


EXCLUDE_EACH_OTHER = {
    ("judge_serving_release", "roll_back_failed_release"),
    ("reset_retried_release", "leave_failed_release"),
    ("leave_failed_release", "hold_paused_edit"),
    ("wait_for_serving_pods", "wait_for_pods"),
    ("wait_for_earlier_release", "report_sick_release"),
    ("resize_target_release", "make_room"),
    ("report_sick_release", "retry_lost_release"),
    ("retry_lost_release", "reset_retried_release"),
    ("wait_for_pods", "hold_failed_release"),
    ("start_guard", "renew_lost_bento"),
    ("renew_lost_bento", "wait_for_yatai"),
    ("wait_for_build", "retry_refused_deployment"),
    ("refuse_bare_pods", "wait_for_patched_pods"),
}
"""Neighbours that say the same, or of which one speaks of a release that failed, or cannot be had, the other not."""


@pytest.mark.parametrize(("model", "state", "reason", "actions"), SITUATIONS)
def test_plan(model: Model, state: Observed, reason: Reason, actions: tuple[Any, ...]) -> None:
    assert _verdict(model, state) == (reason, actions)
    assert table.plan(Situation(model, state), NOON).message


@pytest.mark.parametrize("position", range(len(table.RULES) - 1))
def test_two_neighbouring_rules_cannot_change_places_unnoticed(
    position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = list(table.RULES)
    rules[position], rules[position + 1] = rules[position + 1], rules[position]
    if (table.RULES[position].__name__, table.RULES[position + 1].__name__) in EXCLUDE_EACH_OTHER:
        assert not _some_verdict_changed()
        return
    monkeypatch.setattr(table, "RULES", tuple(rules))
    assert _some_verdict_changed(), f"{rules[position].__name__} may stand on either side of its neighbour"


@pytest.mark.parametrize("left_out", [rule.__name__ for rule in table.RULES])
def test_no_rule_can_be_left_out_unnoticed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RULES", tuple(rule for rule in table.RULES if rule.__name__ != left_out))
    assert _some_verdict_changed()


def _some_verdict_changed() -> bool:
    return any(_verdict(*situation.values[:2]) != situation.values[2:] for situation in SITUATIONS)


def _verdict(model: Model, state: Observed) -> object:
    try:
        chosen = table.plan(Situation(model, state), NOON)
    except (AssertionError, StopIteration) as error:
        return type(error)
    return chosen.reason, tuple(action for action in chosen.actions if not _is_beside(action))


def _is_beside(action: Any) -> bool:
    """Every plan for a canary with a share has its record after its own actions; a budget comes after all."""
    return _is_record_of_canary(action) or isinstance(action, ApplyBudget | DeleteBudget)


def _is_record_of_canary(action: Any) -> bool:
    return isinstance(action, WriteRecord) and action.record.result == release_record.CANARY


@pytest.mark.parametrize(
    ("step", "changes", "noted"),
    [
        pytest.param(None, {}, False, id="not before the first step"),
        pytest.param(1, {}, True, id="once it has a share"),
        pytest.param(1, {"recorded_canaries": frozenset({trial_of(CANARY, RELEASE)})}, False, id="not again"),
    ],
)
def test_a_canary_with_a_share_is_noted_in_the_bucket(
    step: int | None, changes: dict[str, Any], noted: bool
) -> None:
    model = CANARY if step is None else at_step(CANARY, step)
    chosen = table.plan(Situation(model, beside_old(seen_ready(CANARY), service=SHARED, **changes)), NOON)
    assert any(_is_record_of_canary(action) for action in chosen.actions) is noted


# What becomes of a verdict that a release is not to be had.


@pytest.mark.parametrize("rollback", list(Rollback), ids=lambda each: each.value)
def test_a_release_that_is_given_up_is_remembered_with_its_trial(rollback: Rollback) -> None:
    model = a_model(rollout={"rollback": rollback})
    state = beside_old(seen_serving(model, pod_problem=FINAL_CRASH), service=a_service(release=RELEASE))
    chosen = table.plan(Situation(model, state), NOON)
    if rollback is Rollback.DISABLED:
        assert (chosen.failure, chosen.stalled) == (None, True)
        return
    failure = chosen.failure
    assert failure
    assert (failure.release, failure.trial) == (RELEASE, trial_of(model, RELEASE))
    assert (failure.reason, failure.message, failure.failed_at) == (Reason.CrashLoop, CRASH.message, NOON)
    assert chosen.look_again == seconds(0)


def test_what_stands_in_for_a_failed_release_is_never_given_up() -> None:
    state = seen(records=RESTORABLE, requests=(a_request(),), deployments=(OLD_DEPLOYMENT,),
                 workloads=(a_workload(OLD_DEPLOYMENT, ready=0),), pod_problem=FINAL_CRASH)  # fmt: skip
    chosen = table.plan(Situation(failed(MODEL), state), NOON)
    assert (chosen.reason, chosen.failure) == (Reason.CrashLoop, None)


def test_a_failure_is_not_told_twice() -> None:
    late = NOON + seconds(600)
    chosen = table.plan(Situation(failed(MODEL), seen_starting(MODEL, records=())), late)
    assert (chosen.reason, chosen.failure) == (Reason.CrashLoop, None)


def test_others_words_are_cut_to_what_the_status_has_room_for() -> None:
    endless = replace(FINAL_CRASH, message="no\n" * 5000)
    state = beside_old(seen_serving(MODEL, pod_problem=endless), service=a_service(release=RELEASE))
    chosen = table.plan(Situation(MODEL, state), NOON)
    assert chosen.failure
    assert len(chosen.failure.message.encode()) == 1024


@pytest.mark.parametrize(
    ("state", "look_again"),
    [
        pytest.param(seen_serving(MODEL, records=AWAY), 15, id="although nothing else has to be looked at"),
        pytest.param(
            seen_building(MODEL, records=AWAY, pod_problem=UNPLACED), 5, id="unless there is an earlier look"
        ),
    ],
)
def test_a_bucket_that_does_not_answer_is_asked_again(state: Observed, look_again: int) -> None:
    assert table.plan(Situation(MODEL, state), NOON).look_again == seconds(look_again)


def test_a_rule_that_knows_the_release_may_not_be_asked_before_the_export() -> None:
    with pytest.raises(AssertionError, match="before the bento was exported"):
        cleanup.report_settled(Situation(MODEL, seen()), NOON)
    with pytest.raises(AssertionError, match="before the bento was exported"):
        reset_retried_release(Situation(MODEL, seen()), NOON)
