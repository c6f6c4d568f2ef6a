"""What the builder must know of this machine: where packages come from, and where caches lie.

Pods get a clean environment, and the builder's pod too. So the stand-in, which `up` starts in the user's own
environment, writes these few settings into the cluster's folder, and the builder reads them there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from e2i.local.layout import ClusterHome

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
UV_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")


def package_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """uv's own variables, proxies, certificates and folders; pip's index where uv has none of its own."""
    wanted = {*NAMES, *PROXIES, *(name.lower() for name in PROXIES)}
    settings = {
        name: value for name, value in environment.items() if name in wanted or name.startswith("UV_")
    }
    if "PIP_INDEX_URL" in environment and not any(name in settings for name in UV_INDEX):
        settings["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    return settings


def save_settings(home: ClusterHome, settings: Mapping[str, str]) -> None:
    """Readable by the owner only: an index address may hold a password."""
    file = home.root / "builder-settings.json"
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        json.dump(dict(settings), target)
    partial.replace(file)


def load_settings(home: ClusterHome) -> dict[str, str]:
    """The saved settings; none when the stand-in never ran."""
    try:
        settings: dict[str, str] = json.loads((home.root / "builder-settings.json").read_text())
    except FileNotFoundError:
        return {}
    return settings
