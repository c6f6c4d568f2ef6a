"""`e2i demo`: from nothing to a model that answers, to its second version, and to one that is refused."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

import e2i
from e2i.cli.local import env_line, in_words, stopwatch

if TYPE_CHECKING:
    from e2i.kube import Kube
    from e2i.local.layout import ClusterHome

PROJECT = Path(e2i.__file__).resolve().parents[3]


@click.command()
@click.option("--name", default="e2i", show_default=True, help="Name of the local cluster.")
def demo(name: str) -> None:
    """Bring a cluster up, release a model, ask it, release its second version and a wrong third one.

    The cluster stays up. Run again, the demo starts from what is there.
    """
    # Here and not above, so that `e2i --help` stays quick.
    from e2i.kube import ApiError
    from e2i.local import cluster

    say = stopwatch()
    try:
        with in_words():
            _title(
                say, "A cluster: Kubernetes, S3, Yatai's controllers and a node, as processes of this machine"
            )
            home = cluster.up(name, say)
            url = asyncio.run(release(home, say))
    except ApiError as error:
        raise click.ClickException(
            f"The API server of cluster {name} refused or did not answer ({error}). "
            f"Look at `e2i local status --name {name}`."
        ) from error
    _title(say, "Done. The cluster stays up.")
    click.echo(_how_to_look_around(home, url))


async def release(home: ClusterHome, say: Callable[[str], None]) -> str:
    """Everything after the cluster is up; returns the model's address."""
    from e2i.kube import Kube
    from e2i.local import demo as steps

    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        _title(
            say, "Three versions of a scikit-learn model, trained and packed as bentos; the third one wrongly"
        )
        steps.build_bentos(PROJECT, await steps.bento_store(kube), say)

        _title(say, "The first version, released by one manifest")
        await steps.say_what_is_there(kube, say)
        steps.show_kubectl(home, say, "apply", "-f", steps.SAMPLE, directory=PROJECT)
        await steps.follow_until_ready(home, kube, say)

        _title(say, "A prediction, through the model's stable address")
        url = await steps.address(kube)
        await steps.show_prediction(url, say)

        _title(say, "The second version, while ten requests a second go to the same address")
        tally = await steps.move_under_traffic(home, kube, url, say)
        say(str(tally))
        tally.require_no_failure()
        await steps.show_prediction(url, say)

        await refuse(home, kube, url, say)
    return url


async def refuse(home: ClusterHome, kube: Kube, url: str, say: Callable[[str], None]) -> None:
    """The chapter of the release that never takes a request."""
    from e2i.local import demo as steps

    _title(
        say, "The third version learned from swapped labels. It starts, and is asked before it gets requests"
    )
    tally = await steps.refuse_under_traffic(home, kube, url, say)
    say(str(tally))
    tally.require_no_failure()
    plugin = Path(sys.executable).with_name("kubectl-e2i")
    steps.show_plugin(plugin, home, say, "history", steps.NAME, "-n", steps.NAMESPACE)

    _title(say, "Back to the second version: neither export nor build")
    await steps.go_back(home, kube, say)


def _title(say: Callable[[str], None], text: str) -> None:
    click.echo()
    say(f"== {text}")


def _how_to_look_around(home: ClusterHome, url: str) -> str:
    from e2i.local.demo import NAME, NAMESPACE

    flag = "" if home.name == "e2i" else f" --name {home.name}"
    return f"""
Look around. The first line is needed once in each terminal:
    {env_line(home)}
    kubectl get e2im -n {NAMESPACE}
    kubectl e2i status {NAME} -n {NAMESPACE}
    kubectl get bentorequests,bentoes,bentodeployments,deployments,pods,services -n {NAMESPACE}
    kubectl logs -n e2i-system deployment/e2i-operator
    curl -s {url}/docs.json
    e2i local status{flag}

Stop it:    e2i local down{flag}     (what it holds stays; `e2i demo` starts it again)
Remove it:  e2i local reset{flag}"""
