"""Ask the API server whether a client may read the node's metrics, as a kubelet does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set

from e2i.kube import ApiError, Kube, Object
from e2i.local.node import clock
from e2i.local.node.node_kinds import ACCESS_REVIEWS, TOKEN_REVIEWS

REMEMBERED_FOR = 60.0
"""Seconds for which a permission holds; a refusal is never remembered."""


class Reviews:
    """Asks the API server for the user of a token and the user's rights."""

    def __init__(self, kube: Kube, node: str) -> None:
        self._kube = kube
        self._node = node
        self._allowed: dict[str, float] = {}

    async def may_read_metrics(self, token: str) -> tuple[int, str]:
        """Return 200, or the HTTP status of the refusal and one sentence about it."""
        return await self._review(token, lambda: self._user(token))

    async def may_user_read_metrics(self, name: str, groups: Set[str]) -> tuple[int, str]:
        """Return the same for the user in a client's certificate."""

        async def user() -> Object:
            return {"username": name, "groups": sorted(groups)}

        return await self._review(f"{name} {sorted(groups)}", user)

    async def _review(self, client: str, ask: Callable[[], Awaitable[Object | None]]) -> tuple[int, str]:
        now = clock.now()
        self._allowed = {known: end for known, end in self._allowed.items() if end > now}
        if client in self._allowed:
            return 200, ""
        try:
            user = await ask()
            if user is None:
                return 401, "the API server does not accept this token"
            if not await self._may_get_metrics(user):
                return (
                    403,
                    f"{user['username']} may not get nodes/metrics of {self._node}: grant it with RBAC",
                )
        except ApiError as error:
            return 503, f"the API server could not be asked about the client: {error}"
        self._allowed[client] = now + REMEMBERED_FOR
        return 200, ""

    async def _user(self, token: str) -> Object | None:
        review: Object = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        }
        status = (await self._kube.create(TOKEN_REVIEWS, None, review)).get("status") or {}
        return status.get("user") if status.get("authenticated") else None

    async def _may_get_metrics(self, user: Object) -> bool:
        review: Object = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user.get("username", ""),
                "uid": user.get("uid", ""),
                "groups": user.get("groups") or [],
                "extra": user.get("extra") or {},
                "resourceAttributes": {
                    "verb": "get",
                    "resource": "nodes",
                    "subresource": "metrics",
                    "name": self._node,
                },
            },
        }
        status = (await self._kube.create(ACCESS_REVIEWS, None, review)).get("status") or {}
        return bool(status.get("allowed"))
