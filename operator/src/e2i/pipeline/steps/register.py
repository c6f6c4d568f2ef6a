"""register: put the model with its card, metrics and reference rows into the MLflow registry."""

from __future__ import annotations

from e2i.pipeline.card_metrics import complete_card
from e2i.pipeline.context import Loop, StepResult
from e2i.registry import client as registry


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "model": str(loop.outputs("train").get("digest")),
        "version": str(loop.outputs("train").get("version")),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    return {"the registry": registry.tracking_uri(loop.workspace.registry)}


def run(loop: Loop) -> StepResult:
    uri, name = registry.tracking_uri(loop.workspace.registry), loop.project.name
    trained = loop.outputs("train")
    card = complete_card(loop)
    logged = registry.Registration(
        digest=trained["digest"],
        params={
            "type": card.type,
            "target": loop.project.target,
            "features": str(len(card.features)),
            "rows": str(card.lineage.data_rows),
            "data": card.lineage.data_source,
            "data_digest": card.lineage.data_digest,
            "code_revision": card.lineage.code_revision,
            **trained["params"],
        },
        metrics=loop.outputs("evaluate")["metrics"],
        tags={"e2i.version": trained["version"]},
        folders={
            registry.TRAINED: loop.workspace.trained,
            registry.REFERENCE: loop.workspace.reference.parent,
        },
    )
    number = registry.register(uri, name, logged, loop.workspace.registry / "artifacts")
    return StepResult(
        f"models:/{name}/{number} in {uri}",
        {"uri": uri, "number": number, "model": f"models:/{name}/{number}"},
    )
