"""Parse probes, and count their results until they decide. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2i.kube import Object


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One probe of a container, with the API's defaults; times in seconds."""

    kind: str
    """startup, readiness or liveness."""
    handler: Object
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3
    grace: float | None = None
    """The grace period for a container that this probe kills; None: the pod's."""


@dataclass(frozen=True)
class Tally:
    """The equal results in a row so far, and the verdict (None: not decided yet)."""

    good: int = 0
    bad: int = 0
    verdict: bool | None = None

    def counted(self, ok: bool, probe: Probe) -> Tally:
        """Return the tally after one more result; the verdict changes only at a threshold."""
        good, bad = (self.good + 1, 0) if ok else (0, self.bad + 1)
        verdict = self.verdict
        if good >= probe.success_threshold:
            verdict = True
        elif bad >= probe.failure_threshold:
            verdict = False
        return Tally(good, bad, verdict)


def probes_of(container: Object) -> dict[str, Probe]:
    """Return the container's probes by kind."""
    kinds = ("startup", "readiness", "liveness")
    return {kind: parse(kind, container[f"{kind}Probe"]) for kind in kinds if container.get(f"{kind}Probe")}


def parse(kind: str, spec: Object) -> Probe:
    """Return the probe that `spec` (a Probe in the API's form) describes."""
    return Probe(
        kind=kind,
        handler=spec,
        initial_delay=spec.get("initialDelaySeconds") or 0,
        period=spec.get("periodSeconds") or 10,
        timeout=spec.get("timeoutSeconds") or 1,
        success_threshold=spec.get("successThreshold") or 1,
        failure_threshold=spec.get("failureThreshold") or 3,
        grace=spec.get("terminationGracePeriodSeconds"),
    )


def port_number(port: int | str, container: Object) -> int:
    """Return the number of a port given by number or by name; ValueError if there is no such name."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for entry in container.get("ports") or []:
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise ValueError(f"container {container['name']} has no port named {port!r}")
