"""Look for what would stop a run at its end, before it begins: training and building take minutes or hours."""

from __future__ import annotations

from e2i.pipeline.context import Loop
from e2i.pipeline.errors import PipelineError
from e2i.pipeline.gate import SHARES
from e2i.pipeline.gate_names import check_gate_names


def check_before(loop: Loop) -> None:
    """PipelineError if the gate can never be met, or if there is no place to release to."""
    check_gate(loop)
    check_places(loop)


def check_gate(loop: Loop) -> None:
    """PipelineError if the gate names a metric that there is not, or has a bound that no model can meet."""
    check_gate_names(loop)
    for metric, bounds in loop.project.gate.items():
        if metric in SHARES and bounds.minimum is not None and bounds.minimum > 1:
            raise PipelineError(
                f"gate.{metric}.minimum is {bounds.minimum:g}, and {metric} is at most 1: no model can meet it. Write "
                "for instance 0.9."
            )


def check_places(loop: Loop) -> None:
    """PipelineError if the overlay or the kubeconfig that is to be used later is not there."""
    if loop.overlay and not loop.overlay.is_dir():
        raise PipelineError(
            f"The overlay {loop.overlay} does not exist. Correct --overlay or deploy.overlay."
        )
    kubeconfig = loop.options.kubeconfig
    if kubeconfig and not kubeconfig.is_file():
        raise PipelineError(f"The kubeconfig {kubeconfig} does not exist. Correct --kubeconfig.")
