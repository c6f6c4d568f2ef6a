"""Start, stop and remove a local cluster. Each operation can be repeated; existing parts stay as they are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import e2i
from e2i.local import kubectl, ports, processes, supervision
from e2i.local.addresses import HIGHEST_INDEX, Ports
from e2i.local.bootstrap import bootstrap, choose_bento_store, operator_inputs
from e2i.local.certificates import ensure_certificates
from e2i.local.component import Tools
from e2i.local.components import (
    BUCKET,
    COMPONENT_NAMES,
    METRICS_SERVER,
    SETTLED_WITH,
    START_WAVES,
    components,
)
from e2i.local.credentials import ensure_credentials
from e2i.local.errors import ClusterError
from e2i.local.kubeconfigs import write_kubeconfigs
from e2i.local.kubernetes_versions import NEWEST, OLDER
from e2i.local.layout import ClusterHome, home_of, known_homes, load_home, save_home
from e2i.local.locks import exclusive_lock
from e2i.local.metrics_server import API_SERVICE
from e2i.local.supervision import Say
from e2i.local.toolchain import ensure_tools

OVERLAY = Path(e2i.__file__).resolve().parents[3] / "kustomize" / "overlays" / "local"
"""The operator's manifests in the checkout that this package was installed from."""
OVERLAY_WITH_OLDER_POLICIES = OVERLAY / "v1beta1"
LEAST_FREE_DISK = 512 * 1024**2


def overlay_of(home: ClusterHome) -> Path:
    """Return the operator's manifests for the cluster's version of Kubernetes."""
    return OVERLAY_WITH_OLDER_POLICIES if home.kubernetes in OLDER else OVERLAY


def bring_up(
    home: ClusterHome,
    say: Say,
    *,
    bento_store: Path | None,
    overlay: Path | None,
    metrics: bool | None = None,
) -> ClusterHome:
    """Start every component that does not run, then the operator if there is an `overlay`.

    `metrics` says whether metrics-server is one of them; None leaves that as it is. ClusterError if a component cannot
    start; the next call goes on from there. Returns the cluster as it is now.
    """
    if overlay and not (overlay / "kustomization.yaml").exists():
        raise ClusterError(
            f"The operator's manifests are not in {overlay}. Name the folder of the kustomization with "
            "--manifests, or leave the operator out with --no-operator."
        )

    store = choose_bento_store(home, bento_store)
    before, home = home, home if metrics is None else replace(home, metrics=metrics)

    def settle() -> None:
        bootstrap(home, store)
        if before.metrics and not home.metrics:
            kubectl.withdraw_api_service(home, API_SERVICE)
        say("namespaces, rights, Yatai's resources, settings and images are in place")

    if home != before:
        _stop_for(home, say)
    start_components(home, COMPONENT_NAMES, say, settle)
    if home != before:
        # Only now: until its API is withdrawn, a cluster counts as one with metrics-server.
        save_home(home)
    if overlay:
        kubectl.apply_operator(home, overlay, operator_inputs(store))
        kubectl.wait_for_operator(home)
        say("e2i-operator is available")
    return home


def _stop_for(home: ClusterHome, say: Say) -> None:
    """Stop the components that are started in another way with, or without, metrics-server."""
    with _changing(home, say):
        for name in (METRICS_SERVER, "kube-controller-manager"):
            supervision.stop(home, name, say)
        if home.metrics:
            save_home(home)


def open_home(name: str, kubernetes: str | None = None) -> ClusterHome:
    """Return the cluster with this name; create it with the lowest free index if it does not exist.

    `kubernetes`: the version that it is to have; ClusterError if it exists with another one.
    """
    root = home_of(name)
    with exclusive_lock(root.parent / "lock"):
        if not (root / "cluster.json").exists():
            save_home(ClusterHome(name, _free_index(), root, kubernetes=kubernetes or NEWEST))
        home = load_home(root)
    if kubernetes not in (None, home.kubernetes):
        raise ClusterError(
            f"Cluster {name} has Kubernetes {home.kubernetes}, and a cluster keeps its version. Give the one with "
            f"{kubernetes} another name (--name), or remove this one first: `e2i local reset --name {name}`."
        )
    return home


