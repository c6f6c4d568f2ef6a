"""`dashboard`: the models of the cluster as pages in a browser."""

from __future__ import annotations

import contextlib
import webbrowser

import click

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.session import Session, Target, in_session, with_target


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Show the models of all namespaces.")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on this machine.  [default: a free one]"
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in the browser.")
@with_target
def dashboard(target: Target, all_namespaces: bool, port: int, opens: bool) -> None:
    """Show models, releases and the evidence of failures in the browser, until Ctrl-C.

    The page is for this machine only, and changes nothing: it shows the commands that do.
    """

    def opened(address: str) -> None:
        click.echo(f"The models are at {address} (Ctrl-C ends it)")
        if opens:
            webbrowser.open(address)

    async def run(session: Session) -> None:
        from e2i.dashboard.server import Pages, serve

        pages = Pages(session.kube, None if all_namespaces else session.namespace)
        try:
            await serve(pages, port, opened)
        except OSError as error:
            raise CommandError(
                f"port {port} cannot be used: {error.strerror}; choose another --port"
            ) from error

    with contextlib.suppress(KeyboardInterrupt):
        in_session(target, run)
