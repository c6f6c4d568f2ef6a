"""A cluster in memory, with a small Yatai and a bento store: the operator's real passes run on it.

It refuses what cannot be, gives every change a new version, removes what lost its owner, counts what is
asked of it, and fails when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from support.builders import ACCESS, NOON, an_artifact
from support.fakekube import FakeKube
from support.judges import Judges
from support.laws import Laws, is_ready
from support.smallledger import SmallLedger
from support.smallyatai import SmallYatai

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason, timestamp
from e2i.api.problem import Problem
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.jobs.export_jobs import ExportJobs
from e2i.controller.edge.release_store_cache import ReleaseStoreCache
from e2i.controller.reconcile import Outcome, Pass, reconcile
from e2i.kube import ApiError, Object
from e2i.kube.e2i_kinds import CHILDREN, E2I_MODELS

NAMESPACE = "models"


class World:
    """The whole stage: time, cluster, Yatai, store, and one operator at a time."""

    def __init__(self) -> None:
        self.now = NOON
        self.kube = FakeKube(self)
        self.ledger = SmallLedger()
        self.yatai = SmallYatai(self.kube, self.ledger.gone)
        self.digests: dict[str, str] = {}
        self.trouble: dict[str, Problem] = {}
        self.edited: set[str] = set()
        self._watched = True
        self.exports_begun: list[str] = []
        self.empty_store = False
        self.brought: set[str] = set()
        """Archives (uris) that CI has put into the bucket."""
        self.outcomes: Counter[Outcome] = Counter()
        self.statuses: list[tuple[datetime, str, str]] = []
        """(time, name of the model, its Ready condition) for every status that was written."""
        self.judges = Judges(self._wake, lambda: self.now)
        self.ledger.in_use = self._is_in_use
        self.laws = self.kube.laws = Laws(self.kube, self.judges, self.ledger)
        self.start_operator()

    def play_time(self) -> None:
        """The event loop's own clock follows the world's: what is remembered for a minute is, for a played one."""
        loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        loop.time = lambda: begun + (self.now - NOON).total_seconds()  # type: ignore[method-assign]

    def start_operator(self) -> None:
        """A fresh operator that knows nothing: it lists, as the real one does at its start."""
        self.view = Cache()
        self.due: dict[tuple[str, str], datetime] = {}
        self.exports = ExportJobs(self._bring, self._wake, limit=2)
        self.clients = Clients(
            kube=self.kube,  # type: ignore[arg-type]
            view=self.view,
            exports=self.exports,
            ledgers=ReleaseStoreCache(self.ledger),  # type: ignore[arg-type]
            verifications=self.judges,  # type: ignore[arg-type]
            watches=self.judges.watches,  # type: ignore[arg-type]
            access=ACCESS,
        )
        self.judges.forget_all()
        self.resync()

    def resync(self) -> None:
        self.view.missing_kinds = frozenset(self.kube.missing)
        for resource in (*CHILDREN, E2I_MODELS):
            bodies = [
                copy.deepcopy(item) for (kind, *_), item in self.kube.objects.items() if kind == resource.kind
            ]
            for key in self.view.replace(resource.kind, bodies, self.kube.version):
                self._wake(key)
        for model in self.view.models():
            self._wake(model.key)

    async def rebuild(self) -> None:
        """The cluster is lost and made anew: nothing but the bucket and perhaps the store is left."""
        for place in [place for place in self.kube.objects if place[0] == naming.KIND]:
            self.kube.remove(place)
        assert not self.all("BentoDeployment")
        await self.restart()

    async def restart(self) -> None:
        await self.exports.close()
        self.start_operator()

    async def close(self) -> None:
        await self.exports.close()

    async def later(self) -> None:
        """So much later that no result of an export is remembered, as after the time between two looks."""
        await self.exports.close()
        self.exports = ExportJobs(self._bring, self._wake, limit=2)
        self.clients = replace(self.clients, exports=self.exports)
        for model in self.view.models():
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
            if pod["metadata"]["labels"][naming.RELEASE_LABEL] == release
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
            if not worked and not self.due:
                return
            self.now += timedelta(seconds=step)

    async def run_due(self) -> bool:
        """Every pass that is due now; whether there was one."""
        due = sorted(key for key, at in self.due.items() if at <= self.now)
        for key in due:
            del self.due[key]
            self._follow(key, await self.run_pass(key))
        return bool(due)

    async def run_pass(self, key: tuple[str, str] = (NAMESPACE, "churn")) -> Pass:
        try:
            ended = await reconcile(key, self.clients)
        except ApiError:
            ended = Pass(outcome=Outcome.FAILED)
        self.outcomes[ended.outcome] += 1
        return ended

    def _follow(self, key: tuple[str, str], ended: Pass) -> None:
        if ended.outcome is Outcome.CHANGED:
            self._wake(key)
        elif ended.outcome is Outcome.FAILED:
            self._wake(key, timedelta(seconds=1))
        if ended.look_again is not None:
            self._wake(key, ended.look_again)

    def _wake(self, key: tuple[str, str], delay: timedelta = timedelta(0)) -> None:
        self.due[key] = min(self.now + delay, self.due.get(key, datetime.max.replace(tzinfo=self.now.tzinfo)))

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """What happens in the block is not told to the operator yet."""
        self._watched = False
        yield
        self._watched = True

    def tell(self, kind: str, event: str, body: Object) -> None:
        """What the watches tell the operator."""
        if not self._watched or kind not in {resource.kind for resource in (*CHILDREN, E2I_MODELS)}:
            return
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if kind == naming.KIND and "status" in body:
            self._note_status(key[1])
        if event == "DELETED":
            concerned = self.view.remove(kind, key, metadata["uid"])
            if kind == naming.KIND:
                self.clients.let_go(key)
        else:
            concerned = self.view.put(kind, copy.deepcopy(body))
        if concerned:
            self._wake(concerned)

    def _note_status(self, name: str) -> None:
        if (self.kube.objects.get((naming.KIND, NAMESPACE, name)) or {}).get("status"):
            self.statuses.append((self.now, name, self.condition(name=name)))

    def _bring(self, reference: str, progress: object, cancel: threading.Event) -> Artifact | Problem:
        self.exports_begun.append(reference)
        tag, _, digest = reference.partition("@")
        if digest:
            brought = an_artifact(tag, digest)
            there = brought.uri in self.brought
            return brought if there else Problem(reason=Reason.BentoNotFound, message=f"no {brought.uri}")
        if tag in self.trouble:
            return self.trouble[tag]
        if tag.startswith("missing") or self.empty_store:
            return Problem(reason=Reason.BentoNotFound, message=f"the store has no {tag}", stalled=True)
        artifact = an_artifact(tag, self.digests.get(tag, digest_of(tag)))
        self.ledger.gone.discard(artifact.uri)
        return artifact


def _goes(body: Object) -> bool:
    return "deletionTimestamp" in body["metadata"]


def digest_of(tag: str) -> str:
    """A bento's digest, for a store that holds every bento."""
    return f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"
