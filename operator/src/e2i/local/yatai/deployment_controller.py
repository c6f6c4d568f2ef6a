"""yatai-deployment: makes and keeps the children of each BentoDeployment.

It has one worker. An error is reported in the condition `Available` and is not tried again: the next pass comes with
the next event, as in the real controller.
"""

from __future__ import annotations

import asyncio
import logging

from e2i.kube import ApiError, Kube, Object, Resource
from e2i.local.yatai import children
from e2i.local.yatai.child_changes import has_drifted, with_last_applied
from e2i.local.yatai.conditions import Condition, conditions_of, find_condition
from e2i.local.yatai.errors import ReconcileError
from e2i.local.yatai.informer import Informer, has_new_generation
from e2i.local.yatai.key_queue import Workqueue
from e2i.local.yatai.parts import parts_of
from e2i.local.yatai.write_status import write_conditions
from e2i.local.yatai.yatai_kinds import (
    AUTOSCALER,
    BENTO,
    BENTO_DEPLOYMENT,
    BENTO_REQUEST,
    DEPLOYMENT,
    SERVICE,
    Key,
    controller_of,
    key_of,
)

LOG = logging.getLogger("yatai-deployment")
MANAGER = "yatai-deployment"
STARTING = "Starting to reconcile BentoDeployment"


class DeploymentController:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._queue = Workqueue()
        self._deployments = Informer(kube, BENTO_DEPLOYMENT, self._on_own_change)
        self._bentoes = Informer(kube, BENTO, self._on_bento)
        self._others = (
            Informer(kube, BENTO_REQUEST, self._on_request),
            Informer(kube, DEPLOYMENT, self._on_child_generation),
            Informer(kube, AUTOSCALER, self._on_child),
            Informer(kube, SERVICE, self._on_child_generation),
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for informer in (self._deployments, self._bentoes, *self._others):
                tasks.create_task(informer.run())
            tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            try:
                await self._reconcile(key)
            except ApiError as error:
                # The status could not be written, so the error can only be logged.
                LOG.warning("BentoDeployment %s/%s: %s", *key, error)
            except Exception:
                # A bug that shows with one object must not stop the work on all others.
                LOG.exception("BentoDeployment %s/%s", *key)

    def _on_own_change(self, before: Object | None, now: Object | None) -> None:
        if now is not None and has_new_generation(before, now):
            self._queue.add(key_of(now))

    def _on_child(self, before: Object | None, now: Object | None) -> None:
        child = now or before
        if child is not None and (owner := controller_of(child, BENTO_DEPLOYMENT)):
            self._queue.add(owner)

    def _on_child_generation(self, before: Object | None, now: Object | None) -> None:
        if has_new_generation(before, now):
            self._on_child(before, now)

    def _on_bento(self, before: Object | None, now: Object | None) -> None:
        item = now or before
        if item is not None:
            self._add_users_of(key_of(item))

    def _on_request(self, before: Object | None, now: Object | None) -> None:
        item = now or before
        if item is not None and key_of(item) not in self._bentoes.objects:
            self._add_users_of(key_of(item))

    def _add_users_of(self, bento: Key) -> None:
        for key, item in self._deployments.objects.items():
            if (key[0], item["spec"]["bento"]) == bento:
                self._queue.add(key)

    async def _reconcile(self, key: Key) -> None:
        owner = await self._kube.get(BENTO_DEPLOYMENT, *key)
        if owner is None:
            return
        if not conditions_of(owner):
            starting = (
                Condition("Available", "Unknown", STARTING),
                Condition("BentoFound", "Unknown", STARTING),
            )
            owner = await self._write(owner, *starting)
        try:
            bento = await self._kube.get(BENTO, key[0], owner["spec"]["bento"])
            if bento is None:
                await self._await_bento(owner)
                return
            owner = await self._write(owner, Condition("BentoFound", "True", "Bento found"))
            await self._keep_children(owner, bento)
            await self._write(owner, Condition("Available", "True", "Reconciling"))
        except (ApiError, ReconcileError) as error:
            text = error.message if isinstance(error, ApiError) else str(error)
            message = f"Failed to reconcile BentoDeployment: {text}"
            LOG.warning("BentoDeployment %s/%s: %s", *key, message)
            await self._write(owner, Condition("Available", "False", message))

    async def _await_bento(self, owner: Object) -> None:
        """Report where the Bento will come from. `BentoRequestFound` becomes True even without a BentoRequest."""
        namespace, name = owner["metadata"]["namespace"], owner["spec"]["bento"]
        await self._write(
            owner,
            Condition("BentoFound", "False", "Bento not found"),
            Condition("BentoRequestFound", "Unknown", "Bento not found"),
        )
        request = await self._kube.get(BENTO_REQUEST, namespace, name)
        if request is None:
            text = f"get BentoRequest {namespace}/{name}: "
            text += f'BentoRequest.{BENTO_REQUEST.group} "{name}" not found'
            await self._write(
                owner,
                Condition("BentoFound", "False", text),
                Condition("BentoRequestFound", "False", text),
            )
        await self._write(owner, Condition("BentoRequestFound", "True", "Bento not found"))
        available = find_condition(request, "BentoAvailable") if request else None
        if available and available["status"] == "False":
            raise ReconcileError(f"BentoRequest {namespace}/{name} is not available: {available['message']}")

    async def _keep_children(self, owner: Object, bento: Object) -> None:
        for part in parts_of(owner, bento):
            try:
                await self._keep(DEPLOYMENT, children.deployment(part))
            except ApiError as error:
                raise ReconcileError(f"create or update deployment: {error.message}") from error
            except ReconcileError as error:
                raise ReconcileError(f"create or update deployment: {error}") from error
            await self._keep(AUTOSCALER, children.autoscaler(part))
            await self._keep(SERVICE, children.service(part))

    async def _keep(self, resource: Resource, wanted: Object) -> None:
        """Create the child, or replace the whole object if it differs in a field that we write.

        The replacement has no resourceVersion, no `replicas` and no field that others added. Nobody asks whose object
        it is. Of a Service the owner and the rest of the metadata stay, as in the real controller.
        """
        metadata = wanted["metadata"]
        live = await self._kube.get(resource, metadata["namespace"], metadata["name"])
        if live is None:
            LOG.info("creating %s %s/%s", resource.kind, metadata["namespace"], metadata["name"])
            await self._kube.create(
                resource, metadata["namespace"], with_last_applied(wanted), manager=MANAGER
            )
        elif has_drifted(wanted, live):
            LOG.info("replacing %s %s/%s", resource.kind, metadata["namespace"], metadata["name"])
            written = with_last_applied(wanted)
            if resource is SERVICE:
                said = {key: written["metadata"].get(key, {}) for key in ("annotations", "labels")}
                written = {**written, "metadata": {**live["metadata"], **said}}
            await self._kube.replace(resource, written, manager=MANAGER)

    async def _write(self, owner: Object, *news: Condition) -> Object:
        return await write_conditions(self._kube, BENTO_DEPLOYMENT, owner, *news)
