"""Amounts of resources in the words of a BentoDeployment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def yatai_amounts(chosen: Mapping[str, str]) -> dict[str, Any]:
    """Return the amounts as Yatai has them: fields for cpu, memory and gpu, and a map for all others."""
    known = {"cpu": "cpu", "memory": "memory", "nvidia.com/gpu": "gpu"}
    result: dict[str, Any] = {known[name]: amount for name, amount in chosen.items() if name in known}
    custom = {name: amount for name, amount in chosen.items() if name not in known}
    return result | ({"custom": custom} if custom else {})
