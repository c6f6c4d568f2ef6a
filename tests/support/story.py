"""One model's life, step by step, for tests that try many lives; and what must be true when it has come to rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.world import NAMESPACE, World, digest_of

from e2i.api import naming
from e2i.api.model import FINALIZER
from e2i.archive.errors import BucketUnreachable
from e2i.controller.reconcile import Outcome
from e2i.kube import ApiError

Step = tuple[str, int]

VERIFY = [{"path": "/predict"}]
STEPS: tuple[list[dict[str, Any]], ...] = (
    [{"setWeight": 25}, {"pause": {"duration": "5s"}}],
    [{"setWeight": 10}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "3s"}}],
    [{"setWeight": 50}],
    [{"pause": {"duration": "4s"}}, {"setWeight": 80}, {"pause": {"duration": "4s"}}],
)
ROLLBACKS = ("Automatic", "Manual", "Disabled", "Automatic")
KEPT = ("deadline", "delay")


class Story:
    """A model whose spec and surroundings are changed step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rollout: dict[str, Any] = {"progressDeadlineSeconds": 30, "scaleDownDelaySeconds": 10}
        self.spec: dict[str, Any] = {"tag": "churn:0"}
        self._apply()

    async def take(self, step: Step) -> None:
        kind, number = step
        if kind == "time":
            await self.world.run(passes=(1, 3, 12, 40)[number])
        elif kind == "restart":
            await self.world.restart()
        elif kind == "rebuild":
            await self.world.rebuild()
            self.world.empty_store = number == 3
            self._apply()
        else:
            self._deeds(number)[kind]()

    def _deeds(self, number: int) -> dict[str, Callable[[], object]]:
        return {**self._of_the_spec(number), **self._of_the_world(number)}

    def _of_the_spec(self, number: int) -> dict[str, Callable[[], object]]:
        return {
            "tag": lambda: self.change(tag=f"churn:{number}"),
            "env": lambda: self.change(env=[{"name": "MODE", "value": f"mode {number}"}]),
            "replicas": lambda: self.change(replicas=(1, 2, 3, 10)[number]),
            "park": lambda: self.change(replicas=(0, 0, 1, 3)[number]),
            "suspend": lambda: self.change(suspend=number == 3),
            "strategy": lambda: self.strategy(number),
            "rollback": lambda: self.roll_out(rollback=ROLLBACKS[number]),
            "verify": lambda: self.roll_out(verify=VERIFY if number else None),
            "watch": lambda: self.roll_out(watch={"seconds": 20, "maxErrorRatio": "0.1"} if number else None),
            "history": lambda: self.roll_out(revisionHistoryLimit=number),
            "keep": lambda: self.change(deletionPolicy="Delete" if number == 3 else "Retain"),
            "retry": lambda: self.world.annotate(retry_at=str(number)),
            "promote": lambda: self.world.annotate(promote_at=str(number)),
            "pause": lambda: self.world.annotate(paused="true" if number == 3 else "false"),
            "again": self.again,
        }

    def _of_the_world(self, number: int) -> dict[str, Callable[[], object]]:
        yatai, mode = self.world.yatai, f"mode {number}"
        return {
            "bad build": lambda: _turn(yatai.bad_builds, digest_of(f"churn:{number}")),
            "slow build": lambda: _turn(yatai.slow_builds, digest_of(f"churn:{number}")),
            "bad pods": lambda: _turn(yatai.bad_pods, mode),
            "crashing": lambda: _turn(yatai.crashing, mode),
            "unpullable": lambda: _turn(yatai.unpullable, mode),
            "refused": lambda: _turn(yatai.refused, mode),
            "parked": lambda: _turn(yatai.parked, mode),
            "sick": lambda: self.sicken(number),
            "bad answers": lambda: _turn(self.world.verification.bad_answers, mode),
            "slow answers": lambda: setattr(self.world.verification, "slow", number == 3),
            "bad metrics": lambda: _turn(self.world.guard.bad_metrics, mode),
            "fault": lambda: self.world.kube.fail.append(
                ApiError((409, 403, 500, 0)[number], "Fault", "a fault")
            ),
            "bucket": lambda: self.bucket(number),
            "edit": self.edit,
            "gone": lambda: self.lose(("Service", "BentoDeployment", "BentoRequest", "Deployment")[number]),
        }

    def change(self, **spec: object) -> None:
        self.spec |= spec
        self._apply()

    def roll_out(self, **rollout: object) -> None:
        """None takes a field away."""
        self.rollout = {key: value for key, value in (self.rollout | rollout).items() if value is not None}
        self._apply()

    def _apply(self) -> None:
        self.world.apply(**self.spec, rollout=self.rollout)

    def strategy(self, number: int) -> None:
        if number == 0:
            self.roll_out(strategy="BlueGreen", steps=None)
        elif number == 1:
            self.roll_out(strategy="InPlace", steps=None)
        else:
            self.roll_out(strategy="Canary", steps=STEPS[number + len(self.rollout) % 2 - 2])

    def sicken(self, number: int) -> None:
        """Some pods of what serves stop to be ready, or are well again."""
        release = self.world.address()
        if release:
            self.world.yatai.sick[release] = (0, 1, 2, 10)[number]

    def bucket(self, number: int) -> None:
        self.world.release_store.failure = BucketUnreachable("no answer") if number == 3 else None

    def edit(self) -> None:
        if ("Service", NAMESPACE, "churn") in self.world.kube.objects:
            self.world.edit("Service", "churn", selector={"app": "debug"})

    def lose(self, kind: str) -> None:
        """Somebody removes a child of the model."""
        for place in [place for place in self.world.kube.objects if place[0] == kind][:1]:
            self.world.kube.remove(place)

    def again(self) -> None:
        """Deleted and created anew; one that its finalizer holds is not."""
        body = self.world.kube.objects[naming.KIND, NAMESPACE, "churn"]
        if FINALIZER not in body["metadata"].get("finalizers", ()):
            self.world.delete()
            self._apply()

    # When it has come to rest.

    def is_well(self) -> bool:
        """Nothing is wrong with what the spec asks for."""
        mode = next((item["value"] for item in self.spec.get("env", ())), "")
        yatai, world = self.world.yatai, self.world
        of_pods = yatai.bad_pods | yatai.crashing | yatai.unpullable | yatai.refused | yatai.parked
        digest = digest_of(self.spec["tag"])
        well = mode not in of_pods | world.verification.bad_answers | world.guard.bad_metrics
        built = digest not in yatai.bad_builds | yatai.slow_builds
        return (
            well
            and built
            and not world.verification.slow
            and not any(yatai.sick.values())
            and not world.empty_store
        )

    def is_held(self) -> bool:
        annotations = self.world.kube.objects[naming.KIND, NAMESPACE, "churn"]["metadata"].get(
            "annotations", {}
        )
        return bool(self.spec.get("suspend")) or annotations.get("serving.e2i.dev/paused") == "true"

    def check_told(self) -> None:
        """Settled, stalled, or held by somebody; never merely on its way."""
        ready, stalled, waits = (self.world.condition(kind) for kind in ("Ready", "Stalled", "Reconciling"))
        held = self.is_held() or ready.endswith("/CanaryPaused")
        # A release that serves and lost pods is waited for without an end, as is everything that is Disabled.
        lost = ("Scaling", "CrashLoop", "PodsRefused", "ImagePullFailed")
        patient = waits.removeprefix("True/") in lost and not self.is_well()
        patient |= self.world.verification.slow and ready.endswith("/Verifying")
        patient |= self.rollout.get("rollback") == "Disabled" and not self.is_well()
        assert ready.startswith("True") or stalled != "nothing" or held or patient, (ready, stalled, waits)
        if self.is_well() and not held and not self.world.failed():
            # Without a quarantine, nothing but a deleted BentoRequest makes Yatai build the same again.
            spent = self.rollout.get("rollback") == "Disabled" and ready == "False/BuildFailed"
            expected = "True/Parked" if self.spec.get("replicas") == 0 else "True/Ready"
            assert ready == expected or spent, (ready, stalled, waits)

    def check_consistent(self) -> None:
        """The status says what is, and the history has one release that serves."""
        world, status = self.world, self.world.status()
        if self.spec.get("suspend"):
            return
        assert status.get("servingRelease") == world.address()
        serving = [release for release, result in world.history() if result == "Serving"]
        # Of a Service that somebody removed the history still knows.
        assert serving == [world.address()] or not world.address()
        assert len(serving) <= 1
        assert len(world.history()) <= self.rollout.get("revisionHistoryLimit", 5) + 1
        if not self.is_held() and not self.world.condition().endswith("/CanaryPaused"):
            # Without an address there may be one that is being made again.
            others = set(world.releases()) - {world.address(), status.get("desiredRelease")}
            assert len(others) <= (world.address() is None), others
        if world.condition("RolledBack") != "nothing":
            assert world.address() not in [failure["release"] for failure in world.failed()]

    async def check_quiet(self) -> None:
        """Nothing is written by further passes, nor after a restart; nor is anything done in vain."""
        world = self.world
        for restart in (False, True):
            if restart:
                await world.restart()
                # A new operator may have to ask the ledger, the release and its metrics once more.
                await world.run(passes=10)
            world.kube.writes.clear()
            world.outcomes.clear()
            await world.run_pass()
            await world.run(passes=40)
            # Yatai has to be asked again for what it gave up, and the store for what it has not.
            again = {("apply", "BentoDeployment"): 1} if world.yatai.parked else {}
            assert world.kube.writes in ({}, again), world.kube.writes
            tries = 4 if world.empty_store else 1 if again else 0
            assert world.outcomes[Outcome.CHANGED] <= tries, world.outcomes
            assert not world.outcomes[Outcome.FAILED], world.outcomes


def _turn(among: set[str], item: str) -> None:
    """In if it was out, out if it was in."""
    among.symmetric_difference_update({item})
