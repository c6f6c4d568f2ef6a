"""`Situation`: one model, what was observed of it, and the releases that follow from both. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from e2i.api.model import Model
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases import comeback, quarantine, release
from e2i.controller.core.releases.release import Release


@dataclass(frozen=True)
class Situation:
    """The input of the rules and of the report. The releases are worked out once a pass.

    Which release serves, how it failed and what there is to go back to is known whatever the spec asks for.
    """

    model: Model
    seen: Observed

    @cached_property
    def serving(self) -> str | None:
        """The identity of the release that has the address, whether its pods are ready or not."""
        return release.serving_release(self.seen)

    @cached_property
    def comeback(self) -> str | None:
        """The identity of the release that served before the model was restored, as long as none has the address."""
        return comeback.earlier_release(self.model, self.seen)

    @cached_property
    def serving_failure(self) -> Failure | None:
        """How the present trial of the serving release failed, or None if it did not fail."""
        return quarantine.failure(self.model, self.seen, self.serving)

    @cached_property
    def way_back(self) -> Release | None:
        """An earlier release with ready pods, to serve if the serving one fails."""
        return next(quarantine.still_running(self.model, self.seen, self.serving), None)

    @cached_property
    def desired(self) -> Release | None:
        """The release that the spec asks for. None until the bento is exported: only then its digest is known."""
        return release.desired(self.model, self.seen)

    @cached_property
    def asked(self) -> str | None:
        """The identity of the desired release. While its bento has to be found again, the status knows it."""
        return self.desired.release if self.desired else release.asked_before(self.model)

    @cached_property
    def quarantine(self) -> Failure | None:
        """How the present trial of the desired release failed, or None if it did not fail."""
        return quarantine.failure(self.model, self.seen, self.asked)

    @cached_property
    def fallback(self) -> Release | None:
        """The release to serve in place of the desired one if that fails. None if there is no such release."""
        return quarantine.fallback(self.model, self.seen, self.asked)

    @cached_property
    def target(self) -> Release | None:
        """The release that should have the address now: the desired one, or the fallback if that failed."""
        if self.quarantine is None:
            return self.desired
        return self.fallback or self.desired

    @property
    def is_in_service(self) -> bool:
        """Whether the desired release serves with the pods that it needs."""
        desired = self.desired
        if desired is None or self.serving != desired.release:
            return False
        return release.is_enough(desired.workload, self.model.autoscaling)


def desired_release(here: Situation) -> Release:
    """Return the release that the spec asks for. Only for rules below `export_bento`."""
    desired = here.desired
    if desired is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return desired


def target_release(here: Situation) -> Release:
    """Return the release that should have the address in the end. Only for rules below `export_bento`."""
    target = here.target
    if target is None:
        raise AssertionError("a rule below export_bento was asked before the bento was exported")
    return target


def targets_desired(here: Situation) -> bool:
    """Return whether the target is the desired release and not a fallback."""
    return target_release(here).release == desired_release(here).release