def start_components(
    home: ClusterHome, names: Sequence[str], say: Say, settle: Callable[[], None] = lambda: None
) -> None:
    """Start the named components and wait until they are ready, also those that run already.

    `settle` is called once the API server is ready, while the components that depend on it start.
    """
    tools = ensure_tools(say, metrics=home.metrics, kubernetes=home.kubernetes)
    with _changing(home, say):
        _prepare(home, tools, say)
        known = {part.name: part for part in components(home, tools, ensure_credentials(home))}
        for wave in START_WAVES:
            launched = [
                supervision.launch(home, known[name]) for name in wave if name in names and name in known
            ]
            if SETTLED_WITH in wave:
                settle()
            for part in launched:
                supervision.wait_until_ready(home, part, say)


def down(home: ClusterHome, say: Say) -> None:
    """Stop all components and pods, pods first. No process of the cluster is left; all files stay."""
    with _changing(home, say):
        # First what others started beside the cluster's components, such as the ports of a stack.
        beside = [name for name in supervision.recorded(home) if name not in COMPONENT_NAMES]
        for name in (*beside, *reversed(COMPONENT_NAMES)):
            supervision.stop(home, name, say)
        leftovers = processes.marked(processes.POD_VARIABLE, str(home.root))
        if leftovers:
            say(f"ending {len(leftovers)} processes that pods left behind")
            processes.stop(leftovers, patience=supervision.END_WITHIN)


def reset(root: Path, say: Say) -> None:
    """Stop the cluster in `root` and remove all its files; the built tools stay in the cache."""
    # Without load_home, because the record may be damaged; nothing here depends on the index.
    down(ClusterHome(root.name, 0, root.resolve()), say)
    shutil.rmtree(root)


def _free_index() -> int:
    taken = {home.index for home in known_homes()}
    for index in range(HIGHEST_INDEX + 1):
        # Another user's cluster is not in our list, but its ports are busy.
        if index not in taken and all(ports.is_free(port) for port in Ports(index).in_use):
            return index
    raise ClusterError(
        f"No place for another cluster: all {HIGHEST_INDEX + 1} port ranges from 21000 on are in use. "
        "Remove a cluster with `e2i local reset --name NAME`."
    )


def _changing(home: ClusterHome, say: Say) -> AbstractContextManager[None]:
    waiting = f"another command is changing cluster {home.name}: waiting for it"
    return exclusive_lock(home.root / "lock", lambda: say(waiting))


def _prepare(home: ClusterHome, tools: Tools, say: Say) -> None:
    """Make folders, certificates and kubeconfigs; stop all components if there are new certificates."""
    if not home.record.exists():
        raise ClusterError(
            f"Cluster {home.name} was removed by another command. "
            f"Run `e2i local up --name {home.name}` to make it again."
        )
    free = shutil.disk_usage(home.root).free
    if free < LEAST_FREE_DISK:
        raise ClusterError(
            f"The disk of {home.root} has {free // 1024**2} MiB left, a cluster needs at least 512. "
            "Free some space, or set XDG_STATE_HOME to a folder on another disk."
        )
    for folder in (
        home.run,
        home.logs,
        home.images,
        home.pods,
        home.bucket_data / BUCKET,
        home.kubectl.parent,
    ):
        folder.mkdir(parents=True, exist_ok=True)
    made = ensure_certificates(home, datetime.fromtimestamp(time.time(), tz=UTC))
    if made:
        for name in reversed(COMPONENT_NAMES):
            supervision.stop(home, name, say)
        say(f"made {len(made)} keys and certificates")
    write_kubeconfigs(home)
    home.kubectl.unlink(missing_ok=True)
    home.kubectl.symlink_to(tools.controlplane)
