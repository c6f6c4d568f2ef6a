"""deploy: the manifest committed to the overlay of an environment, or applied to the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2i.packaging.manifest import Wanted, manifest
from e2i.packaging.overlay import write_overlay
from e2i.pipeline import git
from e2i.pipeline.faults import Stopped
from e2i.pipeline.loop import Done, Loop, digest_of
from e2i.pipeline.project import Deploy
from e2i_bento.card import read_card

CAPTURE = "E2I_CAPTURE_SHARE"
KUSTOMIZATION = "kustomization.yaml"


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "bento": str(loop.outputs("build").get("digest")),
        "archive": str(loop.outputs("push").get("digest")),
        "project.yaml": digest_of(loop.project.deploy.model_dump(mode="json")),
    }


def world(loop: Loop) -> dict[str, str]:
    cluster = loop.cluster
    place = loop.overlay or (f"{cluster.kubeconfig} {cluster.context}" if cluster else None)
    return {"where to": str(place)}


def do(loop: Loop) -> Done:
    wanted = _wanted(loop)
    if loop.overlay:
        return _committed(loop, loop.overlay, wanted)
    if loop.cluster:
        body = complete(manifest(wanted), loop.project.deploy)
        loop.cluster.apply(body)
        sentence = f"applied {loop.cluster.model} with {wanted.tag}{_from(wanted)}"
        return Done(sentence, {"digest": digest_of(body)})
    return Done(
        f"neither --overlay nor --kubeconfig says where to; {wanted.tag} is in {loop.store}", skipped=True
    )


def _wanted(loop: Loop) -> Wanted:
    """With the archive's digest when it was brought to the bucket: then no store has to have the bento."""
    version = loop.outputs("train")["version"]
    return Wanted(
        tag=loop.outputs("build")["bento"],
        cards=[read_card(loop.place.release(version))],
        name=loop.model_name,
        namespace=loop.project.deploy.namespace,
        replicas=loop.project.deploy.replicas,
        digest=loop.outputs("push").get("digest", ""),
    )


def _from(wanted: Wanted) -> str:
    return ", from its archive in the bucket" if wanted.digest else ", from the operator's BentoML store"


def _committed(loop: Loop, overlay: Path, wanted: Wanted) -> Done:
    if not overlay.is_dir():
        raise Stopped(f"The overlay {overlay} does not exist. Correct --overlay or deploy.overlay.")
    branch = git.require_committable(overlay)
    file, _ = write_overlay(overlay, wanted)
    written = [path for path in (file, overlay / KUSTOMIZATION) if path.exists()]
    commit = git.commit(overlay, written, f"Release {wanted.tag} to {loop.project.deploy.environment}")
    sentence = (
        f"{file} asks for {wanted.tag}{_from(wanted)}: commit {commit[:12]} on {branch}, to be pushed by you"
    )
    return Done(sentence, {"digest": digest_of([wanted.tag, commit]), "commit": commit, "file": str(file)})


def complete(body: dict[str, Any], deploy: Deploy) -> dict[str, Any]:
    """The manifest with the environment and the resources that project.yaml gives the pods."""
    env = {**deploy.env, **({CAPTURE: f"{deploy.capture_share:g}"} if deploy.capture_share else {})}
    spec = {**body["spec"]}
    if env:
        spec["env"] = [{"name": name, "value": value} for name, value in sorted(env.items())]
    if deploy.resources:
        spec["resources"] = deploy.resources.model_dump(exclude_defaults=True)
    return {**body, "spec": spec}
