"""`e2i gateway`: one address in front of all models."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.option(
    "--address", help="HOST:PORT where it answers.  [default: $E2I_GATEWAY_ADDRESS or 127.0.0.1:8080]"
)
@click.option("--access", help="File with keys, or the word open.  [default: $E2I_GATEWAY_ACCESS]")
@click.option(
    "--endpoints",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Models of a file such as config/model_endpoints.yaml; without it, those of the cluster.",
)
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="[default: $KUBECONFIG or ~/.kube/config]"
)
@click.pass_context
def gateway(
    context: click.Context,
    address: str | None,
    access: str | None,
    endpoints: Path | None,
    kubeconfig: Path | None,
) -> None:
    """Answer for all models at one address: predictions, health, documentation.

    It follows the E2IModels of the cluster as they come, change and go. Then for instance:

    curl -d @customer.json -H 'Content-Type: application/json' 'localhost:8080/api/predict?model=churn'

    The other settings are variables: docs/reference/gateway.md.
    """
    if context.invoked_subcommand:
        return
    from e2i.gateway.__main__ import run
    from e2i.gateway.settings import read_settings
    from e2i.variables import BadSetting

    given = {
        "E2I_GATEWAY_ADDRESS": address,
        "E2I_GATEWAY_ACCESS": access,
        "E2I_GATEWAY_ENDPOINTS": endpoints,
        "KUBECONFIG": kubeconfig,
    }
    os.environ.update({name: str(value) for name, value in given.items() if value})
    try:
        run(read_settings(os.environ))
    except BadSetting as error:
        raise click.ClickException(str(error)) from error


@gateway.command()
@click.argument("name")
@click.option(
    "--model", "models", multiple=True, default=("*",), show_default=True, help="Model that it may ask."
)
def key(name: str, models: tuple[str, ...]) -> None:
    """Make a new key for NAME, and the entry of the access file that lets it in."""
    import yaml

    from e2i.gateway.core.access import key_digest

    made = secrets.token_urlsafe(32)
    entry = {"name": name, "sha256": key_digest(made), "models": list(models)}
    click.echo("The key, which is shown only now:\n", err=True)
    click.echo(made)
    click.echo("\nAdd this to the access file of the gateway, below keys:\n", err=True)
    click.echo(yaml.safe_dump([entry], sort_keys=False), nl=False, err=True)
