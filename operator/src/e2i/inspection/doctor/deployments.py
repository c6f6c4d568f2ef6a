"""Read Deployments as the API server sends them. Pure."""

from __future__ import annotations

from e2i.inspection.doctor.facts import Finding, Object, State


def deployment(deployments: tuple[Object, ...], name: str) -> Object | None:
    """Return the Deployment with this app.kubernetes.io/name."""

    def is_named(each: Object) -> bool:
        return bool(each["metadata"].get("labels", {}).get("app.kubernetes.io/name") == name)

    return next(filter(is_named, deployments), None)


def available(part: str, found: Object, place: str) -> Finding:
    """Return whether the pods of the Deployment, called `place` in the sentence, are available."""
    status = found.get("status", {})
    wanted, ready = found["spec"].get("replicas", 1), status.get("availableReplicas", 0)
    namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
    told = f"{ready} of {wanted} pods are available"
    if not wanted:
        step = f"kubectl scale deployment {name} --namespace={namespace} --replicas=1"
        return Finding(part, State.FAILED, f"{place} is scaled to zero", step)
    if not ready:
        step = f"kubectl describe deployment {name} --namespace={namespace}"
        return Finding(part, State.FAILED, f"{place}: {told}", step)
    if not (missing := status.get("unavailableReplicas", 0)):
        return Finding(part, State.OK, f"{place}, {told}")
    # After an edit the old pods go on until the new ones are ready, so its failure shows nowhere else.
    edited = status.get("replicas", 0) > status.get("updatedReplicas", 0)
    which = (
        f"{missing} of its last edit {'is' if missing == 1 else 'are'} not" if edited else f"{missing} not"
    )
    stuck = _stuck(found)
    return Finding(
        part,
        State.FAILED if stuck else State.WARNING,
        f"{place}: {told}, {which}{f': {stuck}' if stuck else ''}",
        f"{'' if stuck else 'If this stays: '}kubectl get pods --namespace={namespace}; kubectl describe and logs of "
        "the one that is not ready say why.",
    )


def _stuck(found: Object) -> str:
    """Return what Kubernetes says of a rollout that it gave up waiting for; empty while it waits."""
    return next(
        (
            str(each.get("message") or each.get("reason", ""))
            for each in found["status"].get("conditions", ())
            if (each["type"], each["status"]) == ("Progressing", "False")
        ),
        "",
    )


def containers(deployment: Object) -> list[Object]:
    """Return the containers of its pods."""
    found: list[Object] = deployment["spec"]["template"]["spec"]["containers"]
    return found


def has_variable(deployment: Object, name: str) -> bool:
    """Return whether a container is given this variable by its name."""
    return any(
        each["name"] == name for container in containers(deployment) for each in container.get("env", ())
    )


def given_value(deployment: Object, name: str) -> str | None:
    """Return the value that a container is given by its name; None if there is none, or if it is not written there."""
    for container in containers(deployment):
        for each in container.get("env", ()):
            if each["name"] == name:
                field = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
                here: str = deployment["metadata"]["namespace"]
                return here if field == "metadata.namespace" else each.get("value")
    return None
