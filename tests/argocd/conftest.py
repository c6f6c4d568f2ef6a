"""Argo CD beside a whole local cluster, on which it installs the operator itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from support.argocd import ArgoCD, Repository
from support.cluster import Kept, temporary_home
from support.e2e import build_moody
from support.gitops import GitOps, Place, platform

from e2i.kube import Kube
from e2i.local.cluster import bring_up


@pytest.fixture(scope="module")
def place(kept: Kept, say: Callable[[str], None]) -> Place:
    return kept.enter("place", lambda: _place(say))


@contextlib.contextmanager
def _place(say: Callable[[str], None]) -> Iterator[Place]:
    with temporary_home("test-argocd") as home:
        build_moody(home.root / "bentoml")
        bring_up(home, say, bento_store=home.root / "bentoml", overlay=None)
        folder = home.root / "argocd"
        argocd, repository = ArgoCD(home, folder, say), Repository(folder / "repository")
        platform(repository)
        argocd.start()
        try:
            yield Place(home, argocd, repository)
        finally:
            argocd.stop()


@pytest.fixture
async def gitops(place: Place) -> AsyncIterator[GitOps]:
    """The place with the operator, which Argo CD has installed."""
    async with await Kube.from_kubeconfig(place.home.kubeconfig) as kube:
        gitops = GitOps(kube, place)
        try:
            await gitops.install_platform()
            yield gitops
        finally:
            _print_logs(place.argocd)


def _print_logs(argocd: ArgoCD) -> None:
    """Print the end of Argo CD's logs: pytest shows it if the test failed."""
    for log in sorted(argocd.logs.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-40:]
        print(f"--- {log.name}", *lines, sep="\n")  # noqa: T201
