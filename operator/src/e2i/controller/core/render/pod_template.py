"""The second way for fields that a BentoDeployment cannot say: into the template of Yatai's Deployment. Pure.

It reads the annotations that the policy e2i-pods reads, so both ways have one description. Only what yatai-deployment
does not write holds: it takes back every other change within a tenth of a second, and drops all of them with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from e2i.api import naming
from e2i.api.model import Rollout, Shape, Strategy
from e2i.api.pod_annotations import GIVEN, PREFIX, policy_annotations, usual_probe

Fields = dict[str, Any]

PATCHED = "Deployment"
"""Value of GIVEN on pods that have their fields from the template of their Deployment."""
_REQUEST = ("httpGet.path", "httpGet.port", "httpGet.scheme")
_NUMBERS = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
_WORDS = (*_REQUEST, *_NUMBERS)
"""The words of a probe, as `pod_annotations` writes them."""
_FREE = ("periodSeconds", "successThreshold")
"""Those that yatai-deployment leaves to the API server in its own probes."""
_YATAI_PROBES = {kind: usual_probe(kind) for kind in ("readiness", "liveness")}
_REFERENCE = re.compile(r"\$\(([^()]+)\)")


def unheld(shape: Shape, path_prefix: str, rollout: Rollout) -> tuple[str, ...]:
    """Return the fields that a Deployment of Yatai does not keep, as the spec names them; empty if it keeps all.

    The other strategies lead requests to all pods of the model: also to those that Yatai made without the fields.
    """
    asked = policy_annotations(shape.pod, path_prefix)
    found = [*_unheld_probes(asked), *_unheld_variables(shape, asked)]
    if asked and rollout.strategy is not Strategy.BLUE_GREEN:
        found.append(f"spec.rollout.strategy {rollout.strategy.value} together with fields of the pods")
    return tuple(found)


def _unheld_probes(asked: Mapping[str, str]) -> Iterator[str]:
    for kind, usual in _YATAI_PROBES.items():
        words = asked.get(f"{PREFIX}{kind}-probe", "").split(" ")
        pairs = zip(_WORDS, words, usual, strict=False)
        changed = [name for name, word, own in pairs if word and word != own and name not in _FREE]
        if changed:
            yield f"spec.probes.{kind} ({', '.join(changed)})"


def _unheld_variables(shape: Shape, asked: Mapping[str, str]) -> Iterator[str]:
    """A variable may refer to those before it only, and an apply adds its own behind those that are there."""
    added = {words[0] for words in _items(asked, "env")}
    for name, value in shape.env:
        if used := sorted(added & set(_REFERENCE.findall(value))):
            yield f"spec.env[] {name}, which refers to $({used[0]})"


def patched_deployment(namespace: str, name: str, asked: Mapping[str, str], *, is_runner: bool) -> Fields:
    """Return what is applied to the Deployment. `asked`: the annotations of its pods.

    `is_runner`: it runs a runner of an old-style bento, which does not answer on the model's paths.
    """
    container = {"name": "main", **({} if is_runner else _probes(asked)), **_container(asked)}
    metadata = {"annotations": {GIVEN: PATCHED}, "labels": {GIVEN: PATCHED}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"metadata": metadata, "spec": {"containers": [container], **_pod(asked)}}},
    }


def lacks_fields(template: Mapping[str, Any], *, is_runner: bool) -> bool:
    """Return whether a template with the operator's mark has not all that its annotations ask for."""
    metadata = template.get("metadata")
    asked = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(asked, Mapping) or asked.get(GIVEN) != PATCHED:
        return False
    try:
        wanted = patched_deployment("", "", asked, is_runner=is_runner)["spec"]["template"]["spec"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return False  # The annotations were changed; a patch could not be made from them either.
    return not _holds(template.get("spec"), wanted)


def lacking(template: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return the same for a Deployment that runs a model server, and for one that runs an old-style runner."""
    return lacks_fields(template, is_runner=False), lacks_fields(template, is_runner=True)


def _holds(there: Any, wanted: Any) -> bool:
    """Return whether all that is wanted is there. The API server adds defaults, leaves out zeros and false, and may
    write a size in another unit."""
    if isinstance(wanted, dict):
        return isinstance(there, Mapping) and all(
            name in there if name == "sizeLimit" else _holds(there.get(name), value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(there, list) and all(any(_holds(each, item) for each in there) for item in wanted)
    return bool(there == wanted or (there is None and not wanted))


def address_labels(model: str, release: str, *, patched: bool) -> dict[str, str]:
    """Return the labels of the pods that may get the requests of a release: only those that have its fields."""
    return naming.pod_labels(model, release) | ({GIVEN: PATCHED} if patched else {})


def _probes(asked: Mapping[str, str]) -> Fields:
    """Return the probes: of Yatai's own ones only what it leaves open."""
    probes: Fields = {}
    for kind in ("startup", *_YATAI_PROBES):
        if text := asked.get(f"{PREFIX}{kind}-probe"):
            words = dict(zip(_WORDS, text.split(" "), strict=True))
            probe: Fields = {name: int(words[name]) for name in _NUMBERS}
            port: Any = words["httpGet.port"]
            port = int(port) if port.isdigit() else port
            probe["httpGet"] = {
                "path": words["httpGet.path"],
                "port": port,
                "scheme": words["httpGet.scheme"],
            }
            kept = probe if kind == "startup" else {name: probe[name] for name in _FREE}
            probes[f"{kind}Probe"] = kept
    return probes


def _container(asked: Mapping[str, str]) -> Fields:
    # The policy puts each variable before the others, so the annotation has them in reverse.
    found = {
        "env": [_variable(*words) for words in reversed(_items(asked, "env"))],
        "envFrom": [_source(*words) for words in _items(asked, "env-from")],
        "volumeMounts": [_mount(*words) for words in _items(asked, "volume-mounts")],
    }
    return {name: value for name, value in found.items() if value}


def _pod(asked: Mapping[str, str]) -> Fields:
    found: Fields = {
        "volumes": [_volume(*words) for words in _items(asked, "volumes")],
        "imagePullSecrets": [{"name": words[0]} for words in _items(asked, "image-pull-secrets")],
        "priorityClassName": asked.get(f"{PREFIX}priority-class"),
        "runtimeClassName": asked.get(f"{PREFIX}runtime-class"),
    }
    if text := asked.get(f"{PREFIX}termination-grace-period"):
        found["terminationGracePeriodSeconds"] = int(text)
    given = {name: value for name, value in found.items() if value or value == 0}
    if text := asked.get(f"{PREFIX}enable-service-links"):
        given["enableServiceLinks"] = text == "true"
    return given


def _variable(name: str, kind: str, owner: str, key: str, optional: str) -> Fields:
    source = "secretKeyRef" if kind == "Secret" else "configMapKeyRef"
    return {"name": name, "valueFrom": {source: {"name": owner, "key": key, "optional": optional == "true"}}}


def _source(kind: str, owner: str, optional: str, prefix: str) -> Fields:
    source = "secretRef" if kind == "Secret" else "configMapRef"
    return {source: {"name": owner, "optional": optional == "true"}, **({"prefix": prefix} if prefix else {})}


def _mount(volume: str, path: str, read_only: str, inner: str) -> Fields:
    mount = {"name": volume, "mountPath": path, "readOnly": read_only == "true"}
    return {**mount, **({"subPath": inner} if inner else {})}


def _volume(name: str, kind: str, first: str, second: str) -> Fields:
    if kind == "secret":
        return {"name": name, kind: {"secretName": first}}
    if kind == "configMap":
        return {"name": name, kind: {"name": first}}
    if kind == "persistentVolumeClaim":
        return {"name": name, kind: {"claimName": first, "readOnly": second == "true"}}
    sizes = {"medium": first, "sizeLimit": second}
    return {"name": name, "emptyDir": {name: value for name, value in sizes.items() if value}}


def _items(asked: Mapping[str, str], name: str) -> list[list[str]]:
    """Return the words of each line of a list."""
    lines = asked.get(f"{PREFIX}{name}", "").split("\n")
    return [line.split(" ") for line in lines if line]
