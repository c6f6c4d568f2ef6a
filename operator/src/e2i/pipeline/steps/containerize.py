"""containerize: build the image of the bento, if docker, podman or buildah works here."""

from __future__ import annotations

from e2i.pipeline import containers
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.errors import PipelineError


def inputs(loop: Loop) -> dict[str, str]:
    return {"bento": str(loop.outputs("build").get("digest"))}


def external_inputs(loop: Loop) -> dict[str, str]:
    return {"the builder": str(containers.healthy_builder()[0]), "--image": str(loop.options.image)}


def run(loop: Loop) -> StepResult:
    bento = loop.outputs("build")["bento"]
    builder, why_not = containers.healthy_builder()
    if builder is None:
        return _without_image(why_not)
    name, version = bento.split(":")
    image = f"{loop.options.image or name}:{version}"
    try:
        containers.containerize(builder, bento, image, loop.store)
    except PipelineError as error:
        if loop.options.image:
            raise
        # Nobody asked for it: Yatai builds the image in the cluster.
        return _without_image(error.message)
    return StepResult(f"{image} with {builder}", {"image": image, "builder": builder})


def _without_image(why: str) -> StepResult:
    return StepResult(
        f"no image was built: {why}; the archive of the bento is what is delivered", skipped=True
    )
