"""Prepare a pod before its containers start: its address, its volumes, and the launch of each container."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from e2i.kube import Object
from e2i.local.images import ImageStore, LocalImage
from e2i.local.layout import ClusterHome
from e2i.local.node import clock, environment, sweep, volumes
from e2i.local.node.actions import Target
from e2i.local.node.addresses import AddressPool
from e2i.local.node.api_objects import Cluster
from e2i.local.node.environment import MissingValueError, Sources
from e2i.local.node.guardian import Guardian
from e2i.local.node.launch import INHERITED, CreateError, plan_launch
from e2i.local.node.records import BackOff
from e2i.local.node.servicelinks import service_links

HOST_ADDRESS = "127.0.0.1"
RENEW_TOKEN_AFTER = 0.8
"""The share of a token's lifetime after which it is renewed."""


def temporary_folder(uid: str) -> Path:
    """Return what a pod has for temporary files: it ends with the pod, as in a container. Short, because paths of
    sockets have 108 characters."""
    return Path(tempfile.gettempdir(), f"e2i-pod-{uid[:8]}")


@dataclass(frozen=True, kw_only=True)
class Node:
    """Clients and values shared by all pods of this node."""

    home: ClusterHome
    images: ImageStore
    cluster: Cluster
    http: aiohttp.ClientSession
    addresses: AddressPool
    allocatable: Mapping[str, str]
    backoff: BackOff
    guardian: Guardian
    services: Callable[[], list[Object]]
    services_known: asyncio.Event
    withdraw: Callable[[str], None]
    """Sends no new connections to the pod with this address (its address in the API)."""


class PodSetup:
    """The address, folder and tokens of one pod."""

    def __init__(self, pod: Object, node: Node) -> None:
        self._node = node
        self.uid: str = pod["metadata"]["uid"]
        self.folder: Path = node.home.pods / self.uid
        self.on_host_network = bool(pod["spec"].get("hostNetwork"))
        self.address = ""
        self._before = (pod.get("status") or {}).get("podIP", "")
        self.ready = False
        self.renew_at: float | None = None
        """The time at which a token must be renewed; None if the pod has none."""

    @property
    def address_shown(self) -> str:
        return self.address or self._before

    @property
    def machine_address(self) -> str:
        return HOST_ADDRESS if self.on_host_network else self._node.home.addresses.on_machine(self.address)

    async def prepare(self, pod: Object) -> None:
        """Give the pod its address and volumes, and renew its tokens when they are due. Safe to repeat.

        MountError or ApiError if something is missing.
        """
        if not self.address:
            pool = self._node.addresses
            self.address = HOST_ADDRESS if self.on_host_network else pool.take(self.uid, self._before)
        if self.ready and (self.renew_at is None or clock.now() < self.renew_at):
            return
        ends: list[float] = []

        async def fetch(projection: Object) -> str:
            token, end = await self._node.cluster.token(pod, projection)
            ends.append(end)
            return token

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sources = await self._sources(pod, volumes.volume_references(pod))
        await volumes.make_volumes(self.folder / "volumes", sources, fetch)
        now = clock.now()
        self.renew_at = now + (min(ends) - now) * RENEW_TOKEN_AFTER if ends else None
        self.ready = True

    async def target(self, pod: Object, container: Object) -> tuple[Target, str, Path]:
        """Return the launch target of the container, the id of this attempt, and the file of its termination message.

        CreateError, MountError or ApiError if it cannot be created now.
        """
        image = self._image(container["image"])
        await self._node.services_known.wait()
        links = self._links(pod)
        own = await self._own_variables(pod, container, links)
        mounts = self.folder / "mounts" / container["name"]
        volumes.make_mounts(mounts, self.folder / "volumes", container, own)
        temporary = temporary_folder(self.uid)
        temporary.mkdir(mode=0o700, exist_ok=True)
        id_ = uuid.uuid4().hex
        launch = plan_launch(
            container,
            image,
            inherited={name: os.environ[name] for name in INHERITED if name in os.environ}
            | {"TMPDIR": str(temporary)},
            agent={
                "E2I_POD_ADDRESS": self.machine_address,
                "E2I_MOUNTS": str(mounts),
                "HOSTNAME": pod["spec"].get("hostname") or pod["metadata"]["name"],
            },
            links=links,
            own=own,
            marks={sweep.CLUSTER_MARK: str(self._node.home.root), sweep.CONTAINER_MARK: id_},
        )
        message = mounts / (container.get("terminationMessagePath") or "/dev/termination-log").lstrip("/")
        message.parent.mkdir(parents=True, exist_ok=True)
        return Target(container, self.machine_address, launch, self._node.http), id_, message

    def _image(self, name: str) -> LocalImage:
        image = self._node.images.find(name)
        if image is None:
            message = f'image "{name}" is not on this cluster; build it, or correct its name in the spec'
            raise CreateError("ErrImagePull", message)
        return image

    async def _own_variables(
        self, pod: Object, container: Object, links: Mapping[str, str]
    ) -> dict[str, str]:
        sources = await self._sources(pod, environment.references(container))
        try:
            return environment.container_env(container, sources, links)
        except MissingValueError as error:
            raise CreateError("CreateContainerConfigError", str(error)) from error

    def _links(self, pod: Object) -> dict[str, str]:
        return service_links(
            self._node.services(),
            pod["metadata"]["namespace"],
            (HOST_ADDRESS, self._node.home.ports.api_server),
            enabled=pod["spec"].get("enableServiceLinks", True),
        )

    async def _sources(self, pod: Object, wanted: set[environment.Reference]) -> Sources:
        return Sources(
            pod=pod,
            pod_address=self.machine_address,
            host_address=HOST_ADDRESS,
            allocatable=self._node.allocatable,
            objects=await self._node.cluster.read(pod["metadata"]["namespace"], wanted),
        )

    def release_address(self) -> None:
        """Release the pod's address for other pods; the status still shows it."""
        self._node.addresses.release(self.uid)
        self._before, self.address = self.address_shown, ""

    def withdraw(self) -> None:
        """Send no new connections to the pod."""
        if self.address and not self.on_host_network:
            self._node.withdraw(self.address)

    async def remove(self) -> None:
        """Release the pod's address and remove its folders, with its logs."""
        self.release_address()
        # In a thread: an unpacked bento may have many files, and connections must not wait meanwhile.
        for folder in (self.folder, temporary_folder(self.uid)):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
