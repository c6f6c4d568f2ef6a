"""The process of an operator: it shows its health, waits until it is the active one, and then operates.

It waits for whatever is away (API server, rights, CRDs) instead of ending. It ends when it lost its Lease, or when
one of its long-lived tasks ended, because then nobody knows what else is wrong. Kubernetes starts it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import chain

from e2i import __version__
from e2i.controller.app import Operator
from e2i.controller.connect import connect
from e2i.controller.core.evidence.refusals import list_refusal
from e2i.controller.core.health import Health, Sign, stale
from e2i.controller.core.lease import Terms
from e2i.controller.core.metrics.operator_series import operator_series, process_series
from e2i.controller.core.metrics.series import Series
from e2i.controller.edge.connections import connect_kube
from e2i.controller.edge.health_server import HealthServer
from e2i.controller.edge.lease import Lease, LeaseLostError, seconds
from e2i.controller.edge.log_context import LogLevel
from e2i.controller.edge.measures import Measures
from e2i.controller.edge.metrics_server import MetricsServer
from e2i.controller.edge.supervisor import End, Supervisor, end_process
from e2i.controller.settings import Settings
from e2i.kube import ApiError
from e2i.kube.waiting import when_possible
from e2i.variables import BadSetting

SYSTEM_NAMESPACE = "e2i-system"
"""Where the Lease is if the operator does not run in a pod."""

logger = logging.getLogger("e2i")


class Process:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings, end: End = end_process) -> None:
        self._settings = settings
        self._terms = Terms(settings.lease_seconds)
        self._end = end
        self._supervisor = Supervisor(end)
        self._measures = Measures()
        self._health_server = HealthServer(self.health)
        self._metrics_server = MetricsServer(self._measures, self._series)
        self._lease: Lease | None = None
        self._operator: Operator | None = None
        self._has_started = False

    async def start(self) -> None:
        """Become the active operator, however long that takes, and start; BadSetting if no health can be served."""
        await _serve("E2I_HEALTH_ADDRESS", self._settings.health_address, self._health_server)
        await _serve("E2I_METRICS_ADDRESS", self._settings.metrics_address, self._metrics_server)
        self._lease = lease = await when_possible(self._make_lease, _not_yet)
        await lease.acquire()
        self._supervisor.start("lease", self._hold(lease), endless=False)
        self._operator = await when_possible(
            lambda: connect(self._settings, lease, self._supervisor, self._measures), _not_yet
        )
        await when_possible(self._operator.start, _not_yet)
        self._has_started = True

    async def stop(self) -> None:
        """Stop in order: nothing writes any more when the Lease is given away."""
        if self._operator:
            await self._operator.stop()
        await self._supervisor.stop()
        if self._lease:
            await self._lease.release()
            await self._lease.close()
        await self._metrics_server.close()
        await self._health_server.close()

    def health(self) -> Health:
        """Return what the probes show."""
        signs = list(self._operator.signs()) if self._operator else []
        if self._lease:
            signs.append(Sign("the task 'lease'", seconds() - self._lease.tried, 2 * self._terms.duration))
        numbers = self._operator.health() if self._operator else {}
        return Health(stale=stale(signs), unready=self._unready(), numbers=numbers)

    def _unready(self) -> str:
        if self._lease is None or not (self._lease.is_held or self._lease.stands_by):
            told = f": {self._lease.problem}" if self._lease and self._lease.problem else ""
            return f"the API server does not answer, or does not give the Lease{told}"
        if self._lease.is_held and not self._has_started:
            return "the models and their children are not listed yet"
        return "; ".join(self._operator.problems()) if self._operator else ""

    def _series(self) -> Iterable[Series]:
        """Return what a scrape shows; of a standby, that it is one."""
        leads = self._lease is not None and self._lease.is_held
        series = process_series(__version__, self._settings.lease_name, leads=leads)
        return chain(series, operator_series(self._operator.picture())) if self._operator else series

    async def _make_lease(self) -> Lease:
        kube = await connect_kube(self._settings, self._measures)
        file = self._settings.service_account / "namespace"
        namespace = file.read_text().strip() if file.is_file() else SYSTEM_NAMESPACE
        return Lease(kube, namespace, self._settings.lease_name, self._settings.pod_uid, self._terms)

    async def _hold(self, lease: Lease) -> None:
        try:
            await lease.hold(LogLevel(self._settings.log_level).follow)
        except LeaseLostError as lost:
            self._end(str(lost))


def _not_yet(error: ApiError) -> None:
    logger.warning("the operator cannot start yet: %s", list_refusal(error.status, str(error)))


async def _serve(setting: str, address: str, server: HealthServer | MetricsServer) -> None:
    """Listen at the address of the setting, if it has one; BadSetting if it cannot be had."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        await server.start(host, int(port))
    except OSError as error:
        raise BadSetting(f"{setting}={address}: {error.strerror or error}") from error
