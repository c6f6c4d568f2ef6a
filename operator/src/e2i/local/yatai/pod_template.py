"""Make the pod template of a Deployment. Pure.

It has only the fields that yatai-deployment writes, because only these count in its drift correction. Its two sidecars
(metrics-transformer, proxy) are left out: they are not in the path of a request.
"""

from __future__ import annotations

import re
from typing import Any

from e2i.api import quantities
from e2i.kube import Object
from e2i.local.yatai.errors import ReconcileError
from e2i.local.yatai.parts import Part
from e2i.local.yatai.starting import command_of, probes_of

PORT = 3000
ON = "true"
EXTRA_POD_FIELDS = ("schedulerName", "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints")
HOST_ANNOTATIONS = {
    "yatai.ai/enable-host-ipc": "hostIPC",
    "yatai.ai/enable-host-network": "hostNetwork",
    "yatai.ai/enable-host-pid": "hostPID",
}
# PEP 440, the form of Python versions.
VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*"
    r"([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"([-_.]?dev[-_.]?\d*)?"
    r"(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)


def pod_spec(part: Part) -> Object:
    settings, bento = part.settings, part.bento["spec"]
    annotations = settings.get("annotations", {})
    extra = settings.get("extraPodSpec", {})
    check_version(bento.get("context", {}).get("bentomlVersion", ""))
    resources = resources_of(settings.get("resources", {}))
    pod: Object = {
        "containers": [main_container(part, resources)],
        "volumes": [shared_memory(resources)],
        "serviceAccountName": extra.get("serviceAccountName") or "default",
    }
    pod |= {field: stored_form(extra[field]) for field in EXTRA_POD_FIELDS if extra.get(field)}
    if secrets := bento.get("imagePullSecrets"):
        pod["imagePullSecrets"] = secrets
    for annotation, field in HOST_ANNOTATIONS.items():
        if annotations.get(annotation) == ON:
            pod[field] = True
    if annotations.get("yatai.ai/enable-debug-mode") == ON:
        pod["shareProcessNamespace"] = True
    return pod


def check_version(version: str) -> None:
    """Raise ReconcileError for an invalid version: Yatai reads it to recognise very old bentos, and fails."""
    if version and not VERSION.fullmatch(version):
        raise ReconcileError(f"invalid bentoml version {version}: Malformed version: {version}")


def main_container(part: Part, resources: Object) -> Object:
    env, port = environment(part)
    container: Object = {
        "name": "main",
        "image": part.bento["spec"]["image"],
        "command": ["sh", "-c"],
        "args": [command_of(part, port)],
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "env": env,
        "resources": resources,
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],  # noqa: S108 - where it belongs
        **probes_of(part, port),
        "stdin": True,
        "tty": True,
    }
    if context := security_context(part.settings.get("annotations", {})):
        container["securityContext"] = context
    return container


def environment(part: Part) -> tuple[list[dict[str, str]], int]:
    """Return the variables in yatai-deployment's order, the user's first, and the port; drop repeated names.

    Only name and value are copied: a variable with `valueFrom` becomes empty.
    """
    given: dict[str, str] = {}
    for variable in part.settings.get("envs", ()):
        given.setdefault(variable["name"], variable.get("value", ""))
    metadata = part.owner["metadata"]
    own = {
        "PORT": str(PORT),
        "YATAI_T_DEPLOYMENT_UID": metadata["uid"],
        "YATAI_BENTO_DEPLOYMENT_NAME": metadata["name"],
        "YATAI_BENTO_DEPLOYMENT_NAMESPACE": metadata["namespace"],
    }
    variables = given | {name: value for name, value in own.items() if name not in given}
    try:
        port = int(variables["PORT"])
    except ValueError as error:
        raise ReconcileError(f"invalid port value {variables['PORT']}") from error
    # The API stores no empty value, so leave it out.
    return [{"name": name} | ({"value": value} if value else {}) for name, value in variables.items()], port


def resources_of(wanted: Object) -> Object:
    """Return requests and limits: the defaults, overridden by those of the spec; `requests.gpu` is ignored."""
    limits = {"cpu": "500m", "memory": "1Gi"}
    requests = {"cpu": "300m", "memory": "500Mi"}
    for side, result in (("limits", limits), ("requests", requests)):
        given = wanted.get(side, {})
        names = {"cpu": "cpu", "memory": "memory"}
        if side == "limits":
            names["gpu"] = "nvidia.com/gpu"
        values = {names[name]: (name, given[name]) for name in names if given.get(name)}
        values |= {name: (name, value) for name, value in given.get("custom", {}).items()}
        for resource, (name, text) in values.items():
            result[resource] = _quantity(text, f"parse {side} {name} quantity")
    return {"limits": limits, "requests": requests}


def _quantity(text: str, doing: str) -> str:
    try:
        return quantities.stored(text)
    except ValueError as error:
        raise ReconcileError(f"failed to get resources config: {doing}: {_refusal(text)}") from error


def _refusal(text: str) -> str:
    """Return the error of Go's parser for an invalid quantity: Yatai shows it unchanged."""
    match = re.fullmatch(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)", text)
    if match is None:
        return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", match[1]):
        return "unable to parse numeric part of quantity"
    return "unable to parse quantity's suffix"


def shared_memory(resources: Object) -> Object:
    """Return a volume in memory, half as large as the memory limit."""
    limit = quantities.value(resources["limits"]["memory"])
    size = quantities.stored_in_binary(limit / 2) if limit else "64Mi"
    return {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": size}}


def security_context(annotations: dict[str, str]) -> Object:
    """Return the rights that the privilege annotations ask for; the local node cannot grant or refuse any of them."""
    context: Object = {}
    if annotations.get("yatai.ai/enable-container-privileged") == ON:
        context["privileged"] = True
    if annotations.get("yatai.ai/enable-container-ptrace") == ON:
        context["capabilities"] = {"add": ["SYS_PTRACE"]}
    if annotations.get("yatai.ai/run-container-as-root") == ON:
        context["runAsUser"] = 0
    return context


def stored_form(value: Any) -> Any:
    """Return the value without empty texts: the API does not store them, and they would look like drift."""
    if isinstance(value, dict):
        return {key: stored_form(item) for key, item in value.items() if item not in ("", None)}
    if isinstance(value, list):
        return [stored_form(item) for item in value]
    return value
