"""Decides about the PodDisruptionBudget of a model, beside the plan of each pass. Pure."""

from __future__ import annotations

from e2i.controller.core.actions import ApplyBudget, DeleteBudget
from e2i.controller.core.budget import Budget
from e2i.controller.core.releases.situation import Situation


def budget_action(here: Situation) -> ApplyBudget | DeleteBudget | None:
    """Return what the budget needs: it selects the pods at the address, while there may be more than one.

    Pods of a trial are not counted: they are not ready, and would keep nodes from being drained. A budget of the
    model's name that somebody else made is their own rule, and stays.
    """
    model, service, known = here.model, here.seen.service, here.seen.budget
    # One without an owner, as an earlier model left it, is taken over.
    is_theirs = known and known.owner != model.uid and not (known.owner is None and known.labelled)
    if model.deleting or model.suspended or is_theirs:
        return None
    if service is None or model.autoscaling.maximum < 2:
        return DeleteBudget(known.name, known.uid) if known and known.owner else None
    if isinstance(known, Budget) and known.owner and known.as_rendered and known.selector == service.selector:
        return None
    return ApplyBudget(service.selector)
