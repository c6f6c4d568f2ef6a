"""deploy: commit the manifest to the overlay of an environment, or apply it to the cluster."""

from __future__ import annotations

from pathlib import Path

from e2i.packaging.model_manifest import ManifestInputs, PushedImage, manifest
from e2i.packaging.overlay import KUSTOMIZATION, write_overlay
from e2i.packaging.stored_bento import folder_bytes
from e2i.pipeline import git
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.project import Deploy
from e2i.pipeline.runstate import Outputs
from e2i_bento.card import read_card
from e2i_bento.input_capture import SHARE_VARIABLE


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "bento": str(loop.outputs("build").get("digest")),
        "archive": str(loop.outputs("push").get("digest")),
        "image": str(loop.outputs("push").get("image")),
        "project.yaml": digest_of(loop.project.deploy.model_dump(mode="json")),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    cluster = loop.cluster
    place = loop.overlay or (f"{cluster.kubeconfig} {cluster.context}" if cluster else None)
    return {"where to": str(place), "--git-push": str(loop.options.git_push)}


def run(loop: Loop) -> StepResult:
    values = _manifest_inputs(loop)
    if loop.overlay:
        return _commit_manifest(loop, loop.overlay, values)
    if loop.cluster:
        body = manifest(values)
        loop.cluster.apply(body)
        sentence = f"applied {loop.cluster.model} with {values.tag}{_bento_source(values)}"
        return StepResult(sentence, {"digest": digest_of(body)})
    return StepResult(
        f"neither --overlay nor --kubeconfig was given; {values.tag} is in {loop.store}", skipped=True
    )


def _manifest_inputs(loop: Loop) -> ManifestInputs:
    """Return the values of the manifest. With a pushed image, or the archive's digest, the operator needs no store."""
    version = loop.outputs("train")["version"]
    pushed = loop.outputs("push")
    deploy = loop.project.deploy
    return ManifestInputs(
        tag=loop.outputs("build")["bento"],
        cards=[read_card(loop.workspace.release_folder(version))],
        model_bytes=folder_bytes(loop.workspace.release_folder(version)),
        name=loop.model_name,
        namespace=deploy.namespace,
        replicas=deploy.replicas,
        digest=pushed.get("digest", ""),
        image=_pushed_image(pushed),
        env=environment(deploy),
        resources=deploy.resources.model_dump(exclude_defaults=True) if deploy.resources else None,
    )


def environment(deploy: Deploy) -> dict[str, str]:
    """Return the variables of the pods: deploy.env, and the share of inputs that they log."""
    capture = {SHARE_VARIABLE: f"{deploy.capture_share:g}"} if deploy.capture_share else {}
    return {**deploy.env, **capture}


def _pushed_image(pushed: Outputs) -> PushedImage | None:
    if not pushed.get("image"):
        return None
    return PushedImage(pushed["image"], pushed["service"], pushed["path_prefix"])


def _bento_source(values: ManifestInputs) -> str:
    if values.image:
        return f", from the image {values.image.name}"
    return ", from its archive in the bucket" if values.digest else ", from the operator's BentoML store"


def _commit_manifest(loop: Loop, overlay: Path, values: ManifestInputs) -> StepResult:
    if not overlay.is_dir():
        raise PipelineError(f"The overlay {overlay} does not exist. Correct --overlay or deploy.overlay.")
    branch = git.require_committable(overlay)
    file, _ = write_overlay(overlay, values)
    message = f"Release {values.tag} to {loop.project.deploy.environment}"
    commit = git.commit(overlay, [file, overlay / KUSTOMIZATION], message)
    if loop.options.git_push:
        git.push(overlay)
    pushed = "pushed" if git.is_pushed(overlay, commit) else "not pushed yet (see --git-push)"
    sentence = (
        f"{file} asks for {values.tag}{_bento_source(values)}: commit {commit[:12]} on {branch}, {pushed}"
    )
    return StepResult(
        sentence, {"digest": digest_of([values.tag, commit]), "commit": commit, "folder": str(overlay)}
    )
