"""The model of a manifest, in the three releases that the suite asks for. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from e2i.api import naming

NAME = "conformance"
VARIABLE = "E2I_CONFORMANCE"
"""Its value makes another release of the same image: nothing is built a second time."""
FIRST, SECOND, BAD = "first", "second", "bad"
NEVER = {"e2i-conformance": "no model answers this"}
KEPT = (
    "type",
    "bento",
    "resources",
    "imagePullSecrets",
    "envFrom",
    "nodeSelector",
    "tolerations",
    "affinity",
)
"""Fields of the spec that a model may need to run at all; the others are the suite's."""


class ManifestUnusable(Exception):
    """The manifest is no model that can be released and asked; the message says what to write."""


@dataclass(frozen=True)
class Subject:
    """The part of a spec that is kept, its variables, and a golden prediction with path and body."""

    spec: Mapping[str, Any]
    env: tuple[Mapping[str, Any], ...]
    check: Mapping[str, Any]

    @classmethod
    def of_manifest(cls, text: str) -> Subject:
        """Read the manifest of an E2IModel; ManifestUnusable if it is none, or has no golden prediction."""
        try:
            manifest = yaml.safe_load(text)
            spec = manifest["spec"]
            kept = {name: spec[name] for name in KEPT if name in spec}
            checks = spec.get("rollout", {}).get("verify", [])
            found = next((each for each in checks if each.get("path") and each.get("body")), None)
            tag = kept["bento"]["tag"]
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise ManifestUnusable(
                f"It is not the manifest of one E2IModel with spec.bento.tag ({error!r})."
            ) from error
        if found is None:
            raise ManifestUnusable(
                f"The model of {tag} has no entry with path and body below spec.rollout.verify: the suite needs a "
                "request that it answers."
            )
        return cls(kept, tuple(spec.get("env", ())), found)

    def __str__(self) -> str:
        bento = self.spec["bento"]
        return f"{bento['tag']} from {bento['image']}" if "image" in bento else str(bento["tag"])

    @property
    def has_image(self) -> bool:
        """Whether the image is given, so that nothing is exported or built."""
        return "image" in self.spec["bento"]

    @property
    def path(self) -> str:
        return str(self.check["path"])

    @property
    def body(self) -> str:
        return str(self.check["body"])

    def manifest(self, namespace: str, release: str = FIRST, replicas: int = 1) -> dict[str, Any]:
        """Return the E2IModel that asks for one of the three releases. BAD can give no answer that is expected."""
        check = dict(self.check)
        if release == BAD:
            check["expect"] = {"subset": json.dumps(NEVER)}
        return {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": NAME, "namespace": namespace},
            "spec": {
                **self.spec,
                "replicas": replicas,
                "env": [*self.env, {"name": VARIABLE, "value": release}],
                "rollout": {"verify": [check]},
            },
        }


def release_in_service(service: Mapping[str, Any]) -> str | None:
    """Return the release that the stable address names."""
    found: str | None = (service["metadata"].get("annotations") or {}).get(naming.SERVING_ANNOTATION)
    return found
