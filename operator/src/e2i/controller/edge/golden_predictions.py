"""Asks a release its golden predictions, at the address of the release's own Service."""

from __future__ import annotations

import asyncio

from e2i.api import naming
from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.verification import checks
from e2i.controller.edge.check_secrets import read_values
from e2i.controller.edge.prediction_client import longest, verify
from e2i.kube import Kube
from e2i.kube.e2i_kinds import SERVICES

WAITS = (0.0, 0.5, 2.0)
"""Seconds before each look for the address of a release: its Service may be younger than its pods."""


async def ask(
    kube: Kube, model: Model, name: str, owner: str, secrets: tuple[str, ...] = ()
) -> Problem | None:
    """Return the first check that fails, None if all pass; ApiError if Service or Secrets cannot be read.

    `name` and `owner`: name and uid of the release's BentoDeployment, which owns the Service that is asked. A problem
    that is not final is not the release's. `secrets`: the operator's own keys, which no message may contain.
    """
    verification = checks.parse_verification(model.rollout.checks)
    values = await read_values(model.namespace, verification.secrets, kube)
    if isinstance(values, Problem):
        return values
    address = await _address(kube, model, name, owner)
    if not isinstance(address, str):
        return address
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{naming.SERVICE_PORT}"
    hidden = (*secrets, *model.shape.secrets, *verification.confidential, *values.values())
    bound = longest(verification)
    try:
        async with asyncio.timeout(bound):
            return await verify(url, verification.with_values(values), model.shape.type, hidden)
    except TimeoutError:
        message = f"the checks of spec.rollout.verify did not end within {bound:g} s"
        return Problem(reason=Reason.VerificationTimeout, message=message, stalled=True, final=True)


async def _address(kube: Kube, model: Model, name: str, owner: str) -> str | Problem:
    """Return the clusterIP of the release's own Service, which needs no DNS, or why there is none."""
    for wait in WAITS:
        await asyncio.sleep(wait)
        # Yatai gives the Service the name of its BentoDeployment.
        service = await kube.get(SERVICES, model.namespace, name) or {}
        owners = service.get("metadata", {}).get("ownerReferences") or ()
        if service and not any(each.get("uid") == owner for each in owners):
            return Problem(
                reason=Reason.NameTaken,
                message=f"Service {name} in {model.namespace} is not the release's own, so no golden prediction is "
                "sent to it: remove it, and Yatai makes the right one",
                stalled=True,
            )
        address = service.get("spec", {}).get("clusterIP", "")
        if isinstance(address, str) and address not in ("", "None"):
            return address
    message = (
        f"Service {name}, which Yatai makes for the release, has no address; look for it in {model.namespace}"
    )
    return Problem(reason=Reason.VerificationError, message=message, stalled=True, final=True)
