"""Commands that messages advise, complete with their namespace, ready to be copied. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def command(verb: str, metadata: Mapping[str, Any]) -> str:
    """Return the command for a model: status, churn of namespace models -> kubectl e2i status churn -n models"""
    return f"kubectl e2i {verb} {metadata['name']} -n {metadata['namespace']}"


def follow(metadata: Mapping[str, Any]) -> str:
    """Return the command that follows the model: kubectl e2i status churn -n models -w"""
    return f"{command('status', metadata)} -w"
