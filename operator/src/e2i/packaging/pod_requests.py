"""Says what a pod of a packaged bento requests, where nobody says it. Pure."""

from __future__ import annotations

_WORKER_MIB = 512
"""BentoML's supervisor and one worker with explanations have 352 to 477 MiB, of any type (docs/reference/bentos.md)."""
_COPIES = 3
"""A loaded model is larger than its compressed file, and a prediction makes copies of parts of it."""
_STEP_MIB = 128
_MIB = 1024 * 1024


def pod_requests(model_bytes: int) -> dict[str, dict[str, str]]:
    """Return the resources for models of so many bytes; limits are left to the operator, four times as much.

    0 -> {"requests": {"cpu": "250m", "memory": "512Mi"}}
    """
    steps = -(-_COPIES * model_bytes // (_STEP_MIB * _MIB))
    # A small model counts as a part of its worker.
    memory = _WORKER_MIB + _STEP_MIB * max(steps - 1, 0)
    return {"requests": {"cpu": "250m", "memory": f"{memory}Mi"}}
