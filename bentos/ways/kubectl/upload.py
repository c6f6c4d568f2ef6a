"""Upload a bento from the BentoML store to a bucket, and print the URL for a BentoRequest's downloadUrl.

    python bentos/ways/kubectl/upload.py churn_model:1.0.0

The environment names bucket and server, as for the operator: E2I_BUCKET, AWS_ENDPOINT_URL (not for AWS itself),
AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. The key of the archive contains the digest of its content, so the
same bento is uploaded once.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import click

from e2i.deploying.environments import BucketPlace
from e2i.deploying.errors import PushFailed
from e2i.deploying.push import send


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
    """Upload the bento TAG and print the URL of its archive."""
    home = store or Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml")
    endpoint, region = os.environ.get("AWS_ENDPOINT_URL", ""), os.environ.get("AWS_REGION") or "us-east-1"
    place = BucketPlace(name=bucket, endpoint=endpoint, region=region, shared=True)
    try:
        archive = send(tag, home.absolute(), place, "", threading.Event())
    except PushFailed as failure:
        raise click.ClickException(f"{failure.reason}: {failure.message}") from failure
    click.echo(f"{archive.tag}, {archive.size} bytes, {archive.digest}", err=True)
    click.echo(archive.uri)


if __name__ == "__main__":
    main()
