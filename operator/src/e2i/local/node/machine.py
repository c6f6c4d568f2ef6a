"""Measure the machine, for the Node object."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from e2i.local.node.nodestatus import Machine

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def measure(folder: Path) -> Machine:
    """Return the machine's figures, within the limits of the agent's control group."""
    kernel = platform.machine()
    return Machine(
        cpus=_cpus(),
        memory=memory_limit(),
        disk=shutil.disk_usage(folder).total,
        hostname=platform.node(),
        architecture=ARCHITECTURES.get(kernel, kernel),
        kernel=platform.release(),
        system=_system(),
        machine_id=_first_line("/etc/machine-id"),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
    )


def _cpus() -> float:
    available = float(len(os.sched_getaffinity(0)))
    quota, _, period = _control("cpu.max").partition(" ")
    if quota in ("", "max"):
        quota, period = _control("cpu/cpu.cfs_quota_us"), _control("cpu/cpu.cfs_period_us")
    if not quota or not period or int(quota) <= 0:
        return available
    return min(available, int(quota) / int(period))


def memory_limit() -> int:
    """Return the bytes of memory of this machine, or the limit of the control group if that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [_control("memory.max"), _control("memory/memory.limit_in_bytes")]
    return min([total, *(int(limit) for limit in limits if limit.isdigit())])


def _control(name: str) -> str:
    """Return a value of this process's control group, version 2 (cpu.max) or 1 (cpu/cpu.cfs_quota_us), or ""."""
    controller = name.split("/", maxsplit=1)[0] if "/" in name else ""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers.split(",").count(controller):
            base = Path("/sys/fs/cgroup", controller)
            # Inside a container the path is that of the host and not visible: then the group is the root.
            for folder in (base / path.lstrip("/"), base):
                text = _first_line(str(folder / name.rpartition("/")[2]))
                if text:
                    return text
    return ""


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0].strip()
    except OSError:
        return ""
