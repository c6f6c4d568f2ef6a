"""Reads the Secrets whose values the checks of a model send.

The operator may read no Secret by itself: who uses one in a check allows it to read that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.verification.checks import CheckInvalid, parse_verification
from e2i.controller.core.verification.headers import SecretKey, SecretUnusable, secret_value
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import SECRETS


async def read_values(
    namespace: str, wanted: Iterable[SecretKey], kube: Kube
) -> Mapping[SecretKey, str] | Problem:
    """Return the values, or what has to be done to have them. ApiError if the API server cannot answer."""
    values: dict[SecretKey, str] = {}
    for each in sorted(wanted, key=lambda key: (key.name, key.key)):
        try:
            secret = await kube.get(SECRETS, namespace, each.name)
        except ApiError as error:
            if error.status != 403:
                raise
            return _problem(
                f"the operator may not read Secret {each.name} in {namespace}. Allow it with a Role of this one Secret "
                "(docs/howto/verify.md)"
            )
        if secret is None:
            return _problem(f"there is no Secret {each.name} in {namespace}; create it")
        try:
            values[each] = secret_value(each, secret)
        except SecretUnusable as unusable:
            return _problem(f"{unusable}; correct it in {namespace}")
    return values


async def values_sent(model: Model, kube: Kube) -> tuple[str, ...] | None:
    """Return the confidential values that checks sent: the log of the service may have them. None if unknown."""
    try:
        verification = await asyncio.to_thread(parse_verification, model.rollout.checks)
        values = await read_values(model.namespace, verification.secrets, kube)
    except CheckInvalid:
        return ()
    except ApiError:
        return None
    return None if isinstance(values, Problem) else (*verification.confidential, *values.values())


def _problem(clause: str) -> Problem:
    message = f"golden predictions cannot be asked for: {clause}"
    return Problem(reason=Reason.SecretUnreadable, message=message, stalled=True)
