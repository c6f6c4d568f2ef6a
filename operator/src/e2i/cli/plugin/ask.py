"""`ask`: sends one request to the model from wherever the user is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.output import printable, visible
from e2i.cli.plugin.session import Session, Target, in_session, model_name, with_target

if TYPE_CHECKING:
    from e2i.cli.plugin.delivery import Delivered

MODEL_ERROR = 1
"""Exit code when the model answered with an HTTP error."""


@click.command()
@model_name
@click.option(
    "-d", "--data", metavar="JSON|@FILE|-", help="The request's body; - is standard input.  [default: a GET]"
)
@click.option(
    "-F",
    "--form",
    metavar="FIELD=TEXT|@FILE",
    multiple=True,
    help="A field of a form, for models that take files; repeatable.",
)
@click.option("--route", help="[default: the route of the model's first check, else /predict]")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Seconds."
)
@click.option("--port-forward", is_flag=True, help="Use `kubectl port-forward` and no other way.")
@click.option("-v", "--verbose", is_flag=True, help="Print the way, the status and the time on stderr.")
@with_target
def ask(
    target: Target,
    name: str,
    data: str | None,
    form: tuple[str, ...],
    route: str | None,
    timeout: float,
    port_forward: bool,
    verbose: bool,
) -> None:
    """Send a request to the model and print its answer.

    With -d or -F it is a POST, otherwise a GET of --route. The exit code is 1 when the model answers with an HTTP
    error, and 2 when there is no answer of the model.
    """
    body, content_type = read_request(data, form)

    async def send(session: Session) -> tuple[Delivered, str]:
        from e2i.cli.plugin.delivery import Request
        from e2i.cli.plugin.read import read_model
        from e2i.cli.plugin.readiness import default_route, example_of, require_route, unready_warning
        from e2i.cli.plugin.routes import REFUSED, deliver_with_hint

        model = await read_model(session, name)
        require_route(model, body, route)
        if warning := unready_warning(model):
            click.echo(printable(f"Warning: {warning}"), err=True)
        path = route or default_route(model)
        request = Request(body=body, route=path, timeout=timeout, content_type=content_type)
        sent, hint = await deliver_with_hint(session, target, name, request, only_port_forward=port_forward)
        if not hint and sent.response.status in REFUSED:
            hint = example_of(model, path)
        return sent, hint

    delivered, hint = in_session(target, send)
    print_response(delivered, verbose)
    click.echo(printable(hint), err=True, nl=bool(hint))
    raise SystemExit(MODEL_ERROR if delivered.response.status >= 400 else 0)


def read_request(data: str | None, form: Sequence[str]) -> tuple[bytes | None, str]:
    """Return the body and its content type; CommandError if both -d and -F are given."""
    if not form:
        return read_body(data), "application/json"
    if data is not None:
        raise CommandError("Give the body with -d, or as a form with -F, not both.")
    from e2i.cli.plugin.form import encoded, read_field

    return encoded([read_field(given) for given in form])


def read_body(data: str | None) -> bytes | None:
    """Return the bytes of -d: the text itself, the file after @, or standard input for -; None without -d."""
    if data is None:
        return None
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise CommandError(f"{data[1:]} cannot be read: {error.strerror or error}.") from error


def print_response(delivered: Delivered, verbose: bool) -> None:
    """Print the body as it came; on a terminal without characters that would steer it."""
    response = delivered.response
    if verbose:
        took = f"{response.status} {response.phrase} in {response.seconds * 1000:.0f} ms"
        click.echo(printable(f"{delivered.way}: {took}"), err=True)
    elif response.status >= 400:
        click.echo(f"HTTP {response.status} {printable(response.phrase)}", err=True)
    if sys.stdout.isatty():
        text = response.body.decode(errors="replace")
        click.echo("\n".join(visible(line) for line in text.split("\n")), nl=not text.endswith("\n"))
    else:
        sys.stdout.buffer.write(response.body)
        sys.stdout.flush()
