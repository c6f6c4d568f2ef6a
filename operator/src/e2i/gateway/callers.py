"""Who sends a request: the key or token that it brings, and whether it may come now."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from e2i.gateway.core.access import ANYBODY, OPEN, Access, Caller, credentials
from e2i.gateway.core.models import Model
from e2i.gateway.core.rate_limit import Bucket, take
from e2i.gateway.core.refusal import Reason, Refused

MOST_BUCKETS = 10_000
"""Callers whose limits are remembered; the one that was longest away is forgotten first, with a full bucket."""

Verify = Callable[[str, Access], Awaitable[Caller]]
"""Returns whose token it is; Refused if it cannot be trusted."""


class Callers:
    """`access` may be replaced at any time."""

    def __init__(self, verify: Verify, seconds: Callable[[], float], access: Access = OPEN) -> None:
        self.access = access
        self._verify = verify
        self._seconds = seconds
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Return who asks, and count the request; Refused if that cannot be known, or if it came too soon."""
        if self.access.is_open:
            return ANYBODY
        given = credentials(headers)
        # A token has three parts, of which the first is a JSON object; no key of ours holds a point.
        is_token = self.access.issuers and given.count(".") == 2
        caller = await self._verify(given, self.access) if is_token else self.access.by_key(given)
        self._limit(caller)
        return caller

    def _limit(self, caller: Caller) -> None:
        rate = caller.grant.rate
        if rate is None:
            return
        bucket, wait = take(self._buckets.pop(caller.name, None), rate, self._seconds())
        self._buckets[caller.name] = bucket
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if wait:
            raise Refused(
                Reason.RateLimited,
                f"{caller.name} may send {rate.per_second:g} requests a second: ask again in {math.ceil(wait)} s",
                retry_after=wait,
            )


def require_permission(caller: Caller, model: Model) -> None:
    """Refused if the caller may not ask this model."""
    if not caller.grant.allows(model):
        raise Refused(
            Reason.NotPermitted,
            f"{caller.name} may not ask {model.name}: its grant in the access file names others",
        )
