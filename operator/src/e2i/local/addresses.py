"""The ports and address ranges of one local cluster, computed from its index. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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
