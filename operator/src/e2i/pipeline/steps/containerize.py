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
        return _without_image(_first_and_last(error.message))
    return StepResult(f"{image} with {builder}", {"image": image, "builder": builder})


def _without_image(why: str) -> StepResult:
    return StepResult(
        f"no image was built: {why}; the archive of the bento is what is delivered", skipped=True
    )


def _first_and_last(message: str) -> str:
    """Return the command and the last thing that it printed: a skipped step needs no traceback."""
    lines = message.splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1].strip()}"
