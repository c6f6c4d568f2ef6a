"""What the operator asks of the API server in the life of a model.

The Yatai stand-in makes the children; images are there already and pods are ready at once (`fake_node`), so what
is counted is what the operator needs in any case. Builds and pods are watched, so to wait for them adds no request.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.audit import READS, Tally, is_quiet, tally
from benchmarks.fake_node import FakeNode
from benchmarks.figures import machine, say, table
from benchmarks.goals import FULL, Report, Sizes
from benchmarks.plant import (
    MODELS,
    NAMESPACE,
    OPERATOR_USER,
    a_model,
    bench_cluster,
    operator,
    service_account,
)
from benchmarks.store import export_ahead, put_bento

from e2i import clock
from e2i.api import naming
from e2i.kube import Kube, Object
from e2i.local.cluster import start_components
from e2i.local.images import ImageStore, LocalImage
from e2i.local.layout import ClusterHome
from e2i.local.yatai.builds import NAMESPACE_ANNOTATION, image_name

FIRST, SECOND = "small:1.0.0", "small:2.0.0"
QUIET = timedelta(seconds=3)
PATIENCE = 600.0
SHORT_RESYNC = Path(__file__).with_name("short_resync.py")
RESYNC_SPAN = 4.0


@dataclass
class Figures:
    """What was measured so far."""

    requests: list[tuple[str, Tally]] = field(default_factory=list)


@dataclass(frozen=True)
class Life:
    """The cluster that models live in, and what is counted there."""

    home: ClusterHome
    kube: Kube
    account: Path
    figures: Figures

    async def create(self, name: str) -> None:
        await self.kube.create(MODELS, NAMESPACE, a_model(name, FIRST))

    async def change(self, name: str, spec: Object) -> None:
        await self.kube.patch(MODELS, NAMESPACE, name, {"spec": spec})

    async def until_ready(self, tag: str = FIRST) -> None:
        """All models are Ready with this bento and with as many pods as their specs ask for."""
        await self._until(lambda model: _is_ready(model, tag))

    @contextlib.asynccontextmanager
    async def counting(self, name: str) -> AsyncIterator[None]:
        """Count what the operator asks for in the block and until it is quiet afterwards."""
        since = clock.now()
        yield
        await self.settled()
        self.figures.requests.append((name, tally(self.home, OPERATOR_USER, since)))
        say(f"  {name}")

    async def settled(self) -> None:
        """The operator has written nothing for a while."""
        await asyncio.sleep(QUIET.total_seconds())
        while not is_quiet(self.home, OPERATOR_USER, clock.now(), QUIET):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)  # The audit log is a file of another process.

    async def _until(self, holds: Callable[[Object], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            models, _ = await self.kube.list(MODELS, NAMESPACE)
            if waiting := [model for model in models if not holds(model)]:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{len(waiting)} models are not ready, one is: {waiting[0]}")
                await asyncio.sleep(0.5)  # A watch would be counted among the requests that are measured.
            else:
                return


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    with bench_cluster() as home:
        taken_on = machine(home.root)
        for tag in (FIRST, SECOND):
            put_bento(home, tag)
            _have_image(home, tag)
        start_components(home, ["yatai"], lambda line: say(f"  {line}"))
        figures = asyncio.run(_measure(home))
        return Report(f"{_text(figures)}\n\n{taken_on}")


def _have_image(home: ClusterHome, tag: str) -> None:
    """Put the image where the image builder looks before it builds."""
    artifact = export_ahead(home, tag)
    name, version = tag.split(":")
    asked = {
        "metadata": {"annotations": {NAMESPACE_ANNOTATION: NAMESPACE}},
        "spec": {"bentoTag": f"{name}:{naming.image_version(version, artifact.digest)}"},
    }
    ImageStore(home.images).put(LocalImage(name=image_name(asked), digest="sha256:0", working_dir="/"))


async def _measure(home: ClusterHome) -> Figures:
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube, FakeNode(kube):
        life = Life(home, kube, await service_account(home, kube), Figures())
        await _one_model(life)
        return life.figures


async def _one_model(life: Life) -> None:
    async with operator(life.home, life.account):
        await life.settled()
        async with life.counting("create to Ready"):
            await life.create("churn")
            await life.until_ready()
        async with life.counting("an annotation that means nothing"):
            note = {"metadata": {"annotations": {"example.org/note": "hello"}}}
            await life.kube.patch(MODELS, NAMESPACE, "churn", note)
        async with life.counting("replicas from 1 to 2"):
            await life.change("churn", {"replicas": 2})
            await life.until_ready()
        async with life.counting("new bento"):
            await life.change("churn", {"bento": {"tag": SECOND}})
            await life.until_ready(SECOND)
    async with life.counting("restart, 1 model"), operator(life.home, life.account):
        await life.settled()
    async with operator(life.home, life.account, modules=[SHORT_RESYNC]):
        await life.settled()
        async with life.counting(f"full lists every 2 s, for {RESYNC_SPAN:.0f} s"):
            await asyncio.sleep(RESYNC_SPAN)
    async with operator(life.home, life.account):
        await life.settled()
        async with life.counting("delete"):
            await life.kube.delete(MODELS, NAMESPACE, "churn")


def _is_ready(model: Object, tag: str) -> bool:
    status = model.get("status", {})
    ready = [each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"]
    return (
        status.get("observedGeneration") == model["metadata"]["generation"]
        and ready == ["True"]
        and status["artifact"]["tag"] == tag
        and status["readyReplicas"] == model["spec"]["replicas"]
    )


def _text(figures: Figures) -> str:
    header = ("", *READS, "writes", "events", "what is written")
    rows = [
        (name, *(counted.by_verb(verb) for verb in READS), counted.writes, counted.events, counted.words())
        for name, counted in figures.requests
    ]
    blocks = (
        "Requests of the operator's own service account, from the API server's audit log; events, which are only "
        "for people, are counted apart. Goal: an event without news, a full list and a restart write nothing.",
        table(header, rows),
        "The images exist already and a fake kubelet reports at once that pods are ready. To wait for a build or for "
        "pods adds no request but a status when the reason of their state changes.",
    )
    return "\n\n".join(blocks)
