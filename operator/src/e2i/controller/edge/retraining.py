"""Creates the Job or Workflow that trains a drifted model again: once for each drift, in the operator's namespace."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from e2i.api import naming
from e2i.controller.core.notifications import Notification
from e2i.controller.core.retraining import JOB, parse_template, training
from e2i.controller.edge.notifier import NotDelivered
from e2i.kube import ApiError, Kube
from e2i.kube.e2i_kinds import JOBS, WORKFLOWS

logger = logging.getLogger("e2i")


class Retraining:
    """Takes drifts as an address takes events."""

    def __init__(self, kube: Kube, template: Path, namespace: str) -> None:
        self._kube = kube
        self._template = template
        self._namespace = namespace

    async def post(self, notification: Notification) -> None:
        """Create the object, if it is not there; NotDelivered says why that was not possible."""
        try:
            template = parse_template(await asyncio.to_thread(self._template.read_text))
        except (OSError, ValueError) as error:
            raise NotDelivered(f"{self._template}: {error}") from error
        body = training(template, notification, self._namespace)
        resource = JOBS if body["kind"] == JOB[1] else WORKFLOWS
        name = body["metadata"]["name"]
        try:
            await self._kube.create(resource, self._namespace, body, manager=naming.FIELD_MANAGER)
        except ApiError as error:
            if error.status != 409:
                raise NotDelivered(f"{body['kind']} {self._namespace}/{name}: {error}") from error
            return  # An earlier life of the operator made it.
        data = notification.data
        logger.info("%s/%s: %s %s trains it again", data["namespace"], data["model"], body["kind"], name)

    async def close(self) -> None:
        """The client of the API server is closed by whoever opened it."""
