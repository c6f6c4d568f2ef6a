"""Bring a bento from the BentoML store into a bucket, and print the URL for a BentoRequest's downloadUrl.

    python bentos/ways/kubectl/upload.py churn_model:1.0.0

Bucket and server come from the environment, as for the operator: E2I_BUCKET, AWS_ENDPOINT_URL (not for AWS itself),
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. The archive lies under the digest of its content, so the same
bento is sent once.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import click

from e2i.core.observed import Trouble
from e2i.edge.bucket import Bucket
from e2i.edge.export import Exporter


@click.command()
@click.argument("tag")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="BentoML home folder.  [default: $BENTOML_HOME or ~/bentoml]",
)
@click.option(
    "--bucket", envvar="E2I_BUCKET", required=True, help="Name of the bucket.  [default: $E2I_BUCKET]"
)
def main(tag: str, store: Path | None, bucket: str) -> None:
    """Upload the bento TAG and print where it lies."""
    home = store or Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")
    endpoint, region = os.environ.get("AWS_ENDPOINT_URL", ""), os.environ.get("AWS_REGION") or "us-east-1"
    try:
        opened = Bucket(bucket, endpoint=endpoint, region=region)
    except ValueError as error:
        raise click.ClickException(f"AWS_ENDPOINT_URL={endpoint} cannot be used: {error}") from error
    with contextlib.closing(opened) as place:
        found = Exporter(home.absolute(), place)(tag, _show, threading.Event())
    if isinstance(found, Trouble):
        raise click.ClickException(f"{found.reason.name}: {found.message}")
    click.echo(f"{found.tag}, {found.size} bytes, {found.digest}", err=True)
    click.echo(found.uri)


def _show(done: int, total: int) -> None:
    click.echo(f"{done} of {total} bytes", err=True)


if __name__ == "__main__":
    main()
