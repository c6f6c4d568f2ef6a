"""deploy: commit the manifest to the overlay of an environment, or apply it to the cluster."""

from __future__ import annotations

from pathlib import Path

from e2i.packaging.model_manifest import ManifestInputs, manifest
from e2i.packaging.overlay import KUSTOMIZATION, write_overlay
from e2i.pipeline import git
from e2i.pipeline.context import Loop, StepResult, digest_of
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.project import Deploy
from e2i_bento.card import read_card
from e2i_bento.input_capture import SHARE_VARIABLE


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "bento": str(loop.outputs("build").get("digest")),
        "archive": str(loop.outputs("push").get("digest")),
        "project.yaml": digest_of(loop.project.deploy.model_dump(mode="json")),
    }


def external_inputs(loop: Loop) -> dict[str, str]:
    cluster = loop.cluster
    place = loop.overlay or (f"{cluster.kubeconfig} {cluster.context}" if cluster else None)
    return {"where to": str(place), "--git-push": str(loop.options.git_push)}


def run(loop: Loop) -> StepResult:
    wanted = _wanted(loop)
    if loop.overlay:
        return _committed(loop, loop.overlay, wanted)
    if loop.cluster:
        body = manifest(wanted)
        loop.cluster.apply(body)
        sentence = f"applied {loop.cluster.model} with {wanted.tag}{_from(wanted)}"
        return StepResult(sentence, {"digest": digest_of(body)})
    return StepResult(
        f"neither --overlay nor --kubeconfig was given; {wanted.tag} is in {loop.store}", skipped=True
    )


def _wanted(loop: Loop) -> ManifestInputs:
    """Return the values of the manifest. With the archive's digest the operator needs no store."""
    version = loop.outputs("train")["version"]
    deploy = loop.project.deploy
    return ManifestInputs(
        tag=loop.outputs("build")["bento"],
        cards=[read_card(loop.workspace.release_folder(version))],
        name=loop.model_name,
        namespace=deploy.namespace,
        replicas=deploy.replicas,
        digest=loop.outputs("push").get("digest", ""),
        env=environment(deploy),
        resources=deploy.resources.model_dump(exclude_defaults=True) if deploy.resources else None,
    )


def environment(deploy: Deploy) -> dict[str, str]:
    """Return the variables of the pods: deploy.env, and the share of inputs that they log."""
    capture = {SHARE_VARIABLE: f"{deploy.capture_share:g}"} if deploy.capture_share else {}
    return {**deploy.env, **capture}


def _from(wanted: ManifestInputs) -> str:
    return ", from its archive in the bucket" if wanted.digest else ", from the operator's BentoML store"


def _committed(loop: Loop, overlay: Path, wanted: ManifestInputs) -> StepResult:
    if not overlay.is_dir():
        raise PipelineError(f"The overlay {overlay} does not exist. Correct --overlay or deploy.overlay.")
    branch = git.require_committable(overlay)
    file, _ = write_overlay(overlay, wanted)
    message = f"Release {wanted.tag} to {loop.project.deploy.environment}"
    commit = git.commit(overlay, [file, overlay / KUSTOMIZATION], message)
    if loop.options.git_push:
        git.push(overlay)
    pushed = "pushed" if git.is_pushed(overlay, commit) else "not pushed yet (see --git-push)"
    sentence = f"{file} asks for {wanted.tag}{_from(wanted)}: commit {commit[:12]} on {branch}, {pushed}"
    return StepResult(
        sentence, {"digest": digest_of([wanted.tag, commit]), "commit": commit, "folder": str(overlay)}
    )
