"""Names that a child of the model needs and that another object has: whose it is, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Collection

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.children import BentoDeployment, BentoRequest, Child, Service


def is_leftover(model: Model, child: Child, living: Collection[str]) -> bool:
    """Return whether it is a child of a deleted model of the same name, which Kubernetes will remove.

    `living`: the uids of the models that exist.
    """
    return child.model == model.name and child.owner is not None and child.owner not in living


def is_orphan(model: Model, child: Child) -> bool:
    """Return whether the object has no owner, our labels, and the name that the operator gives to such a child."""
    if child.owner is not None or not child.labelled or child.model != model.name:
        return False
    match child:
        case BentoRequest(artifact=artifact):
            # Parsed only if its name belongs to its digest.
            return artifact is not None
        case BentoDeployment(release=release):
            names = (naming.release_name(model.name, release or ""), naming.inplace_name(model.name))
            return release is not None and child.name in names
        case Service():
            return child.name == model.name
    return False


def holder(kind: str, child: Child) -> str:
    """Return a sentence about an object that has a name which the model needs."""
    place = f"{kind} {child.name} in {child.namespace}"
    if child.finalizers:
        return (
            f"{place} is being deleted, and waits for the finalizers {', '.join(child.finalizers)} of others"
        )
    if child.owner_name:
        owner = child.owner_name.removeprefix(f"{naming.KIND} ")
        of = f"the model {owner}" if owner != child.owner_name else child.owner_name
        return f"{place} belongs to {of} and is not changed: give this model another name"
    if child.model:
        return (
            f"{place} was left by an earlier model {child.model} (kubectl delete --cascade=orphan) and is not as the "
            f"operator makes it, so it is not taken over: if nobody changed it on purpose, "
            f"kubectl delete {kind.lower()} {child.name} -n {child.namespace} lets the operator make it again"
        )
    return (
        f"{place} has no owner and is not changed: if nobody needs it, "
        f"kubectl delete {kind.lower()} {child.name} -n {child.namespace} makes room; or give this model another name"
    )
