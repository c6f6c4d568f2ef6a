"""Annotations by which a pod asks the policy e2i-pods for what a BentoDeployment cannot say. Pure.

CEL, in which the policy is written, parses no JSON. So a list is lines of words, and no word has a blank in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from e2i.api import pod_fields
from e2i.api.fields import FieldInvalid, Fields

PREFIX = "pod.serving.e2i.dev/"
GIVEN = f"{PREFIX}given"
"""On each pod that has what it asks for: by the policy, or by the operator in the template of its Deployment."""
PORT = "http"
"""Yatai's name of the port on which a model answers."""


@dataclass(frozen=True, kw_only=True)
class _Probe:
    """Defaults of a probe, in seconds and numbers of tries: those of yatai-deployment where it has such a probe."""

    path: str
    delay: int
    period: int
    timeout: int
    failures: int


_PROBES: Mapping[str, _Probe] = {
    "startup": _Probe(path="/readyz", delay=0, period=5, timeout=5, failures=120),
    "readiness": _Probe(path="/readyz", delay=5, period=10, timeout=5, failures=12),
    "liveness": _Probe(path="/livez", delay=10, period=10, timeout=20, failures=6),
}
_YATAI_PROBES = ("readiness", "liveness")
"""The probes that yatai-deployment writes by itself."""


def usual_probe(kind: str) -> tuple[str, ...]:
    """Return the words of a probe for which the spec says nothing."""
    return tuple(_probe(kind, Fields({}), "").split(" "))


def needing_policy(written: str) -> tuple[str, ...]:
    """Return the fields of `Shape.pod` that a BentoDeployment does not have, sorted."""
    return tuple(sorted(name for name in pod_fields.decode(written) if name not in pod_fields.COPIED))


def is_bare(annotations: Mapping[str, str]) -> bool:
    """Return whether a pod, or a template of pods, with these annotations lacks what it asks for."""
    return GIVEN not in annotations and any(name.startswith(PREFIX) for name in annotations)


def policy_annotations(written: str, path_prefix: str = "") -> dict[str, str]:
    """Return the annotations for `Shape.pod`. FieldInvalid if a field has a form that no pod can have.

    `path_prefix`: that of the bento, under which its health endpoints are.
    """
    spec = Fields(pod_fields.decode(written), "spec")
    probes = spec.inside("probes")
    kinds = [kind for kind in _PROBES if kind in probes or (path_prefix and kind in _YATAI_PROBES)]
    found = {f"{kind}-probe": _probe(kind, probes, path_prefix) for kind in kinds}
    found |= {
        # The policy puts each before the others.
        "env": _lines(_variable(item) for item in reversed(spec.objects(pod_fields.REFERENCES))),
        "env-from": _lines(_source(item) for item in spec.objects("envFrom")),
        "volumes": _lines(_volume(item) for item in spec.objects("volumes")),
        "volume-mounts": _lines(_mount(item, _read_only(spec)) for item in spec.objects("volumeMounts")),
        "image-pull-secrets": _lines((_word(item, "name"),) for item in spec.objects("imagePullSecrets")),
        "priority-class": _word(spec, "priorityClassName", needed=False),
        "runtime-class": _word(spec, "runtimeClassName", needed=False),
        "termination-grace-period": str(spec.number(pod_fields.GRACE)) if pod_fields.GRACE in spec else "",
        "enable-service-links": _truth(spec, pod_fields.LINKS) if pod_fields.LINKS in spec else "",
    }
    return {f"{PREFIX}{name}": value for name, value in found.items() if value}


def _probe(kind: str, probes: Fields, path_prefix: str) -> str:
    """Return: path port scheme delay period timeout successes failures"""
    usual, probe = _PROBES[kind], probes.inside(kind)
    request = probe.inside("httpGet")
    port = request.whole.get("port")
    words = (
        _word(request, "path", needed=False) or path_prefix + usual.path,
        str(port) if type(port) is int else _word(request, "port", needed=False) or PORT,
        _word(request, "scheme", needed=False) or "HTTP",
        str(probe.number("initialDelaySeconds", usual.delay)),
        str(probe.number("periodSeconds", usual.period)),
        str(probe.number("timeoutSeconds", usual.timeout)),
        str(probe.number("successThreshold", 1)),
        str(probe.number("failureThreshold", usual.failures)),
    )
    return " ".join(words)


def _variable(item: Fields) -> tuple[str, ...]:
    """Return: name, Secret or ConfigMap, object, key, optional"""
    source = item.inside("valueFrom")
    kind, key = ("Secret", "secretKeyRef") if "secretKeyRef" in source else ("ConfigMap", "configMapKeyRef")
    reference = source.needed_inside(key)
    return (
        _word(item, "name"),
        kind,
        _word(reference, "name"),
        _word(reference, "key"),
        _truth(reference, "optional"),
    )


def _source(item: Fields) -> tuple[str, ...]:
    """Return: Secret or ConfigMap, object, optional, prefix"""
    kind, key = ("Secret", "secretRef") if "secretRef" in item else ("ConfigMap", "configMapRef")
    reference = item.needed_inside(key)
    return kind, _word(reference, "name"), _truth(reference, "optional"), _word(item, "prefix", needed=False)


def _volume(item: Fields) -> tuple[str, ...]:
    """Return: name, kind, then the object and whether it is read-only, or the medium and the size of an emptyDir"""
    name = _word(item, "name")
    if "secret" in item:
        return name, "secret", _word(item.inside("secret"), "secretName"), ""
    if "configMap" in item:
        return name, "configMap", _word(item.inside("configMap"), "name"), ""
    if "persistentVolumeClaim" in item:
        claim = item.inside("persistentVolumeClaim")
        return (
            name,
            "persistentVolumeClaim",
            _word(claim, "claimName"),
            _truth(claim, "readOnly", default=True),
        )
    scratch = item.needed_inside("emptyDir")
    size = scratch.whole.get("sizeLimit")
    words = str(size) if type(size) is int else _word(scratch, "sizeLimit", needed=False)
    return name, "emptyDir", _word(scratch, "medium", needed=False), words


def _read_only(spec: Fields) -> frozenset[str]:
    """Return the names of the volumes that no pod may write to."""
    return frozenset(
        item.text("name")
        for item in spec.objects("volumes")
        if "persistentVolumeClaim" in item
        and item.inside("persistentVolumeClaim").truth("readOnly", default=True)
    )


def _mount(item: Fields, read_only: frozenset[str]) -> tuple[str, ...]:
    """Return: volume, path, read-only, path in the volume"""
    name = _word(item, "name")
    return (
        name,
        _word(item, "mountPath"),
        _truth(item, "readOnly", default=name in read_only),
        _word(item, "subPath", needed=False),
    )


def _truth(fields: Fields, name: str, *, default: bool = False) -> str:
    return str(fields.truth(name, default)).lower()


def _word(fields: Fields, name: str, *, needed: bool = True) -> str:
    word = fields.needed_text(name) if needed else fields.text(name)
    if any(letter.isspace() for letter in word):
        raise FieldInvalid(f"{fields.place_of(name)} has a blank in it")
    return word


def _lines(items: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(" ".join(words) for words in items)
