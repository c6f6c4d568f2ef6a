"""Read Deployments as the API server sends them. Pure."""

from __future__ import annotations

from e2i.inspection.doctor.facts import Finding, Object, State


def deployment(deployments: tuple[Object, ...], name: str) -> Object | None:
    """Return the Deployment with this app.kubernetes.io/name."""

    def is_named(each: Object) -> bool:
        return bool(each["metadata"].get("labels", {}).get("app.kubernetes.io/name") == name)

    return next(filter(is_named, deployments), None)


def available(part: str, found: Object, place: str) -> Finding:
    """Return whether pods of the Deployment, called `place` in the sentence, are available."""
    wanted, ready = found["spec"].get("replicas", 1), found.get("status", {}).get("availableReplicas", 0)
    if wanted and ready:
        return Finding(part, State.OK, f"{place}, {ready} of {wanted} pods are available")
    namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
    return Finding(
        part,
        State.FAILED,
        f"{place}: {ready} of {wanted} pods are available",
        f"kubectl describe deployment {name} --namespace={namespace}",
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
