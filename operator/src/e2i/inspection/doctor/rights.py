"""The rights without which the operator cannot work; manifests/rbac.yaml has them all, and more. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.api import naming


@dataclass(frozen=True)
class Right:
    """A verb on a kind, as RBAC names it."""

    verb: str
    group: str
    resource: str
    subresource: str = ""

    def __str__(self) -> str:
        below = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource}{below}{f'.{self.group}' if self.group else ''}"


_YATAI, _SERVING = "resources.yatai.ai", "serving.yatai.ai"
NEEDED = (
    *(Right(verb, naming.GROUP, "e2imodels") for verb in ("list", "watch", "patch")),
    Right("patch", naming.GROUP, "e2imodels", "status"),
    *(Right(verb, _YATAI, "bentorequests") for verb in ("list", "watch", "create", "patch", "delete")),
    *(Right(verb, _YATAI, "bentoes") for verb in ("list", "watch", "create", "patch", "delete")),
    *(Right(verb, _SERVING, "bentodeployments") for verb in ("list", "watch", "create", "patch", "delete")),
    *(Right(verb, "", "services") for verb in ("list", "watch", "create", "patch")),
    *(
        Right(verb, "policy", "poddisruptionbudgets")
        for verb in ("list", "watch", "create", "patch", "delete")
    ),
    *(Right(verb, "apps", "deployments") for verb in ("list", "watch")),
    Right("patch", "apps", "deployments", "scale"),
    *(Right(verb, "", "pods") for verb in ("list", "watch")),
    Right("get", "", "pods", "log"),
    *(Right(verb, "", "events") for verb in ("list", "create", "patch")),
)
OF_ITS_LEASE = tuple(Right(verb, "coordination.k8s.io", "leases") for verb in ("get", "create", "update"))
"""Rights in its own namespace, whichever namespaces its models have."""
