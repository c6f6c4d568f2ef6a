"""Commands that sentences advise, ready to be copied: always with their namespace. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def command(verb: str, metadata: Mapping[str, Any]) -> str:
    """status, {name: churn, namespace: models} -> kubectl e2i status churn -n models"""
    return f"kubectl e2i {verb} {metadata['name']} -n {metadata['namespace']}"


def follow(metadata: Mapping[str, Any]) -> str:
    """The command that shows how it goes on."""
    return f"{command('status', metadata)} -w"
