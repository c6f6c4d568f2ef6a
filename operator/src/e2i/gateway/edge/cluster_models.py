"""Follows the E2IModels of a cluster. Needs no right but to list and watch them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from e2i.api.naming import SERVICE_PORT
from e2i.gateway.core.models import Model, model_of
from e2i.gateway.core.routing import Key
from e2i.kube import ApiError, Changed, Failed, Kube, Listed
from e2i.kube.e2i_kinds import E2I_MODELS
from e2i.kube.local_service import local_address
from e2i.kube.login import of_process

RELIST = 3600.0
"""Seconds between two lists, which correct what a bug would lose."""
WAYS = (
    "Name one with --kubeconfig or KUBECONFIG, or a file with models with --endpoints or E2I_GATEWAY_ENDPOINTS; in a "
    "pod, name where its service account is mounted with E2I_GATEWAY_SERVICE_ACCOUNT_DIR."
)
logger = logging.getLogger("e2i.gateway")


class Followed(Protocol):
    """Takes what is new."""

    def replace(self, models: Iterable[Model], namespace: str | None = None) -> None: ...
    def put(self, model: Model) -> None: ...
    def remove(self, key: Key) -> None: ...


async def connect(service_account: Path) -> Kube:
    """Connect as the service account of the pod; outside a pod, as the current kubeconfig says."""
    return await of_process(service_account, os.environ, WAYS)


class ClusterModels:
    """The models of one namespace, or of the whole cluster."""

    def __init__(self, kube: Kube, directory: Followed, namespace: str | None) -> None:
        self.problem = ""
        """Why the models cannot be followed now; those that are known stay."""
        self._kube = kube
        self._directory = directory
        self._namespace = namespace

    async def run(self) -> None:
        """Follow them without end."""
        async for news in self._kube.track(E2I_MODELS, model_of, namespace=self._namespace, relist=RELIST):
            match news:
                case Listed(values=models):
                    self.problem = ""
                    self._directory.replace(
                        [await self._reachable(model) for model in models], self._namespace
                    )
                case Changed(type="DELETED", value=model):
                    self._directory.remove(model.key)
                case Changed(value=model):
                    self._directory.put(await self._reachable(model))
                case Failed(error=error):
                    self._note(error)

    async def _reachable(self, model: Model) -> Model:
        """Return the model with the address at which this process reaches it: a local cluster has no DNS."""
        if not model.url:
            return model
        try:
            local = await local_address(self._kube, *model.key)
        except ApiError as error:
            logger.warning("the Service of %s cannot be read: %s", model.title, error)
            return model
        return replace(model, url=f"http://{local}:{SERVICE_PORT}") if local else model

    def _note(self, error: ApiError) -> None:
        where = f" in {self._namespace}" if self._namespace else ""
        problem = f"E2IModels{where} cannot be watched: {error}"
        if problem != self.problem:
            self.problem = problem
            logger.warning("%s; it is tried again, and the known ones are served on", problem)
