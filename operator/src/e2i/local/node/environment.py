"""Compute the environment variables of a container, from the pod and the objects that it refers to. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from e2i.api import quantities
from e2i.kube import Object

Reference = tuple[Literal["secret", "configMap"], str]
"""Kind and name of an object in the pod's namespace."""


class MissingValueError(Exception):
    """The source of a variable or a volume does not exist; the container cannot be created now."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The values that variables may refer to."""

    pod: Object
    pod_address: str
    """The pod's address on this machine: processes can listen on it and connect to it."""
    host_address: str
    allocatable: Mapping[str, str]
    objects: Mapping[Reference, Mapping[str, bytes] | None]
    """The data of every object that `references` returned; None if the object does not exist."""


def references(container: Object) -> set[Reference]:
    """Return the Secrets and ConfigMaps that the container's variables come from."""
    found: set[Reference] = set()
    for entry in container.get("env") or []:
        source = entry.get("valueFrom") or {}
        if "secretKeyRef" in source:
            found.add(("secret", source["secretKeyRef"].get("name", "")))
        if "configMapKeyRef" in source:
            found.add(("configMap", source["configMapKeyRef"].get("name", "")))
    for entry in container.get("envFrom") or []:
        found.add(_whole_object(entry)[0])
    return found


def object_data(kind: str, found: Object | None) -> dict[str, bytes] | None:
    """Return the data of a Secret or ConfigMap as bytes; None if the object does not exist."""
    if found is None:
        return None
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def expand(text: str, *variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value in the first mapping that has it; unknown names stay, $$ becomes $.

    "$(A)-$(B)-$$(A)" with A=1 -> "1-$(B)-$(A)"
    """

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return next((known[match[1]] for known in variables if match[1] in known), match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", value, text)


def container_env(container: Object, sources: Sources, links: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the container's spec; MissingValueError names a source that does not exist."""
    result: dict[str, str] = {}
    for entry in container.get("envFrom") or []:
        result |= _from_object(entry, sources)
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            value = _from_source(entry["valueFrom"], container, sources)
            if value is None:
                continue
            result[entry["name"]] = value
        else:
            result[entry["name"]] = expand(entry.get("value") or "", result, links)
    return result


def _whole_object(entry: Object) -> tuple[Reference, bool]:
    if "secretRef" in entry:
        reference = entry["secretRef"]
        return ("secret", reference.get("name", "")), bool(reference.get("optional"))
    reference = entry["configMapRef"]
    return ("configMap", reference.get("name", "")), bool(reference.get("optional"))


def _from_object(entry: Object, sources: Sources) -> dict[str, str]:
    reference, optional = _whole_object(entry)
    data = sources.objects[reference]
    if data is None:
        if optional:
            return {}
        raise MissingValueError(_not_found(reference))
    prefix = entry.get("prefix") or ""
    return {prefix + key: value.decode(errors="surrogateescape") for key, value in sorted(data.items())}


def _not_found(reference: Reference) -> str:
    return f'{reference[0].lower()} "{reference[1]}" not found'


def _from_source(source: Object, container: Object, sources: Sources) -> str | None:
    """Return the value, or None if it is optional and missing."""
    if "fieldRef" in source:
        return field(source["fieldRef"]["fieldPath"], sources)
    if "resourceFieldRef" in source:
        return resource_field(source["resourceFieldRef"], container, sources)
    if "secretKeyRef" in source:
        return _key("secret", source["secretKeyRef"], sources)
    if "configMapKeyRef" in source:
        return _key("configMap", source["configMapKeyRef"], sources)
    kind = next(iter(source), "nothing")
    raise MissingValueError(f"the local node does not offer valueFrom.{kind}")


def _key(kind: Literal["secret", "configMap"], reference: Object, sources: Sources) -> str | None:
    name, key = reference.get("name", ""), reference["key"]
    data = sources.objects[kind, name]
    if data is not None and key in data:
        return data[key].decode(errors="surrogateescape")
    if reference.get("optional"):
        return None
    if data is None:
        raise MissingValueError(_not_found((kind, name)))
    namespace = sources.pod["metadata"]["namespace"]
    raise MissingValueError(f"couldn't find key {key} in {kind[0].upper()}{kind[1:]} {namespace}/{name}")


def field(path: str, sources: Sources) -> str:
    """Return the value of a downward API path, "" for a label or annotation that is not set."""
    metadata, spec = sources.pod["metadata"], sources.pod["spec"]
    subscript = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
    if subscript:
        return str((metadata.get(subscript[1]) or {}).get(subscript[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = metadata.get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted(entries.items()))
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": sources.pod_address,
        "status.podIPs": sources.pod_address,
        "status.hostIP": sources.host_address,
        "status.hostIPs": sources.host_address,
    }
    if path not in known:
        raise MissingValueError(f"the local node does not know the field {path}")
    return str(known[path])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resource_field(reference: Object, container: Object, sources: Sources) -> str:
    """Return a request or limit in units of the divisor; a missing limit is what the node has."""
    which, name = reference["resource"].split(".", 1)
    wanted = reference.get("containerName") or container["name"]
    spec = sources.pod["spec"]
    everyone = [*(spec.get("initContainers") or []), *spec["containers"]]
    owner = next((other for other in everyone if other["name"] == wanted), container)
    value = ((owner.get("resources") or {}).get(which) or {}).get(name)
    if value is None and which == "limits":
        value = sources.allocatable.get(name)
    return str(quantities.in_units(value or "0", str(reference.get("divisor") or "1")))
