"""The folders of one local cluster, and its record.

Several clusters can run on one machine. Each has a name and an index, and everything that could collide (ports,
loopback ranges, folders) is computed from these two.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from e2i.local.addresses import HIGHEST_INDEX, Addresses, Ports
from e2i.local.errors import ClusterError
from e2i.local.kubernetes_versions import NEWEST, VERSIONS


@dataclass(frozen=True)
class ClusterHome:
    """The folders of one cluster; `reset` removes `root` and nothing else."""

    name: str
    index: int
    root: Path
    metrics: bool = False
    """Whether metrics-server runs too."""
    kubernetes: str = NEWEST
    """One of `VERSIONS`."""

    @cached_property
    def ports(self) -> Ports:
        return Ports(self.index)

    @cached_property
    def addresses(self) -> Addresses:
        return Addresses(self.index)

    @property
    def api_server_url(self) -> str:
        return f"https://127.0.0.1:{self.ports.api_server}"

    @property
    def s3_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.s3}"

    @property
    def record(self) -> Path:
        """File with the cluster's name, index and choices; a folder without it is no cluster."""
        return self.root / "cluster.json"

    @property
    def kubectl(self) -> Path:
        return self.root / "bin" / "kubectl"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for the user."""
        return self.root / "kubeconfig"

    def kubeconfig_of(self, identity: str) -> Path:
        """Return the kubeconfig of one component: node, proxy, yatai-deployment, ..."""
        return self.root / "kubeconfigs" / f"{identity}.yaml"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def bucket_data(self) -> Path:
        return self.root / "s3"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def image_contents(self) -> Path:
        """Bentos that the builder unpacked, one folder for each digest."""
        return self.root / "image-contents"

    @property
    def pods(self) -> Path:
        """One folder for each pod, by uid: its mounts and its logs."""
        return self.root / "pods"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    @property
    def run(self) -> Path:
        """One file for each running component: its process id and start time."""
        return self.root / "run"


def state_root() -> Path:
    """Return the folder of all clusters: $XDG_STATE_HOME/e2i, by default ~/.local/state/e2i."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "e2i"


def cache_root() -> Path:
    """Return the folder of built tools and virtual environments: $XDG_CACHE_HOME/e2i, by default ~/.cache/e2i."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "e2i"


def home_of(name: str) -> Path:
    """Return the folder of the cluster `name`, which need not exist; ClusterError if the name is invalid."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", name):
        raise ClusterError(
            f"A cluster cannot be called {name!r}: use at most 40 of a-z, 0-9 and -, no - at the ends."
        )
    return state_root() / name


def load_home(root: Path) -> ClusterHome:
    """Return the cluster in the folder `root`; ClusterError if its record is missing or damaged."""
    record = root / "cluster.json"
    remedy = f"Run `e2i local reset --name {root.name}`, then `e2i local up --name {root.name}`."
    try:
        values = json.loads(record.read_text())
        # A record that an earlier version wrote does not have the choices.
        home = ClusterHome(
            values["name"],
            int(values["index"]),
            root.resolve(),
            metrics=bool(values.get("metrics")),
            kubernetes=str(values.get("kubernetes", NEWEST)),
        )
    except FileNotFoundError:
        if not root.exists():
            message = f"There is no cluster {root.name}: {root} does not exist. Run `e2i local up --name {root.name}`."
            raise ClusterError(message) from None
        raise ClusterError(f"There is no cluster in {root}: {record.name} is missing. {remedy}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{record} is damaged ({error}). {remedy}") from error
    if not 0 <= home.index <= HIGHEST_INDEX:
        raise ClusterError(f"{record} is damaged (index {home.index}). {remedy}")
    if home.kubernetes not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise ClusterError(f"{record} names Kubernetes {home.kubernetes}, which is none of {known}. {remedy}")
    return home


def save_home(home: ClusterHome) -> None:
    """Write the cluster's record atomically."""
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = home.record.with_suffix(".partial")
    values = {name: getattr(home, name) for name in ("name", "index", "metrics", "kubernetes")}
    partial.write_text(json.dumps(values))
    partial.replace(home.record)


def known_homes() -> list[ClusterHome]:
    """Return every cluster of this user that has a valid record, sorted by name."""
    homes = []
    for record in sorted(state_root().glob("*/cluster.json")):
        try:
            homes.append(load_home(record.parent))
        except ClusterError:
            continue
    return homes
