"""Whether the cluster has the policy e2i-pods, which gives pods what a BentoDeployment cannot say."""

from __future__ import annotations

import asyncio

from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import POD_POLICIES, POD_POLICY_BINDINGS

NAME = "e2i-pods"
AGE = 15.0
"""Seconds. How long an answer is believed: policies are not watched, and few models need this one."""


class PodPolicy:
    """Looks for the policy and its binding, when a model needs them."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._is_missing = False
        self._asked: float | None = None

    async def is_missing(self) -> bool:
        """Return whether the cluster certainly lacks the policy. Pods show it too if nobody may look."""
        now = asyncio.get_running_loop().time()
        if self._asked is None or now - self._asked >= AGE:
            try:
                self._is_missing = not await self._is_there()
            except ApiError:
                self._is_missing = False
            self._asked = now
        return self._is_missing

    async def _is_there(self) -> bool:
        for policies, bindings in zip(POD_POLICIES, POD_POLICY_BINDINGS, strict=True):
            if await self._kube.get(policies, None, NAME):
                return await self._kube.get(bindings, None, NAME) is not None
        return False
