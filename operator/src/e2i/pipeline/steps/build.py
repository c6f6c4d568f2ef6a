"""build: package the model as a bento, and keep its card and reference rows in the workspace."""

from __future__ import annotations

import json
import shutil

from e2i.packaging.package import BentoOptions, package
from e2i.packaging.version_log import VERSION_LOG
from e2i.pipeline.card_metrics import complete_card
from e2i.pipeline.context import Loop, StepResult
from e2i.pipeline.workspace import write_atomically
from e2i.registry import client as registry
from e2i_bento.card import CARD_FILE


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "model": str(loop.outputs("train").get("digest")),
        "version": str(loop.outputs("train").get("version")),
        "registered": str(loop.outputs("register").get("model")),
        "lean_image": str(loop.project.lean_image),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    return {"the store": str(loop.store)}


def run(loop: Loop) -> StepResult:
    version = loop.outputs("train")["version"]
    complete_card(loop, loop.outputs("register")["model"])
    packed = package(
        [loop.workspace.trained],
        BentoOptions(lean_image=loop.project.lean_image),
        version=version,
        store=loop.store,
        ledger=loop.folder / VERSION_LOG,
        serve=loop.options.trial,
        say=lambda line: loop.say(f"build: {line}"),
    )
    _keep_release(loop, version, packed.tag)
    registered = loop.outputs("register")
    registry.mark_version(registered["uri"], loop.project.name, registered["number"], bento=packed.tag)
    sentence = f"{packed.tag}, {packed.size >> 10} KiB, {packed.digest} in {loop.store}"
    return StepResult(
        sentence, {"bento": packed.tag, "digest": packed.digest}, (loop.workspace.release_folder(version),)
    )


def _keep_release(loop: Loop, version: str, bento: str) -> None:
    folder = loop.workspace.release_folder(version)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(loop.workspace.trained / CARD_FILE, folder / CARD_FILE)
    shutil.copyfile(loop.workspace.reference, folder / loop.workspace.reference.name)
    learned = {
        "bento": bento,
        "train": loop.outputs("data")["train"],
        "source": loop.outputs("data")["source"],
    }
    write_atomically(folder / "release.json", json.dumps(learned))
