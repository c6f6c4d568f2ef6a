"""A cluster in memory, with a fake Yatai and a fake bento store. The real `Operator` runs on it, in played time.

The world is the only worker: it lets the operator run the passes that are due, one by one, then lets Yatai work, then
moves its clock. The event loop's clock follows, so that the queue, the resync and what is kept for a while do too.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

from support.builders import ACCESS, NOON, an_artifact
from support.care_laws import CareLaws
from support.fake_kube import FakeKube, matches
from support.fake_release_store import FakeReleaseStore
from support.fake_verification import FakeGuardJobs, FakeVerificationJobs
from support.fake_yatai import FakeYatai
from support.laws import Laws, is_ready

from e2i.api import naming
from e2i.api.artifact import ArchivePlace, Artifact
from e2i.api.conditions import Reason, timestamp
from e2i.api.image_source import ImageName
from e2i.api.problem import Problem
from e2i.archive.export_progress import Attempt
from e2i.clock import Clock
from e2i.controller.app import Operator
from e2i.controller.core.drift.scores import Scores
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.edge.bucket_refill import BucketRefill
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.claims import Claims
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.drift_watch import DriftWatch
from e2i.controller.edge.event_queue import EventQueue
from e2i.controller.edge.event_recorder import EventRecorder
from e2i.controller.edge.failure_memory import FailureMemory
from e2i.controller.edge.image_registry import ImageRegistry, RegistryError
from e2i.controller.edge.image_tags import is_image, resolve
from e2i.controller.edge.jobs.archive_use import ArchiveUse
from e2i.controller.edge.jobs.export_jobs import KEEP_ARTIFACT, ExportJobs
from e2i.controller.edge.jobs.release_store_jobs import ReleaseStoreJobs
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.pod_policy import PodPolicy
from e2i.controller.edge.release_store import ReleaseStore
from e2i.controller.edge.service_look import ServiceLook
from e2i.controller.edge.supervisor import Supervisor
from e2i.controller.edge.work_queue import Key, Queue
from e2i.controller.reconcile import Outcome, Pass
from e2i.kube import ApiError, Object

NAMESPACE = "models"


class WatchedOperator(Operator):
    """The real operator; it counts the outcomes of its passes and keeps what it takes for bugs."""

    def __init__(
        self,
        clients: Clients,
        queue: Queue,
        supervisor: Supervisor,
        outcomes: Counter[Outcome],
        judge: Callable[[Key, Pass], None],
    ) -> None:
        super().__init__(clients, queue, supervisor, workers=0, check_bucket=_find_nothing)
        self.bugs: list[Exception] = []
        self._outcomes = outcomes
        self._judge = judge

    async def run_pass(self, key: Key) -> Pass:
        try:
            ended = await super().run_pass(key)
        except ApiError:
            self._outcomes[Outcome.FAILED] += 1
            raise
        except Exception as error:
            self.bugs.append(error)
            raise
        self._outcomes[ended.outcome] += 1
        try:
            self._judge(key, ended)
        except AssertionError as broken:
            self.bugs.append(broken)
        return ended


async def _find_nothing() -> None:
    """The check of a bucket in which nothing is wrong."""


class World:
    """The whole stage: time, cluster, Yatai, store, and one operator at a time. Made while an event loop runs."""

    def __init__(self) -> None:
        self.now = NOON
        """The true time. Whose clock differs from it, `skew` says."""
        self.skew = {"operator": timedelta(0), "server": timedelta(0)}
        self._play_time()
        self.kube = FakeKube(self)
        self.release_store = FakeReleaseStore()
        self.yatai = FakeYatai(self.kube, self.release_store.gone)
        self._fill_store()
        self.archive_place = ArchivePlace("e2i")
        """Where the next operator keeps archives."""
        self.lease = "e2i-system/e2i-operator"
        """The Lease of the next operator: with another one it is another installation."""
        self.may_patch = False
        """The next operator may write fields of pods into Deployments."""
        self._watched = True
        self._missed: set[tuple[str, str, str]] = set()
        """Kind, namespace and name of what watches did not tell."""
        self.outcomes: Counter[Outcome] = Counter()
        self._refused = 0
        self.ends: list[str] = []
        """Why the process would have ended by itself."""
        self.statuses: list[tuple[datetime, str, str]] = []
        """(time, name of the model, its Ready condition) for every status that was written."""
        self.scores: Scores = {}
        """The drift of each feature that every pod shows."""
        self.guard = FakeGuardJobs(self._wake, lambda: self.now)
        self.verification = FakeVerificationJobs(self._wake)
        self.release_store.in_use = self._is_in_use
        self.laws = self.kube.laws = Laws(self.kube, self.verification, self.release_store)
        self._make_operator()

    def _fill_store(self) -> None:
        """Let there be bentos, archives and images, as the tests name them."""
        self.digests: dict[str, str] = {}
        self.path_prefixes: dict[str, str] = {}
        """By tag: the path under which the service answers."""
        self.problems: dict[str, Problem] = {}
        """By tag: why its export fails."""
        self.edited: set[str] = set()
        self.exports_begun: list[str] = []
        self.empty_store = False
        self.registry: dict[str, str] = {}
        """Digests of images by name:tag."""
        self.tag_registries: set[str] = set()
        """Hosts whose tags the operator's settings allow."""
        self.brought: set[str] = set()
        """Archives (uris) that CI has put into the bucket."""

    def _play_time(self) -> None:
        """Let the event loop's clock follow the world's."""
        loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        loop.time = lambda: begun + (self.now - NOON).total_seconds()  # type: ignore[method-assign]

    def server_time(self) -> datetime:
        return self.now + self.skew["server"]

    def hear_server(self) -> None:
        """The operator's client hears the Date of each answer."""
        self.clock.hear(format_datetime(self.server_time(), usegmt=True))

    def _make_operator(self) -> None:
        """Make an operator that knows nothing."""
        self.clock = Clock(lambda: self.now + self.skew["operator"], asyncio.get_running_loop().time)
        self.measures = Measures()
        self.queue, self.cache = Queue(self.measures), Cache()
        use = ArchiveUse(self.cache)
        store, turns = cast(ReleaseStore, self.release_store), Turns("bucket", slots=4)
        records = ReleaseStoreJobs(store, self._wake, use, turns)
        self.verification.forget_all()
        self.guard.forget_all()
        events = EventQueue(EventRecorder(self.kube).record)  # type: ignore[arg-type]
        self.clients = Clients(
            kube=self.kube,  # type: ignore[arg-type]
            cache=self.cache,
            events=events,
            claims=Claims(self.kube, self.lease, self.cache, events),  # type: ignore[arg-type]
            archive_use=use,
            export_jobs=ExportJobs(
                self._bring, self._wake, 2, use, records.delete_leftover, ended=self.measures.exported
            ),
            release_store_jobs=records,
            verification_jobs=self.verification,  # type: ignore[arg-type]
            guard_jobs=self.guard,  # type: ignore[arg-type]
            failure_memory=FailureMemory(),
            drift_watch=self._drift_watch(),
            bucket_refill=BucketRefill(
                self.cache, self.archive_place, store, self._bring, use, records.doubt, self._wake
            ),
            pod_policy=PodPolicy(self.kube),  # type: ignore[arg-type]
            service_look=ServiceLook(self.kube, self.cache),  # type: ignore[arg-type]
            measures=self.measures,
            may_patch=self.may_patch,
            access=ACCESS,
            archive_place=self.archive_place,
        )
        self.supervisor = Supervisor(self.ends.append)
        self.operator = WatchedOperator(
            self.clients, self.queue, self.supervisor, self.outcomes, self._judge_care
        )

    def _judge_care(self, key: Key, ended: Pass) -> None:
        """Ask the laws of care after a pass of an operator that could write, and has nothing to do at once."""
        body = self.kube.objects.get((naming.KIND, *key))
        could_write, self._refused = self._refused == self.kube.refused, self.kube.refused
        again = ended.outcome in (Outcome.CHANGED, Outcome.GONE) or ended.look_again == timedelta(0)
        if body is None or again or not could_write or not self._knows_all():
            return
        if body.get("status", {}).get("operator") != self.lease:
            return  # Another operator cares for it.
        broken = CareLaws(self.kube, self.guard, body).broken()
        assert not broken, broken

    def _knows_all(self) -> bool:
        """Return whether the operator has seen by now what its watches missed."""
        for kind, *key in self._missed:
            item, known = (
                self.kube.objects.get((kind, key[0], key[1])),
                self.cache._kind(kind).get((key[0], key[1])),
            )
            if (item and item["metadata"]["resourceVersion"]) != (known and known.version):
                return False
        return True

    async def start(self) -> None:
        """Start the operator. Without this its passes run, but no resync."""
        await self.operator.start()
        await asyncio.sleep(0)  # So that its tasks begin at this moment of the played time.

    async def rebuild(self) -> None:
        """The cluster is lost and made anew: nothing but the bucket and perhaps the store is left."""
        for place in [place for place in self.kube.objects if place[0] == naming.KIND]:
            self.kube.remove(place)
        assert not self.all("BentoDeployment")
        await self.restart()

    async def restart(self) -> None:
        """Stop the operator and start another one."""
        await self.operator.stop()
        self._make_operator()
        await self.start()

    async def close(self) -> None:
        """Stop the operator."""
        await self.operator.stop()
        assert self.ends == [], "no task ended unseen"

    async def later(self) -> None:
        """Let the time pass for which the result of an export is kept, then wake every model."""
        await self.pass_time(KEEP_ARTIFACT + 1)
        for model in self.cache.models():
            self._wake(model.key)

    # What people do.

    def apply(self, name: str = "churn", tag: str = "churn:1", **spec: Any) -> None:
        """As `kubectl apply` of a whole manifest does."""
        place = (naming.KIND, NAMESPACE, name)
        body = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"type": "Classification", "bento": {"tag": tag}, **spec},
        }
        if place in self.kube.objects:
            body = {**self.kube.objects[place], "spec": body["spec"]}
        self.kube.put(place, body)

    def annotate(self, name: str = "churn", **annotations: str) -> None:
        """retry_at="1" sets serving.e2i.dev/retry-at to 1."""
        place = (naming.KIND, NAMESPACE, name)
        old = self.kube.objects[place]
        named = {f"{naming.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()}
        kept = old["metadata"].get("annotations", {})
        self.kube.put(place, {**old, "metadata": {**old["metadata"], "annotations": {**kept, **named}}})

    def delete(self, name: str = "churn") -> None:
        """One with a finalizer is only marked."""
        place = (naming.KIND, NAMESPACE, name)
        old = self.kube.objects[place]
        if old["metadata"].get("finalizers"):
            marked = {**old["metadata"], "deletionTimestamp": timestamp(self.now)}
            self.kube.put(place, {**old, "metadata": marked})
        else:
            self.kube.remove(place)

    def stranger(self, kind: str, name: str) -> None:
        self.kube.put((kind, NAMESPACE, name), {"kind": kind, "metadata": {"name": name, "namespace": NAMESPACE},
                                                "spec": {"bento": "x", "bentoTag": "x:y"}})  # fmt: skip

    def edit(self, kind: str, name: str, **spec: Any) -> None:
        place = (kind, NAMESPACE, name)
        self.edited.add(name)
        old = self.kube.objects[place]
        self.kube.put(place, {**old, "spec": {**old["spec"], **spec}})

    # What is to be seen.

    def all(self, kind: str) -> list[Object]:
        return self.kube.all(kind)

    def status(self, name: str = "churn") -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.kube.objects[naming.KIND, NAMESPACE, name].get("status", {})
        return status

    def condition(self, kind: str = "Ready", name: str = "churn") -> str:
        """True/Ready, or nothing"""
        found = [item for item in self.status(name).get("conditions", ()) if item["type"] == kind]
        return f"{found[0]['status']}/{found[0]['reason']}" if found else "nothing"

    def address(self, name: str = "churn") -> str | None:
        """The release that the model's Service belongs to."""
        service = self.kube.objects.get(("Service", NAMESPACE, name))
        if service is None:
            return None
        selected: str | None = service["spec"].get("selector", {}).get(naming.RELEASE_LABEL)
        return selected or service["metadata"]["annotations"].get(naming.SERVING_ANNOTATION)

    def takes_in(self, name: str = "churn") -> list[str]:
        """Releases with ready pods that the model's Service selects."""
        return sorted({pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in self.laws.selected(name)})

    def shares(self, name: str = "churn") -> dict[str, int]:
        """Ready pods at the model's address, by release."""
        return dict(
            Counter(pod["metadata"]["labels"][naming.RELEASE_LABEL] for pod in self.laws.selected(name))
        )

    def pods_of(self, release: str | None) -> int:
        """Ready pods."""
        return sum(
            is_ready(pod)
            for pod in self.all("Pod")
            if pod["metadata"]["labels"].get(naming.RELEASE_LABEL) == release
        )

    def releases(self, name: str = "churn") -> list[str]:
        """Those that have a BentoDeployment."""
        labels = [item["metadata"]["labels"] for item in self.all("BentoDeployment")]
        return sorted(each[naming.RELEASE_LABEL] for each in labels if each[naming.MODEL_LABEL] == name)

    def history(self, name: str = "churn") -> list[tuple[str, str]]:
        """(release, result), the newest first."""
        return [(entry["release"], entry["result"]) for entry in self.status(name).get("history", ())]

    def failed(self, name: str = "churn") -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.status(name).get("failedReleases", [])
        return found

    def told(self, name: str = "churn") -> list[str]:
        """Reasons of the events of a model."""
        return [reason for of, _, reason in self.kube.events if of == name]

    def _is_in_use(self, uri: str) -> bool:
        """Whether a BentoDeployment was made of the archive, or a second model has an image of it."""
        going = [
            name for (kind, _, name), item in self.kube.objects.items() if kind == naming.KIND and _goes(item)
        ]
        requests = [item for item in self.all("BentoRequest") if item["spec"].get("downloadUrl") == uri]
        requests = [item for item in requests if item["metadata"]["labels"][naming.MODEL_LABEL] not in going]
        names = {item["metadata"]["name"] for item in requests}
        models = {item["metadata"]["labels"][naming.MODEL_LABEL] for item in requests}
        return len(models) > 1 or any(
            child["spec"]["bento"] in names for child in self.all("BentoDeployment")
        )

    def was_edited(self, item: Object) -> bool:
        return item["metadata"]["name"] in self.edited

    # Time goes on.

    async def run(self, passes: int = 60, step: float = 1.0, yatai: bool = True) -> None:
        """Let the operator and Yatai work, a second at a time, until nobody has anything to do."""
        for _ in range(passes):
            worked = await self.run_due()
            if yatai:
                worked = self.yatai.step(self.now) or worked
            if not worked and self.queue.is_idle:
                return
            await self.pass_time(step)

    async def run_due(self) -> bool:
        """Run one pass for every model that is due now; return whether there was one."""
        count = len(self.queue)
        for _ in range(count):
            await self.operator.run_next_pass()
            await self.clients.events.close()
            if self.operator.bugs:
                raise self.operator.bugs[0]
        return count > 0

    async def run_pass(self, key: Key = (NAMESPACE, "churn")) -> None:
        """Run a pass for the model, although it may not be due."""
        self._wake(key)
        await self.run_due()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and let the timers ring that are due by then."""
        self.now += timedelta(seconds=seconds)
        self.hear_server()  # The operator renews its Lease all the time.
        # A timer rings in the first turn of the loop, and its task runs in the third.
        for _ in range(3):
            await asyncio.sleep(0)

    def _wake(self, key: Key) -> None:
        self.queue.add(key)

    async def look_at_drift(self, times: int = 1) -> None:
        """A minute passes, the operator looks at the pods, and does what follows; so many times."""
        assert self.clients.drift_watch
        for _ in range(times):
            await self.pass_time(60)
            await self.clients.drift_watch.look_at_all()
            await self.run(passes=5)

    def _drift_watch(self) -> DriftWatch:
        """It looks when the test says so."""
        return DriftWatch(self.cache.of_models, self._wake, PodNetwork(), 1e9, self._read_drift)

    async def _read_drift(self, addresses: list[str], *, path_prefix: str) -> list[Scores]:
        return [self.scores for _ in addresses if self.scores]

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """The watches of the operator miss what happens in the block."""
        self._watched = False
        yield
        self._watched = True

    def tell(self, kind: str, event: str, body: Object) -> None:
        """Pass a watch event on to the operator."""
        if not self._watched:
            self._missed.add((kind, body["metadata"]["namespace"], body["metadata"]["name"]))
            return
        if kind == naming.KIND and "status" in body:
            self._note_status(body["metadata"]["name"])
        self.deliver(kind, event, json.loads(json.dumps(body)))

    def deliver(self, kind: str, event: str, body: Object) -> None:
        """Send a watch event of the kind to the operator."""
        for informer in self.operator.informers:
            source = informer.source
            if source.resource.kind == kind:
                # An object that lost its label is deleted for a watch that selects by it.
                change = event if matches(body, source.labels) else "DELETED"
                informer.take(change, self.cache.see(source.kind, body))

    def _note_status(self, name: str) -> None:
        if (self.kube.objects.get((naming.KIND, NAMESPACE, name)) or {}).get("status"):
            self.statuses.append((self.now, name, self.condition(name=name)))

    def _bring(self, attempt: Attempt) -> Artifact | Problem:
        self.exports_begun.append(attempt.reference)
        tag, _, digest = attempt.reference.partition("@")
        if is_image(attempt.reference):
            return resolve(
                attempt.reference, cast(ImageRegistry, FakeRegistry(self.registry)), self.tag_registries
            )
        if digest:
            brought = an_artifact(tag, digest)
            there = brought.uri in self.brought
            return brought if there else Problem(reason=Reason.BentoNotFound, message=f"no {brought.uri}")
        if tag in self.problems:
            return self.problems[tag]
        if tag.startswith("missing") or self.empty_store:
            return Problem(reason=Reason.BentoNotFound, message=f"the store has no {tag}", stalled=True)
        artifact = an_artifact(tag, self.digests.get(tag, digest_of(tag)))
        if attempt.wanted not in ("", artifact.digest):
            message = f"The bento store has another content under {tag}."
            return Problem(reason=Reason.BentoNotFound, message=message, stalled=True)
        uri = self.archive_place.uri(tag, artifact.digest, attempt.namespace)
        artifact = replace(artifact, path_prefix=self.path_prefixes.get(tag, ""), uri=uri)
        if self.release_store.upload(artifact.uri, attempt.namespace):
            attempt.progress(1, 1)
        return artifact


class FakeRegistry:
    """A registry that knows these digests of images, by name:tag."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = digests

    def digest(self, image: ImageName) -> str:
        found = self._digests.get(f"{image.name}:{image.tag}")
        if found is None:
            raise RegistryError(Reason.ImageNotFound, f"The registry has no image {image.name}:{image.tag}.")
        return found


def _goes(body: Object) -> bool:
    return "deletionTimestamp" in body["metadata"]


def digest_of(tag: str) -> str:
    """A bento's digest, for a store that holds every bento."""
    return f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"
