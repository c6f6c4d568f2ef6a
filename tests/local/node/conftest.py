"""The node agent on a real control plane of its own."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from support.cluster import Kept, temporary_home
from support.nodelab import Agent, Lab, register_images

from e2i.kube import Kube, Resource
from e2i.local.cluster import start_components
from e2i.local.components import CONTROL_PLANE
from e2i.local.node.node_kinds import PODS

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
numbers = itertools.count()


@pytest.fixture(scope="module")
def agent(kept: Kept, say: Callable[[str], None]) -> Agent:
    return kept.enter("agent", lambda: _agent(say))


@contextlib.contextmanager
def _agent(say: Callable[[str], None]) -> Iterator[Agent]:
    with temporary_home("test-node") as home:
        start_components(home, CONTROL_PLANE, say)
        register_images(home)
        agent = Agent(home)
        agent.start()
        yield agent
        agent.end()


@pytest.fixture
async def lab(agent: Agent) -> AsyncIterator[Lab]:
    """A namespace in which pods may be made; its pods are gone afterwards."""
    async with await Kube.from_kubeconfig(agent.home.kubeconfig) as kube:
        namespace = f"lab-{next(numbers)}"
        await kube.create(NAMESPACES, None, {"metadata": {"name": namespace}})
        lab = Lab(agent.home, agent, kube, namespace)
        async for _ in kube.watch(SERVICE_ACCOUNTS, namespace, fields="metadata.name=default"):
            if await kube.get(SERVICE_ACCOUNTS, namespace, "default"):
                break
        yield lab
        await kube.delete(NAMESPACES, None, namespace)
        for pod in (await kube.list(PODS, namespace))[0]:
            await kube.delete(PODS, namespace, pod["metadata"]["name"], grace_seconds=1)
