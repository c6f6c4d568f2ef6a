"""Run kubectl as the cluster's administrator."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome
from e2i.local.operator_state import why_unavailable

FIELD_MANAGER = "e2i-local"
OPERATOR = "e2i-operator"
OPERATOR_NAMESPACE = "e2i-system"
OPERATOR_WITHIN = 120
LAST_LINES = 10
"""Lines of its error output that are shown."""
# In C, where the package has it: with its CRD the operator is a large text.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def kubectl(home: ClusterHome, *arguments: str, given: str | None = None) -> str:
    """Run kubectl and return its output; ClusterError with what it said if it fails."""
    done = subprocess.run(
        [home.kubectl, f"--kubeconfig={home.kubeconfig}", *arguments],
        input=given,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        # One line for each object that was refused.
        said = "; ".join(line.rstrip(".") for line in lines[-LAST_LINES:])
        raise ClusterError(
            f"`{shlex.join(['kubectl', *arguments])}` failed on cluster {home.name}: {said}. "
            f"Look at `e2i local status --name {home.name}`."
        )
    return done.stdout


def apply_all(home: ClusterHome, files: Sequence[Path], objects: Sequence[dict[str, Any]]) -> None:
    """Apply manifest files, then plain objects, server-side and with force: fields of other managers are taken over."""
    listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    _apply(home, *(f"--filename={file}" for file in files), "--filename=-", given=json.dumps(listing))


def apply_operator(home: ClusterHome, folder: Path, started_with: str) -> None:
    """Apply the operator's kustomization server-side; a changed `started_with` restarts the operator."""
    built = kubectl(home, "kustomize", str(folder))
    objects = [manifest for manifest in yaml.load_all(built, _LOADER) if manifest]
    for manifest in objects:
        if (manifest["kind"], manifest["metadata"]["name"]) == ("Deployment", OPERATOR):
            template = manifest["spec"]["template"]["metadata"]
            template.setdefault("annotations", {})["e2i.dev/started-with"] = started_with
    apply_all(home, [], objects)


def withdraw_api_service(home: ClusterHome, name: str) -> None:
    """Remove an API that nothing serves any more: it would keep every deleted namespace from ending."""
    kubectl(home, "delete", "apiservice", name, "--ignore-not-found")


def wait_for_operator(home: ClusterHome) -> None:
    """Wait until the operator's Deployment is available; ClusterError with the state of its pods after a timeout."""
    namespace, target = f"--namespace={OPERATOR_NAMESPACE}", f"deployment/{OPERATOR}"
    try:
        kubectl(home, "rollout", "status", namespace, target, f"--timeout={OPERATOR_WITHIN}s")
    except ClusterError as fault:
        pods = json.loads(kubectl(home, "get", "pods", namespace, "--output=json"))["items"]
        raise ClusterError(
            f"{OPERATOR} was not available within {OPERATOR_WITHIN} s. {why_unavailable(pods, _log(home))} "
            f"Read `e2i local logs operator --name {home.name}`. A busy machine may need longer: "
            f"`e2i local up --name {home.name}` waits again."
        ) from fault


def _log(home: ClusterHome) -> str:
    """Return the end of the operator's log, or "" if it has none yet."""
    try:
        return kubectl(
            home, "logs", f"--namespace={OPERATOR_NAMESPACE}", f"deployment/{OPERATOR}", "--tail=5"
        )
    except ClusterError:
        return ""


def _apply(home: ClusterHome, *arguments: str, given: str | None = None) -> None:
    flags = ("--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
    kubectl(home, "apply", *flags, *arguments, given=given)
