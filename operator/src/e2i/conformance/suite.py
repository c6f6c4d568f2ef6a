"""The order of the checks, and what a run is made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import e2i
from e2i import clock
from e2i.conformance import bucket_checks, model_checks
from e2i.conformance.errors import CheckFailed, CheckSkipped
from e2i.conformance.installation import Settings, operator_settings
from e2i.conformance.model_checks import Life
from e2i.conformance.report import MARKS, Outcome, Report, Result
from e2i.conformance.room import copy_secret, opened
from e2i.conformance.subject import Subject
from e2i.inspection.doctor.cluster_checks import check_cluster
from e2i.inspection.doctor.facts import State
from e2i.inspection.doctor.look import look
from e2i.inspection.doctor.operator_checks import check_operator
from e2i.kube import ApiError, Kube

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Choices of the user. `secret_from`: the namespace whose download Secret is copied."""

    subject: Subject
    namespace: str
    secret_from: str
    timeout: float


@dataclass(frozen=True)
class Check:
    """`needs`: the check without which this one shows nothing."""

    name: str
    promise: str
    run: Callable[[Life], Awaitable[str]]
    needs: str = ""


LIFE = (
    Check("first-release", "A model becomes Ready", model_checks.first_release),
    Check("answers", "It answers at its stable address", model_checks.answers, "first-release"),
    Check(
        "second-release",
        "The next release takes over without a lost request",
        model_checks.second_release,
        "answers",
    ),
    Check("bad-release", "A bad release never takes traffic", model_checks.bad_release, "answers"),
    Check("undo", "The release before is back without a build", model_checks.undo, "answers"),
    Check("parked", "A parked model has no pods", model_checks.parked, "answers"),
    Check("woken", "A woken model answers", model_checks.woken, "parked"),
    Check("deleted", "A deleted model leaves nothing", model_checks.deleted, "first-release"),
)
BUCKET = (
    ("bucket-objects", "The bucket stores, lists and deletes", bucket_checks.objects),
    ("bucket-conditional-writes", "The bucket refuses to overwrite", bucket_checks.conditional_writes),
    ("bucket-checksums", "The bucket refuses damaged bodies", bucket_checks.checksums),
)


class Run:
    """One run: the results so far, and the lines that tell of them."""

    def __init__(self, say: Say) -> None:
        self.results: list[Result] = []
        self._say = say

    async def check(self, name: str, promise: str, work: Callable[[], Awaitable[str]]) -> None:
        """Run one check and keep its result."""
        self._say(f"{promise} ...")
        started = time.monotonic()
        try:
            outcome, seen = Outcome.PASSED, await work()
        except CheckFailed as failure:
            outcome, seen = Outcome.FAILED, failure.message
        except CheckSkipped as skipped:
            outcome, seen = Outcome.SKIPPED, skipped.message
        except ApiError as error:
            outcome, seen = (
                Outcome.FAILED,
                f"the API server answered {error.status} {error.reason}: {error.message}",
            )
        self.results.append(Result(name, promise, outcome, seen, time.monotonic() - started))
        self._say(f"{MARKS[outcome]}: {seen}")

    def passed(self, name: str) -> bool:
        """Whether this check has passed."""
        return any(each.name == name and each.outcome is Outcome.PASSED for each in self.results)


async def run_suite(kube: Kube, choices: Choices, say: Say) -> Report:
    """Run all checks, and leave nothing in the cluster; ApiError if the API server does not answer at all."""
    version = str((await kube.request("GET", "/version")).get("gitVersion", ""))
    started, run = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"), Run(say)
    settings = await operator_settings(kube)
    await run.check("installation", "The installation is complete", partial(_installation, kube))
    for name, promise, try_it in BUCKET:
        work = partial(asyncio.to_thread, bucket_checks.bucket_check, settings, try_it)
        await run.check(name, promise, work)
    try:
        await _life(kube, choices, settings, run, say)
    except CheckFailed as failure:
        # The namespace could not be made.
        await run.check(LIFE[0].name, LIFE[0].promise, partial(_fail, failure.message))
    return Report(
        e2i=e2i.__version__,
        kubernetes=version,
        subject=str(choices.subject),
        started=started,
        results=tuple(run.results),
    )


async def _life(kube: Kube, choices: Choices, settings: Settings | None, run: Run, say: Say) -> None:
    limited = settings.values.get("E2I_NAMESPACES") if settings else None
    if limited and choices.namespace not in map(str.strip, limited.split(",")):
        raise CheckFailed(
            f"the operator operates only E2I_NAMESPACES={limited}: add e2i-conformance there, and run with "
            "--namespace e2i-conformance"
        )
    async with opened(kube, choices.namespace, choices.timeout, say) as room:
        if settings and not choices.subject.has_image and settings.download_secret:
            name = settings.download_secret
            if not await copy_secret(kube, name, choices.secret_from, choices.namespace):
                say(f"the namespace {choices.secret_from} has no Secret {name}: name one with --secret-from")
        life = Life(room, choices.subject)
        for each in LIFE:
            if not each.needs or run.passed(each.needs):
                await run.check(each.name, each.promise, partial(each.run, life))
            else:
                await run.check(each.name, each.promise, partial(_skip, f"needs the check {each.needs}"))


async def _installation(kube: Kube) -> str:
    """Ask what `kubectl e2i doctor` asks."""
    seen = await look(kube)
    found = [*check_cluster(seen), *check_operator(seen)]
    if failed := [each for each in found if each.state is State.FAILED]:
        raise CheckFailed("; ".join(f"{each.part}: {each.message}. {each.next_step}" for each in failed))
    open_parts = [each.part for each in found if each.state is not State.OK]
    rest = f"; not certain: {', '.join(open_parts)}" if open_parts else ""
    return f"{len(found) - len(open_parts)} parts are well{rest}"


async def _fail(message: str) -> str:
    raise CheckFailed(message)


async def _skip(message: str) -> str:
    raise CheckSkipped(message)
