"""Release a model from the command line, with e2i.deploying.run_deployment.

    python bentos/deploy_model.py --model-uri churn_model:1.0.0 --environment local --experiment-id exp-123

Exit codes: 0 the model serves, 1 the release failed, 2 the request is wrong, 3 the model does not exist, 4 it cannot be
packaged, 5 the timeout passed, 6 the cluster cannot be reached, 7 it is not allowed, 8 the cluster refused it, 9 the
upload to the bucket failed, 10 the search for the model failed, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import yaml

if TYPE_CHECKING:
    from e2i import deploying

EXIT_CODES = {
    "ReleaseFailed": 1,
    "InvalidRequest": 2,
    "ModelNotFound": 3,
    "PackagingRefused": 4,
    "DeadlineExceeded": 5,
    "ClusterUnreachable": 6,
    "Forbidden": 7,
    "ClusterRefused": 8,
    "ManagedElsewhere": 8,
    "PushFailed": 9,
    "DeploymentError": 10,
}
INTERRUPTED = 130


@click.command()
@click.option(
    "--model-uri", required=True, help="mlflow://models/NAME/VERSION, models:/NAME@ALIAS, NAME:VERSION, ..."
)
@click.option(
    "--environment", required=True, help="Target of the release: an entry of the environments file."
)
@click.option(
    "--experiment-id",
    default=lambda: os.environ.get("MLFLOW_EXPERIMENT_ID", "none"),
    help="Recorded as a label.  [default: $MLFLOW_EXPERIMENT_ID or none]",
)
@click.option("--cpu", help="CPU limit of each pod, for instance 2.  [default: by the type of model]")
@click.option("--memory", help="Memory limit of each pod, for instance 4Gi.  [default: by the type of model]")
@click.option("--name", help="Name of the E2IModel.  [default: the bento's]")
@click.option(
    "--type", "kind", help="Classification, Regression or Causal.  [default: the type of the bento]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=900,
    show_default=True,
    help="Seconds for all steps together.",
)
@click.option(
    "--environments",
    type=click.Path(path_type=Path),
    help="The environments file.  [default: $E2I_ENVIRONMENTS, or the built-in local, staging, production]",
)
@click.option("--dry-run", is_flag=True, help="Show the E2IModel that would be applied, and release nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout; progress goes to stderr.")
def main(environments: Path | None, timeout: float, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Release a model and wait until it serves."""
    started = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {line}", err=as_json)

    try:
        # The import takes a second, and --help does not need it.
        from e2i import deploying
    except KeyboardInterrupt:
        _interrupted()
    try:
        if dry_run:
            rehearsed = deploying.rehearse_deployment(_request(options), environments=environments, say=say)
            _show(asyncio.run(rehearsed), as_json)
        else:
            running = deploying.run_deployment(
                _request(options), environments=environments, timeout=timeout, say=say
            )
            _tell(asyncio.run(running), as_json)
    except deploying.DeploymentError as error:
        _fail(error, as_json)
    except KeyboardInterrupt:
        _interrupted()


def _interrupted() -> NoReturn:
    click.echo("Interrupted. The operator continues with what was applied.", err=True)
    raise SystemExit(INTERRUPTED) from None


def _request(options: dict[str, Any]) -> dict[str, Any]:
    resources = {name: options[name] for name in ("cpu", "memory") if options[name]}
    return {
        "experiment_id": options["experiment_id"],
        "model_uri": options["model_uri"],
        "target_environment": options["environment"],
        "resources": resources,
        "name": options["name"],
        "type": options["kind"],
    }


def _tell(result: deploying.Deployed, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.document(), indent=2))
        return
    timings = ", ".join(f"{phase} {seconds:g} s" for phase, seconds in result.timings.items())
    click.echo(f"{result.bento} answers at {result.url} (release {result.release}; {timings})")


def _show(model: dict[str, Any], as_json: bool) -> None:
    """Print the fields that a person would write, without those that the API server adds."""
    metadata = {key: model["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    shown = {
        "apiVersion": model["apiVersion"],
        "kind": model["kind"],
        "metadata": metadata,
        "spec": model["spec"],
    }
    click.echo(json.dumps(shown, indent=2) if as_json else yaml.safe_dump(shown, sort_keys=False).rstrip())


def _fail(error: deploying.DeploymentError, as_json: bool) -> None:
    from e2i import deploying

    if as_json:
        click.echo(json.dumps(error.document(), indent=2))
    elif isinstance(error, deploying.InvalidRequest):
        for mistake in error.mistakes:
            click.echo(f"Error: {mistake}", err=True)
    else:
        click.echo(f"Error: {error.reason}: {error.message}", err=True)
    if isinstance(error, deploying.ReleaseFailed) and not as_json:
        _tell_what_is_left(error)
    raise SystemExit(EXIT_CODES[type(error).__name__])


def _tell_what_is_left(error: deploying.ReleaseFailed) -> None:
    if error.still_serving:
        click.echo(
            f"  {error.still_serving.bento} (release {error.still_serving.release}) answers as before",
            err=True,
        )
    for part, text in error.evidence.items():
        click.echo(f"  {part}: {text}", err=True)


if __name__ == "__main__":
    main()
