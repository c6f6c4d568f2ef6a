"""The folders, ports and addresses of one local cluster.

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

from e2i.local.errors import ClusterError

FIRST_PORT = 21000
PORTS_PER_CLUSTER = 20
HIGHEST_INDEX = 40


@dataclass(frozen=True)
class Ports:
    """The TCP ports of one cluster, all on 127.0.0.1."""

    index: int

    @property
    def base(self) -> int:
        return FIRST_PORT + PORTS_PER_CLUSTER * self.index

    @property
    def api_server(self) -> int:
        return self.base

    @property
    def etcd_client(self) -> int:
        return self.base + 1

    @property
    def etcd_peer(self) -> int:
        return self.base + 2

    @property
    def controller_manager(self) -> int:
        return self.base + 3

    @property
    def scheduler(self) -> int:
        return self.base + 4

    @property
    def s3(self) -> int:
        return self.base + 5

    @property
    def node_agent(self) -> int:
        return self.base + 6

    @property
    def metrics_server(self) -> int:
        return self.base + 7

    @property
    def prometheus(self) -> int:
        return self.base + 8

    @property
    def alertmanager(self) -> int:
        return self.base + 9

    @property
    def in_use(self) -> range:
        """Every port that a process of the cluster listens on."""
        return range(self.base, self.base + 10)


@dataclass(frozen=True)
class Addresses:
    """The address ranges of one cluster: index 0 has 127.96/16, 10.97/16 and 127.97/16, index 1 the next pair.

    Pods are 10.x.y.z in the API, because EndpointSlices refuse loopback addresses, and 127.x.y.z on the machine.
    """

    index: int

    @property
    def service_range(self) -> str:
        return f"127.{96 + 2 * self.index}.0.0/16"

    @property
    def kubernetes_service(self) -> str:
        return f"127.{96 + 2 * self.index}.0.1"

    @property
    def pod_range(self) -> str:
        return f"10.{97 + 2 * self.index}.0.0/16"

    @property
    def pod_network(self) -> str:
        """The value of E2I_POD_NETWORK for the operator, which runs as a process of this machine."""
        return f"{self.pod_range}={self.on_machine(self.pod_range)}"

    def on_machine(self, pod_address: str) -> str:
        """10.97.3.4 -> 127.97.3.4"""
        return "127." + pod_address.split(".", 1)[1]


@dataclass(frozen=True)
class ClusterHome:
    """The folders of one cluster; `reset` removes `root` and nothing else."""

    name: str
    index: int
    root: Path
    metrics: bool = False
    """Whether metrics-server runs too."""

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
        # A record that an earlier version wrote does not have the choice.
        home = ClusterHome(values["name"], int(values["index"]), root.resolve(), bool(values.get("metrics")))
    except FileNotFoundError:
        if not root.exists():
            message = f"There is no cluster {root.name}: {root} does not exist. Run `e2i local up --name {root.name}`."
            raise ClusterError(message) from None
        raise ClusterError(f"There is no cluster in {root}: {record.name} is missing. {remedy}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{record} is damaged ({error}). {remedy}") from error
    if not 0 <= home.index <= HIGHEST_INDEX:
        raise ClusterError(f"{record} is damaged (index {home.index}). {remedy}")
    return home


def save_home(home: ClusterHome) -> None:
    """Write the cluster's record atomically."""
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = home.record.with_suffix(".partial")
    partial.write_text(json.dumps({"name": home.name, "index": home.index, "metrics": home.metrics}))
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
