"""`run_deployment` and `rehearse_deployment`: release a model, given by its URI."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from e2i.deploying.connect import connect
from e2i.deploying.environments import BucketPlace, Environment, read_environments
from e2i.deploying.errors import DeadlineExceeded, ReleaseFailed, Verdict
from e2i.deploying.find_bento import Found, find
from e2i.deploying.outcome import Deployed, Stopwatch
from e2i.deploying.push import push
from e2i.deploying.release import Applied, apply, follow
from e2i.deploying.request import DeploymentRequest, parse_request
from e2i.deploying.request_manifest import manifest, notes
from e2i.deploying.verdict import Serving, Waiting
from e2i.kube import Kube, Object

Say = Callable[[str], None]
DEADLINE = 900.0
FINDING = Waiting("Finding", "the model is looked for, or packaged")


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)


@dataclass
class _Run:
    """A deployment in progress; `state` is the last state that was reported."""

    request: DeploymentRequest
    environment: Environment
    say: Say
    clock: Stopwatch
    state: Waiting

    def tell(self, state: Waiting) -> None:
        self.state = state
        if self.clock.enter(state.phase):
            self.say(f"{state.phase}: {state.message}")

    def remind(self, state: Waiting) -> None:
        self.say(f"{state.phase}, for {self.clock.in_phase():.0f} s now: {state.message}")


async def run_deployment(
    request: Mapping[str, Any] | DeploymentRequest,
    *,
    environments: Path | None = None,
    timeout: float = DEADLINE,  # noqa: ASYNC109 - for all steps, not for one request
    say: Say = _to_stderr,
) -> Deployed:
    """Release the model of the request and wait until it serves; DeploymentError if it does not.

    `request`: experiment_id, model_uri, target_environment, resources; see DeploymentRequest. `environments`: the
    YAML file of the environments. `timeout`: seconds for all steps together. `say`: called with a line for each step,
    and every 20 s while nothing changes; by default the lines go to stderr.

    The same request again changes nothing. A cancel or the timeout ends the waiting and a running packaging. An applied
    E2IModel stays, and the operator continues with it.
    """
    run = _begin(request, environments, say)
    try:
        async with asyncio.timeout(timeout) as limit:
            return await _deploy(run)
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(
            f"{run.request.model_uri} was not released within {timeout:g} s; the last state was "
            f"{run.state.phase}: {run.state.message}",
            run.state.phase,
        ) from None


async def rehearse_deployment(
    request: Mapping[str, Any] | DeploymentRequest, *, environments: Path | None = None, say: Say = _to_stderr
) -> Object:
    """Return the E2IModel that run_deployment would apply, from a dry run of the API server; nothing is released.

    A model without a bento is packaged, because the manifest depends on the bento.
    """
    run = _begin(request, environments, say)
    found = await _find(run)
    async with _client(run) as kube:
        return (await _apply(run, kube, found, dry_run=True)).model


def _begin(request: Mapping[str, Any] | DeploymentRequest, environments: Path | None, say: Say) -> _Run:
    known = read_environments(environments)
    parsed = parse_request(request, known)
    return _Run(parsed, known[parsed.target_environment], say, Stopwatch(), FINDING)


async def _deploy(run: _Run) -> Deployed:
    found = await _find(run)
    if run.environment.bucket:
        found = await _push(run, found, run.environment.bucket)
    async with _client(run) as kube:
        applied = await _apply(run, kube, found, dry_run=False)
        state = await follow(kube, applied, run.tell, run.remind)
    run.clock.stop()
    if isinstance(state, Verdict):
        raise ReleaseFailed(state)
    return _deployed(applied.model, state, found, run.clock)


async def _find(run: _Run) -> Found:
    with run.clock.phase("find"):
        found = await find(run.request.model_uri, run.environment.bento_store(), run.say)
    run.say(f"{run.request.model_uri} is the bento {found.bento.tag}")
    # What is wrong or missing is said before the bento is pushed, which may take minutes.
    for note in notes(manifest(run.request, run.environment, found.bento), found.bento):
        run.say(f"Note: {note}")
    return found


async def _push(run: _Run, found: Found, bucket: BucketPlace) -> Found:
    run.state = Waiting("Pushing", f"{found.bento.tag} is being sent to the bucket {bucket.name}")
    with run.clock.phase("push"):
        archive = await push(
            found.bento.tag, run.environment.bento_store(), bucket, run.environment.namespace, run.say
        )
    return replace(found, bento=replace(found.bento, digest=archive.digest))


async def _apply(run: _Run, kube: Kube, found: Found, *, dry_run: bool) -> Applied:
    wanted = manifest(run.request, run.environment, found.bento)
    metadata = wanted["metadata"]
    run.state = Waiting("Applying", "the API server has not answered yet")
    with run.clock.phase("apply"):
        applied = await apply(kube, wanted, dry_run=dry_run)
    what = "is applied" if applied.is_new else "asks for it already"
    run.say(f"E2IModel {metadata['namespace']}/{metadata['name']} {what}{' (dry run)' if dry_run else ''}")
    return applied


@contextlib.asynccontextmanager
async def _client(run: _Run) -> AsyncIterator[Kube]:
    async with await connect(run.environment) as kube:
        yield kube


def _deployed(model: Object, state: Serving, found: Found, clock: Stopwatch) -> Deployed:
    return Deployed(
        name=model["metadata"]["name"],
        namespace=model["metadata"]["namespace"],
        url=state.url,
        release=state.release,
        bento=state.bento,
        digest=state.digest,
        packaged=found.packaged,
        timings=clock.seconds,
        conditions=state.conditions,
    )
