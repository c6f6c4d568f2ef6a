"""The steps of the loop, in order, and what each needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step. `always`: it depends on systems outside the project, so it runs each time."""

    name: str
    does: str
    needs: tuple[str, ...] = ()
    always: bool = False


STEPS: tuple[Step, ...] = (
    Step("data", "Read the data, check them against project.yaml, and set the holdout aside."),
    Step("test", "Run the project's own tests and the tests of the data.", ("data",)),
    Step("train", "Train the model with the recipe and describe it.", ("data", "test")),
    Step("evaluate", "Measure the model, and the model that serves, on the holdout.", ("data", "train")),
    Step("gate", "Stop unless the metrics meet the bounds of project.yaml.", ("evaluate",)),
    Step("register", "Put the model into the MLflow registry.", ("train", "evaluate", "gate")),
    Step("build", "Package the model as a bento in the BentoML store.", ("train", "gate", "register")),
    Step(
        "containerize", "Build the image of the bento, if docker, podman or buildah works here.", ("build",)
    ),
    Step(
        "push", "Upload the archive to the bucket, and the image to its registry.", ("build", "containerize")
    ),
    Step("deploy", "Commit the manifest to the overlay, or apply it to the cluster.", ("build", "push")),
    Step(
        "serve", "Wait until the release serves, and ask it for a prediction.", ("train", "build", "deploy")
    ),
    Step("monitor", "Collect the inputs that the pods of the model have logged.", always=True),
    Step("drift", "Compare the collected inputs with the rows that the model was measured on.", always=True),
    Step("retrain", "Run all steps again if the inputs have drifted.", always=True),
)
NAMES = tuple(step.name for step in STEPS)
RELEASE = tuple(step.name for step in STEPS if not step.always)
"""The steps from data to a model that serves."""


def step_named(name: str) -> Step:
    return STEPS[NAMES.index(name)]


def with_needs(name: str) -> tuple[str, ...]:
    """Return the step and all steps that it needs, in order: gate -> data, test, train, evaluate, gate."""
    wanted = {name}
    for step in reversed(STEPS):
        if step.name in wanted:
            wanted.update(step.needs)
    return in_order(wanted)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    wanted = set(names)
    return tuple(name for name in NAMES if name in wanted)
