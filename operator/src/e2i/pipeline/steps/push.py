"""push: upload the archive to the bucket, under the key that the operator uses, and the image to its registry."""

from __future__ import annotations

import os
import threading

from e2i.api.artifact import Artifact
from e2i.api.tags import parse_tag
from e2i.archive.bento_store import find_bento
from e2i.archive.s3.settings import read_bucket
from e2i.deploying.environments import BucketPlace
from e2i.deploying.errors import PushFailed
from e2i.deploying.push import send
from e2i.pipeline import containers
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.runstate import Outputs
from e2i.variables import BadSetting


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "bento": str(loop.outputs("build").get("digest")),
        "image": str(loop.outputs("containerize").get("image")),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    place = ("E2I_BUCKET", "E2I_BUCKET_PREFIX", "E2I_SHARE_ARCHIVES", "AWS_ENDPOINT_URL")
    bucket = " ".join(os.environ.get(name, "-") for name in place)
    return {
        "the bucket": bucket,
        "deploy.namespace": loop.project.deploy.namespace,
        "--image": str(loop.options.image),
    }


def run(loop: Loop) -> StepResult:
    image = loop.outputs("containerize")
    said, pushed = [], {}
    if image and loop.options.image:
        _require_registry(loop.options.image)
        pushed = _image(loop, image)
        said.append(f"{image['image']} is in its registry as {pushed['image']}")
    if not os.environ.get("E2I_BUCKET"):
        said.append("no bucket is configured (E2I_BUCKET), so the archive stays in the BentoML store")
        return StepResult("; ".join(said), pushed, skipped=not pushed)
    artifact = _archive(loop)
    said.append(f"{artifact.uri}, {artifact.size >> 10} KiB")
    return StepResult("; ".join(said), {"uri": artifact.uri, "digest": artifact.digest} | pushed)


def _image(loop: Loop, image: Outputs) -> Outputs:
    """Push the image; returns its name with its digest, and what the operator cannot find in an image."""
    bento = find_bento(loop.store, parse_tag(loop.outputs("build")["bento"]))
    name = containers.push(image["builder"], image["image"])
    return {"image": name, "service": bento.service, "path_prefix": bento.path_prefix}


def _require_registry(image: str) -> None:
    """Refuse a name whose registry each machine would guess: the model names the image with its registry."""
    host, _, name = image.partition("/")
    if not name or not (host == "localhost" or "." in host or ":" in host):
        raise PipelineError(
            f"--image {image} names no registry. Begin with its host, for instance docker.io/{image}."
        )


def _archive(loop: Loop) -> Artifact:
    """Upload the archive if it is not in the bucket yet."""
    try:
        bucket = read_bucket(os.environ)
    except BadSetting as error:
        raise PipelineError(f"The bucket cannot be used: {error}.") from error
    place = BucketPlace(
        name=bucket.name,
        endpoint=bucket.endpoint,
        region=bucket.region,
        prefix=bucket.prefix,
        shared=bucket.share_archives,
    )
    try:
        return send(
            loop.outputs("build")["bento"],
            loop.store,
            place,
            loop.project.deploy.namespace,
            threading.Event(),
        )
    except PushFailed as failed:
        raise PipelineError(failed.message) from failed
