"""`e2i demo`: start a cluster, release a model, release its second version, and let a wrong third one be refused."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import e2i
from e2i.cli.local import build_tools, env_line, report_errors
from e2i.cli.stopwatch import Stopwatch

if TYPE_CHECKING:
    from e2i.local.demo import ModelFollower
    from e2i.local.demo_bentos import BentoBuilds
    from e2i.local.layout import ClusterHome

PROJECT = Path(e2i.__file__).resolve().parents[3]
INTERRUPTED = 130


@click.command()
@click.option("--name", default="e2i", show_default=True, help="Name of the local cluster.")
def demo(name: str) -> None:
    """Bring a cluster up, release a model, ask it, release its second version and a wrong third one.

    The cluster stays up. Run again, the demo starts from what is there.
    """
    # Imported here, so that `e2i --help` stays quick.
    from e2i.kube import ApiError

    say = Stopwatch()
    try:
        with report_errors():
            home = run_chapters(name, say)
    except ApiError as error:
        raise click.ClickException(
            f"The API server of cluster {name} refused or did not answer ({error}). "
            f"Look at `e2i local status --name {name}`."
        ) from error
    except KeyboardInterrupt:
        click.echo(f"\n{_after_interrupt(name)}", err=True)
        sys.exit(INTERRUPTED)
    say.title("Done")
    click.echo(_what_to_try_next(home))


def run_chapters(name: str, say: Stopwatch) -> ClusterHome:
    """Run all chapters of the demo; return the cluster, which stays up."""
    from e2i.local import cluster
    from e2i.local.bootstrap import choose_bento_store
    from e2i.local.demo_bentos import BentoBuilds

    say.title("A cluster: Kubernetes, S3, Yatai's controllers and a node, as processes of this machine")
    home = cluster.open_home(name)
    with BentoBuilds(PROJECT, choose_bento_store(home, None)) as bentos:
        build_tools(say, kubernetes=home.kubernetes)
        cluster.bring_up(home, say, bento_store=None, overlay=cluster.overlay_of(home))
        asyncio.run(run_releases(home, bentos, say))
    return home


async def run_releases(home: ClusterHome, bentos: BentoBuilds, say: Stopwatch) -> None:
    """Run the chapters that need the cluster: the releases of three versions."""
    from e2i.kube import Kube
    from e2i.local import demo as steps

    async with await Kube.from_kubeconfig(home.kubeconfig) as kube:
        follower = steps.ModelFollower(home, kube, say)
        say.title(
            "Three versions of a scikit-learn model, built as bentos; the third learned from swapped labels"
        )
        bentos.finish(say)

        say.title("The first version, released by one manifest")
        await steps.say_existing_model(kube, say)
        steps.show_kubectl(home, say, "apply", "-f", steps.SAMPLE, directory=PROJECT)
        await follower.until_ready()

        say.title("A prediction, through the model's stable address")
        url = await steps.address(kube)
        await steps.show_prediction(url, say)

        say.title("The second version, while ten requests a second go to the same address")
        tally = await steps.move_under_traffic(home, follower, url, say)
        say(str(tally))
        tally.require_no_failure()
        await steps.show_prediction(url, say)

        await run_refusal(home, follower, url, say)


async def run_refusal(home: ClusterHome, follower: ModelFollower, url: str, say: Stopwatch) -> None:
    """Run the chapter of the wrong version, which is refused before it gets a request, and go back."""
    from e2i.local import demo as steps

    say.title("The wrong version. Its pods start, and it is verified before it gets requests")
    tally = await steps.refuse_under_traffic(home, follower, url, say)
    say(str(tally))
    tally.require_no_failure()
    plugin = Path(sys.executable).with_name("kubectl-e2i")
    steps.show_plugin(plugin, home, say, "history", steps.NAME, "-n", steps.NAMESPACE)

    say.title("Back to the second version: nothing is exported, nothing is built")
    await steps.go_back(home, follower, say)


def _flag(name: str) -> str:
    return "" if name == "e2i" else f" --name {name}"


def _after_interrupt(name: str) -> str:
    """Return a text on what still runs after Ctrl-C, and on how to stop it or go on."""
    from e2i.local import supervision
    from e2i.local.components import COMPONENT_NAMES
    from e2i.local.layout import home_of, known_homes

    again = f"`e2i demo{_flag(name)}` goes on from here"
    home = next((home for home in known_homes() if home.root == home_of(name)), None)
    if home is None or not any(supervision.running(home, part) for part in COMPONENT_NAMES):
        return f"Interrupted. The cluster {name} does not run; {again}."
    stop = f"{env_line(home)}; e2i local down{_flag(name)}"
    return f"Interrupted. The cluster {name} goes on running; {again}. This stops it:\n    {stop}"


def _what_to_try_next(home: ClusterHome) -> str:
    from e2i.local.demo import BODY, NAME, NAMESPACE

    return f"""
The cluster stays up. Try next; the first line is needed once in each terminal:
    {env_line(home)}
    kubectl e2i ask {NAME} -n {NAMESPACE} -d '{json.dumps(BODY)}'
    kubectl e2i status {NAME} -n {NAMESPACE}

Then `e2i local down{_flag(home.name)}` stops the cluster, and `e2i local reset{_flag(home.name)}` removes it."""
