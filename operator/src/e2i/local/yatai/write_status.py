"""Write conditions into the status of Yatai's kinds; only this module of the stand-in reads the clock."""

from __future__ import annotations

import asyncio
import time

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.local.yatai.conditions import Condition, conditions_of, merge_conditions

ATTEMPTS = 3
PAUSE = 0.1
STATUS_FIELDS: dict[str, Object] = {"BentoRequest": {"imageBuilderPodStatus": {}}}
"""The other fields that the CRD requires in a status."""


async def write_conditions(kube: Kube, resource: Resource, item: Object, *news: Condition) -> Object:
    """Merge `news` into the object's newest status and return the object; write only if something changed.

    ApiError if the object is deleted, or after three conflicts in a row.
    """
    metadata = item["metadata"]
    for attempt in range(1, ATTEMPTS + 1):
        current = await kube.get(resource, metadata["namespace"], metadata["name"])
        if current is None:
            raise ApiError(404, "NotFound", f'{resource.plural} "{metadata["name"]}" not found')
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = merge_conditions(conditions_of(current), news, now)
        if conditions == conditions_of(current):
            return current
        current["status"] = STATUS_FIELDS.get(resource.kind, {}) | {"conditions": conditions}
        try:
            return await kube.replace(resource, current, subresource="status")
        except ApiError as error:
            if error.status != 409 or attempt == ATTEMPTS:
                raise
        await asyncio.sleep(PAUSE)
    raise AssertionError("the last attempt returns or raises")
