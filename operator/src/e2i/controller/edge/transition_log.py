"""Logs a change of a model's condition in the words of the condition and of its Event."""

from __future__ import annotations

import logging

from e2i.api.model import Model
from e2i.controller.core.status.transitions import Transition

logger = logging.getLogger("e2i")


def log_transition(model: Model, transition: Transition) -> None:
    """Log the transition."""
    logger.log(
        logging.WARNING if transition.warning else logging.INFO,
        "%s/%s %s=%s %s: %s",
        model.namespace,
        model.name,
        transition.type,
        transition.status,
        transition.reason,
        transition.message,
        extra={
            "model": f"{model.namespace}/{model.name}",
            "generation": model.generation,
            "condition": transition.type,
            "status": transition.status,
            "reason": transition.reason,
        },
    )
