"""The parts of one BentoDeployment: its API servers and, for an old-style bento, a part for each runner."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from e2i.kube import Object
from e2i.local.yatai.yatai_kinds import name_and_version

LONGEST_NAME = 63
TARGET_TYPE = "yatai.ai/bento-deployment-target-type"
ALSO_FOR_RUNNERS = ("labels", "resources", "extraPodMetadata", "extraPodSpec")
"""Fields that a runner without an entry in `spec.runners` takes from the spec; not variables and autoscaling."""


@dataclass(frozen=True)
class Part:
    """The Deployment, autoscaler and Service of one runner, or without `runner` those of the API servers."""

    owner: Object
    bento: Object
    runner: str | None = None

    @property
    def name(self) -> str:
        """The name of the Deployment and the autoscaler; runners are numbered in the Bento's order."""
        own = str(self.owner["metadata"]["name"])
        return own if self.runner is None else f"{own}-runner-{runners_of(self.bento).index(self.runner)}"

    @property
    def service_name(self) -> str:
        return self.name if self.runner is None else runner_service(self.owner, self.bento, self.runner)

    @property
    def settings(self) -> Object:
        """The options of the part: the spec, or the fields of it that count for the runner."""
        spec: Object = self.owner["spec"]
        if self.runner is None:
            return spec
        if (entry := self._entry()) is not None:
            return entry
        return {field: spec[field] for field in ALSO_FOR_RUNNERS if field in spec}

    def _entry(self) -> Object | None:
        entries = self.owner["spec"].get("runners", ())
        return next((entry for entry in entries if entry.get("name") == self.runner), None)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the children: `spec.labels` override Yatai's own; `metadata.labels` are not used."""
        repository, version = name_and_version(self.bento["spec"]["tag"])
        own = {
            "yatai.ai/bento-deployment": self.owner["metadata"]["name"],
            "yatai.ai/bento-deployment-component-type": "api-server" if self.runner is None else "runner",
            TARGET_TYPE: "production",
            "yatai.ai/bento-repository": repository,
            "yatai.ai/bento-version": version,
            "yatai.ai/creator": "yatai-deployment",
        }
        if self.runner is not None:
            own["yatai.ai/bento-deployment-component-name"] = self.runner
        return {**own, **self.settings.get("labels", {})}

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of the children: `extraPodMetadata.annotations`; `spec.annotations` are not used."""
        repository, version = name_and_version(self.bento["spec"]["tag"])
        own = {"yatai.ai/bento-repository": repository, "yatai.ai/bento-version": version}
        # A runner's own metadata replaces that of the deployment only if it is not empty.
        extra = self.settings.get("extraPodMetadata") or self.owner["spec"].get("extraPodMetadata", {})
        return {**own, **extra.get("annotations", {})}


def parts_of(owner: Object, bento: Object) -> list[Part]:
    """Return the parts in the order in which they are made: runners first."""
    return [*(Part(owner, bento, name) for name in runners_of(bento)), Part(owner, bento)]


def runners_of(bento: Object) -> list[str]:
    return [runner["name"] for runner in bento["spec"].get("runners", ())]


def runner_service(owner: Object, bento: Object, runner: str) -> str:
    """Return the name of a runner's Service, which the API servers call: plain-runner-<md5 of fraud:v1-trees>."""
    name = owner["metadata"]["name"]
    tag = ":".join(name_and_version(bento["spec"]["tag"]))
    service = f"{name}-runner-{_md5(f'{tag}-{runner}')}"
    return service if len(service) <= LONGEST_NAME else f"runner-{_md5(f'{name}-{tag}-{runner}')}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
