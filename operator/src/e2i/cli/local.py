"""`e2i local`: a Kubernetes cluster on this machine, without Docker and without root."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2i.cli.stopwatch import Stopwatch
from e2i.local.errors import ClusterError
from e2i.local.kubernetes_versions import NEWEST, VERSIONS

if TYPE_CHECKING:
    from e2i.local.layout import ClusterHome

# The cluster's modules are imported where they are used, so that help and completion are quick.

_name = click.option("--name", default="e2i", show_default=True, help="Name of the cluster.")


@click.group()
def local() -> None:
    """Run a Kubernetes cluster on this machine, without Docker and without root."""


@local.command()
@_name
@click.option(
    "--bento-store",
    type=click.Path(file_okay=False, path_type=Path),
    help="The BentoML store that the operator reads.  [default: $BENTOML_HOME or ~/bentoml]",
)
@click.option(
    "--manifests",
    type=click.Path(file_okay=False, path_type=Path),
    help="The kustomization that installs the operator.  [default: kustomize/overlays/local of the checkout]",
)
@click.option("--no-operator", is_flag=True, help="Leave the operator out.")
@click.option(
    "--metrics/--no-metrics",
    default=None,
    help="Run metrics-server too, for kubectl top and autoscaling; later starts keep the choice.  [default: no]",
)
@click.option(
    "--kubernetes",
    type=click.Choice(list(VERSIONS)),
    help=f"The version of Kubernetes, for a new cluster.  [default: {NEWEST}]",
)
@click.option(
    "--monitoring",
    is_flag=True,
    help="Run Prometheus and Alertmanager beside it, with the project's rules, until the cluster stops.",
)
@click.option(
    "--alerts-to", metavar="URL", default="", help="With --monitoring: the webhook that gets the alerts."
)
def up(
    name: str,
    bento_store: Path | None,
    manifests: Path | None,
    no_operator: bool,
    metrics: bool | None,
    kubernetes: str | None,
    monitoring: bool,
    alerts_to: str,
) -> None:
    """Start the cluster, or what is missing of it."""
    with report_errors():
        from e2i.local import cluster, monitors

        say = Stopwatch()
        home = cluster.open_home(name, kubernetes)
        build_tools(say, metrics=bool(metrics), monitoring=monitoring, kubernetes=home.kubernetes)
        overlay = None if no_operator else manifests or cluster.overlay_of(home)
        home = cluster.bring_up(home, say, bento_store=bento_store, overlay=overlay, metrics=metrics)
        if monitoring:
            monitors.start(home, say, webhook=alerts_to)
    click.echo(f"\nCluster {name} is up. To use it in this terminal:\n")
    click.echo(f"    {env_line(home)}")
    click.echo("    kubectl get nodes\n")
    for program, address in monitors.addresses(home).items():
        click.echo(f"{program} is at {address}")


@local.command()
@_name
def down(name: str) -> None:
    """Stop the cluster; what it holds stays for the next start."""
    with report_errors():
        from e2i.local import cluster, layout

        cluster.down(layout.load_home(layout.home_of(name)), Stopwatch())


@local.command()
@_name
def status(name: str) -> None:
    """Show each component; exit code 1 when one that should run does not."""
    with report_errors():
        from e2i.local import cluster_status as state
        from e2i.local import monitors, supervision, toolchain
        from e2i.local.component import Component
        from e2i.local.components import COMPONENT_NAMES, components
        from e2i.local.credentials import ensure_credentials
        from e2i.local.layout import home_of, load_home

        home = load_home(home_of(name))
        beside = [Component(each, ()) for each in supervision.recorded(home) if each not in COMPONENT_NAMES]
        parts = (
            *components(home, toolchain.expected_tools(home.kubernetes), ensure_credentials(home)),
            *beside,
        )
        rows = [state.inspect(home, part) for part in parts]
        click.echo(state.table(rows))
        for program, address in monitors.addresses(home).items():
            click.echo(f"{program} is at {address}")
        if sentences := state.problems(home, rows):
            raise ClusterError("\n".join(sentences))


@local.command()
@_name
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come.")
@click.argument("component")
def logs(name: str, component: str, follow: bool) -> None:
    """Show the last lines of COMPONENT: a name from `e2i local status`, `audit`, or `operator`."""
    with report_errors():
        from e2i.local import kubectl, layout, supervision

        home = layout.load_home(layout.home_of(name))
        if component == "operator":
            target = ["logs", f"--namespace={kubectl.OPERATOR_NAMESPACE}", f"deployment/{kubectl.OPERATOR}"]
            command = [str(home.kubectl), f"--kubeconfig={home.kubeconfig}", *target, "--tail=200"]
            command += ["--follow"] if follow else []
        else:
            file = supervision.log_of(home, component)
            if not file.exists():
                known = ", ".join(sorted([*(log.stem for log in home.logs.glob("*.log")), "operator"]))
                raise ClusterError(f"Cluster {name} has no log of {component!r}. Available: {known}.")
            # -F: the file may be replaced when it has grown large.
            command = ["tail", "-n", "200", *(["-F"] if follow else []), str(file)]
        os.execvp(command[0], command)  # noqa: S606


@local.command()
@_name
@click.option("--print", "content", is_flag=True, help="Print the file itself, not its path.")
def kubeconfig(name: str, content: bool) -> None:
    """Print the path of the administrator's kubeconfig."""
    with report_errors():
        from e2i.local import layout

        home = layout.load_home(layout.home_of(name))
        click.echo(home.kubeconfig.read_text() if content else home.kubeconfig)


