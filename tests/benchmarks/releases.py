"""What requests meet while a model is released: good releases, bad ones, and the same by hand without us.

On the whole local cluster, one scenario after the other, each with a model of its own and two pods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import machine, percentile, say, table
from benchmarks.goals import FULL, Report, Sizes
from benchmarks.plant import store_of
from support import perils, plain
from support.cluster import TestCluster, temporary_home
from support.e2e import build_moody, place
from support.load import KEPT_SESSIONS, RATE, RENEWED_AFTER
from support.perils import DETECTED, KEPT_CONNECTIONS, NEW_CONNECTIONS, TO_SWITCH, WRITTEN
from support.rollouts import Run, a_serving_model
from support.stage import Stage

from e2i.local.cluster import bring_up, overlay_of


@dataclass(frozen=True)
class Scenario:
    """A row: its words, the model that it needs first, and what is played on it."""

    words: str
    model: str
    play: Callable[[Stage, str], Awaitable[Run]]


SCENARIOS = (
    Scenario("good release of another bento", "good", perils.good_release),
    Scenario("never gets ready", "unready", perils.never_ready),
    Scenario("gets ready and answers NaN", "nan", perils.answers_nan),
    Scenario("canary: a quarter, half, all", "canary", perils.canary),
    Scenario("taken back in the spec", "reverted", perils.reverted),
    Scenario("taken back while the previous one still runs", "hasty", perils.reverted_at_once),
    Scenario("operator killed twice (SIGKILL)", "killed", perils.operator_killed),
    Scenario("one in four requests fails after the switch", "errors", perils.errors_after_switch),
    Scenario("every answer takes a second more after the switch", "slow", perils.slow_after_switch),
    Scenario("canary of which one in four requests fails", "sick", perils.failing_canary),
    Scenario("both pods crash after the switch", "crashing", perils.crashes_after_switch),
    Scenario("strategy InPlace, another bento", "narrow", perils.in_place),
    # With the images that the first has had made.
    Scenario("plain BentoDeployment, edited by hand", "good", plain.by_hand),
)
COLUMNS = ("requests", "failures", "sent again", "longest gap, s", "new connections, s", "p50, ms", "p99, ms")
ROLLBACK = (DETECTED, WRITTEN, NEW_CONNECTIONS, KEPT_CONNECTIONS)


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    with temporary_home("bench") as home:
        taken_on = machine(home.root)
        store = store_of(home)
        build_moody(store)
        bring_up(home, lambda line: say(f"  {line}"), bento_store=store, overlay=overlay_of(home))
        runs = asyncio.run(_play_all(TestCluster(home.kubeconfig, home)))
    return Report(f"{_text(runs)}\n\n{taken_on}")


async def _play_all(cluster: TestCluster) -> dict[str, Run]:
    async with place(cluster) as stage:
        models = dict.fromkeys(scenario.model for scenario in SCENARIOS)
        await asyncio.gather(*(a_serving_model(stage, model) for model in models))
        runs = {}
        for scenario in SCENARIOS:
            run = runs[scenario.words] = await scenario.play(stage, scenario.model)
            say(f"  {scenario.words}: {dict(run.tally.failures) or 'no failure'}")
        return runs


def _text(runs: dict[str, Run]) -> str:
    late = max(run.tally.lateness for run in runs.values())
    blocks = (
        f"{RATE:.0f} requests a second go to the model's address, on schedule, also after failures. Every second "
        f"request has a new connection. The others come from {KEPT_SESSIONS} clients with kept connections: half of "
        f"the clients keep theirs for ever, half for {RENEWED_AFTER} requests. A gap is the longest time without a "
        "good answer, once for all connections and once for new ones alone. If a kept connection breaks before an "
        "answer comes, the request is sent again once, as curl does. Without that it would be a failure: a model "
        "server that ends closes its kept connections at once, and a request may be on its way. Goal: no failure "
        "during a release, whether it succeeds or fails. No request was sent later than "
        f"{1000 * late:.0f} ms after its time.",
        table(("", *COLUMNS), [_row(words, run) for words, run in runs.items()]),
        f"{_failures(runs)} If a release fails after the switch, its clients see the failures until they are "
        "detected: errors, or, if pods die, broken requests and no answers while no pod is ready. Only golden "
        "predictions (spec.rollout.verify) detect a failure before the switch.",
        "Seconds of the rollbacks, as a client sees them. Detection is the write that puts the release into "
        "status.failedReleases. A kept connection stays with the failed release until its client closes it or the "
        "pods end. Goal: one second from the detection to the write that moves the address.",
        table(
            ("", *ROLLBACK), [_rollback(words, run) for words, run in runs.items() if WRITTEN in run.figures]
        ),
        f"Canary: {_shares(runs)}. From the change to the switch: {_switches(runs)}.",
    )
    return "\n\n".join(blocks)


def _row(words: str, run: Run) -> tuple[Any, ...]:
    tally = run.tally
    median, slow = (1000 * percentile(tally.latencies, share) for share in (0.5, 0.99))
    gaps = (f"{tally.longest_gap():.2f}", f"{tally.longest_gap(fresh=True):.2f}")
    failures = tally.failures.total()
    return words, tally.requests, failures, tally.sent_again, *gaps, f"{median:.1f}", f"{slow:.1f}"


def _failures(runs: dict[str, Run]) -> str:
    """The kinds of failures by row."""
    told = [
        f"{words}: {', '.join(f'{count} {kind}' for kind, count in run.tally.failures.items())}"
        for words, run in runs.items()
        if run.tally.failures
    ]
    return f"Failures by kind: {'; '.join(told) or 'none'}."


def _rollback(words: str, run: Run) -> tuple[str, ...]:
    return words, *(f"{run.figures[what]:.2f}" if what in run.figures else "" for what in ROLLBACK)


def _shares(runs: dict[str, Run]) -> str:
    """Every step of every canary."""
    steps = [share for run in runs.values() for share in run.shares]
    return ", ".join(
        f"{share.answers:.0f} % of the answers on new connections at an actualWeight of {share.weight:.0f} %"
        for share in steps
    )


def _switches(runs: dict[str, Run]) -> str:
    timed = [(words, run.figures[TO_SWITCH]) for words, run in runs.items() if TO_SWITCH in run.figures]
    return ", ".join(f"{seconds:.0f} s ({words})" for words, seconds in timed)
