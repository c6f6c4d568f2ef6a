from __future__ import annotations

import pytest

from e2i.local.node.nodestatus import Machine, allocatable, is_ready, node_status


def machine(cpus: float = 2.0) -> Machine:
    return Machine(
        cpus=cpus,
        memory=4 * 1024**3,
        disk=1024**4,
        hostname="h",
        architecture="amd64",
        kernel="6.1",
        system="Debian",
        machine_id="m",
        boot_id="b",
    )


@pytest.mark.parametrize(("cpus", "shown"), [(2.0, "2"), (1.5, "1500m")])
def test_pods_may_ask_for_what_the_machine_has(cpus: float, shown: str) -> None:
    found = allocatable(machine(cpus))
    assert (found["cpu"], found["memory"], found["pods"]) == (shown, "4194304Ki", "110")


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    first = node_status(machine(), {}, 21006, "0.1.0", now=0.0)
    lost = [{**c, "status": "Unknown"} if c["type"] == "Ready" else c for c in first["conditions"]]
    again = node_status(machine(), {"conditions": lost}, 21006, "0.1.0", now=60.0)
    since = {c["type"]: c["lastTransitionTime"] for c in again["conditions"]}
    assert since["Ready"] == "1970-01-01T00:01:00Z"
    assert since["DiskPressure"] == "1970-01-01T00:00:00Z"


def test_a_node_that_the_cluster_lost_sight_of_is_not_ready() -> None:
    status = node_status(machine(), {}, 1, "0.1.0", now=0.0)
    assert is_ready({"status": status})
    assert not is_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    assert not is_ready({})
