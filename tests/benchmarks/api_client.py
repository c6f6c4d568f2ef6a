"""What a request costs through the `kubernetes` package and through a bare HTTP client, one after the other.

Every client runs in a process of its own, so that memory and CPU are its own: `api_client.py CLIENT HOME ACCOUNT`
does one round and prints its figures. The rounds of the clients alternate.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import CLIENTS
from benchmarks.figures import machine, say, spread, table
from benchmarks.goals import FULL, Report, Sizes
from benchmarks.plant import bench_cluster, service_account

from e2i.kube import Kube
from e2i.local.layout import ClusterHome

ROUNDS = 5
REQUESTS_A_ROUND = 100


@dataclass(frozen=True)
class Round:
    """Milliseconds and MiB of one client's round, as its process printed them."""

    get: float
    apply: float
    cpu: float
    """CPU of one request."""
    memory: float
    """What importing and connecting added."""


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    with bench_cluster() as home:
        taken_on = machine(home.root)
        account = asyncio.run(_account(home))
        rounds: dict[str, list[Round]] = {name: [] for name in CLIENTS}
        for number in range(ROUNDS):
            say(f"  round {number + 1} of {ROUNDS}")
            for name in CLIENTS:
                rounds[name].append(_run(name, home, account))
    return Report(f"{_text(rounds)}\n\n{taken_on}")


async def _account(home: ClusterHome) -> Path:
    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        return await service_account(home, kube)


def _run(name: str, home: ClusterHome, account: Path) -> Round:

    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    program += f"from benchmarks import clients; clients.main({name!r}, {REQUESTS_A_ROUND})"
    environment = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(home.ports.api_server),
        "E2I_SERVICE_ACCOUNT_DIR": str(account),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"the client {name} failed:\n{done.stderr[-2000:]}")
    return Round(**json.loads(done.stdout))


def _text(rounds: dict[str, list[Round]]) -> str:
    header = ("", "get, ms", "server-side apply, ms", "CPU a request, ms", "memory to connect, MiB")
    rows = []
    for name, client in CLIENTS.items():
        taken = rounds[name]
        memory = statistics.median(turn.memory for turn in taken)
        figures = (
            spread([turn.get for turn in taken], 2),
            spread([turn.apply for turn in taken], 2),
            spread([turn.cpu for turn in taken], 2),
        )
        rows.append((client.title, *figures, f"{memory:.0f}"))
    note = (
        f"Medians of {ROUNDS} alternating rounds of {REQUESTS_A_ROUND} gets and {REQUESTS_A_ROUND} applies of a "
        "Service in sequence, over one connection with TLS; in parentheses the range of the rounds' medians."
    )
    return f"{table(header, rows)}\n\n{note}"