@local.command()
@_name
def env(name: str) -> None:
    """Print the variables that make kubectl, `kubectl e2i` and e2i work in a terminal: eval "$(e2i local env)"."""
    with report_errors():
        from e2i.local import layout

        home = layout.load_home(layout.home_of(name))
        folders = f"{home.kubectl.parent}:{Path(sys.executable).parent}"
        click.echo(f"export KUBECONFIG={shlex.quote(str(home.kubeconfig))}")
        click.echo(f'export PATH={shlex.quote(folders)}:"$PATH"')


def env_line(home: ClusterHome) -> str:
    """Return the line that a user pastes into a terminal to use the cluster."""
    command = shlex.join([str(Path(sys.executable).with_name("e2i")), "local", "env", "--name", home.name])
    return f'eval "$({command.removesuffix(" --name e2i")})"'


@local.command()
@_name
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--cache", is_flag=True, help="Remove the built tools too, for all clusters.")
def reset(name: str, yes: bool, cache: bool) -> None:
    """Stop the cluster and remove everything it holds."""
    with report_errors():
        from e2i.local import cluster, layout

        root = layout.home_of(name)
        if not root.exists() and not cache:
            raise ClusterError(f"There is no cluster {name}: {root} does not exist. Nothing to do.")
        if not yes:
            click.confirm(f"Remove {root}{f' and {layout.cache_root()}' if cache else ''}?", abort=True)
        if root.exists():
            cluster.reset(root, Stopwatch())
        if cache:
            shutil.rmtree(layout.cache_root(), ignore_errors=True)


def build_tools(say: Stopwatch, *, kubernetes: str, metrics: bool = False, monitoring: bool = False) -> None:
    """Build the cluster's programs if they are missing, with one line that moves if there is a terminal."""
    from e2i.local.toolchain import ALERTMANAGER, PROMETHEUS, ensure_built, ensure_tools

    show = say.show if say.moving else None
    ensure_tools(say, show, metrics=metrics, kubernetes=kubernetes)
    if monitoring:
        ensure_built((PROMETHEUS, ALERTMANAGER), say, show)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """End the command with one sentence and exit code 1 for errors outside this program."""
    try:
        yield
    except ClusterError as fault:
        raise click.ClickException(str(fault)) from fault
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        from e2i.local.layout import state_root

        # The error of a write to an open file does not name the file.
        place = error.filename or f"Writing below {state_root()}"
        raise click.ClickException(f"{place}: {error.strerror}. {_REMEDIES[error.errno]}") from error


_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space, or set XDG_STATE_HOME and XDG_CACHE_HOME to another disk.",
    errno.EDQUOT: "Your quota is used up: free some space, or set XDG_STATE_HOME and XDG_CACHE_HOME elsewhere.",
    errno.EACCES: "Give yourself the right to it, or set XDG_STATE_HOME and XDG_CACHE_HOME to folders of your own.",
    errno.EPERM: "Give yourself the right to it, or set XDG_STATE_HOME and XDG_CACHE_HOME to folders of your own.",
    errno.EROFS: "Set XDG_STATE_HOME and XDG_CACHE_HOME to folders that can be written to.",
}
