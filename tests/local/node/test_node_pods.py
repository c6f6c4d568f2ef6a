"""Pods on the node agent, as kubectl and controllers see them."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.nodelab import (
    Lab,
    eventually,
    has_phase,
    is_ready_pod,
    is_running,
    main_status,
    waits_for,
)

from e2i.kube import Object, Resource
from e2i.local.images import ImageStore, LocalImage
from e2i.local.node.node_kinds import CONFIG_MAPS, PODS, SECRETS, SERVICES
from e2i.local.node.sweep import processes

pytestmark = pytest.mark.api

JOBS = Resource("batch", "v1", "jobs", "Job")
STATE = {"volumes": [{"name": "state", "emptyDir": {}}]}
STATE_MOUNT = {"volumeMounts": [{"name": "state", "mountPath": "/state"}]}


def secret(name: str, **values: str) -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": name}, "data": data}


async def test_a_container_has_the_variables_it_asks_for(lab: Lab) -> None:
    await lab.kube.create(SECRETS, lab.namespace, secret("s", token="t0k"))
    await lab.kube.create(CONFIG_MAPS, lab.namespace, {"metadata": {"name": "m"}, "data": {"COLOUR": "red"}})
    port = {"selector": {"app": "none"}, "ports": [{"port": 3000}]}
    await lab.kube.create(SERVICES, lab.namespace, {"metadata": {"name": "bentoml"}, "spec": port})
    env = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "BOTH", "value": "$(TOKEN)-$(POD)"},
    ]
    main = {"env": env, "envFrom": [{"configMapRef": {"name": "m"}}]}
    await lab.run("a", "echo $BOTH $COLOUR $BENTOML_PORT", restartPolicy="Never", main=main)
    await lab.until("a", has_phase("Succeeded"))
    line = await lab.kubectl("logs", "a")
    assert line.startswith("t0k-a red tcp://127.")
    assert line.endswith(":3000\n")


async def test_a_missing_secret_holds_the_container_until_it_is_there(lab: Lab) -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]
    await lab.run("a", "sleep 100", main={"env": env})
    waiting = await lab.until("a", waits_for("CreateContainerConfigError"))
    assert 'secret "late" not found' in main_status(waiting)["state"]["waiting"]["message"]
    await lab.kube.create(SECRETS, lab.namespace, secret("late", k="v"))
    running = await lab.until("a", is_running)
    assert main_status(running)["restartCount"] == 0


async def test_a_pod_that_cannot_be_prepared_says_why_and_can_be_deleted(lab: Lab) -> None:
    volumes = [{"name": "v", "secret": {"secretName": "nowhere"}}]
    await lab.run("a", "sleep 100", volumes=volumes)
    assert 'volume "v": secret "nowhere" not found' in (await lab.event("FailedMount"))["message"]
    assert main_status(await lab.until("a", waits_for("ContainerCreating")))["restartCount"] == 0
    await lab.kube.delete(PODS, lab.namespace, "a")
    await lab.gone("a")


async def test_an_image_that_is_missing_is_pulled_when_it_appears(lab: Lab) -> None:
    await lab.run("a", "sleep 100", main={"image": f"{lab.namespace}:1"})
    await lab.until("a", waits_for("ErrImagePull"))
    await lab.until("a", waits_for("ImagePullBackOff"))
    image = LocalImage(name=f"{lab.namespace}:1", digest="sha256:77", working_dir="/")
    ImageStore(lab.home.images).put(image)
    assert main_status(await lab.until("a", is_running))["imageID"] == "sha256:77"


async def test_a_crash_loop_shows_its_cause_and_its_earlier_log(lab: Lab) -> None:
    main = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    await lab.run("a", "echo out of luck; exit 3", main=main)
    pod = await lab.until("a", lambda pod: waits_for("CrashLoopBackOff")(pod))
    status = main_status(pod)
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["message"] == "out of luck\n"
    assert status["restartCount"] >= 1
    assert "out of luck" in await lab.kubectl("logs", "a", "--previous")
    assert "exit" not in (await lab.event("BackOff"))["message"]


async def test_a_program_that_is_not_there_is_a_start_error(lab: Lab) -> None:
    await lab.run("a", restartPolicy="Never", main={"command": ["no-such-program"]})
    ended = main_status(await lab.until("a", has_phase("Failed")))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "no-such-program" in ended["message"]


async def test_a_job_fails_at_once_on_the_exit_code_its_policy_names(lab: Lab) -> None:
    container = {"name": "main", "image": "shell", "command": ["sh", "-c", "exit 42"]}
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"backoffLimit": 5, "template": template, "podFailurePolicy": {"rules": [rule]}}
    await lab.kube.create(JOBS, lab.namespace, {"metadata": {"name": "j"}, "spec": spec})
    async with asyncio.timeout(60):
        async for _ in lab.kube.watch(JOBS, lab.namespace):
            status = (await lab.kube.get(JOBS, lab.namespace, "j") or {}).get("status", {})
            if any(c["type"] == "Failed" for c in status.get("conditions") or []):
                break
    assert status["failed"] == 1
    assert any(c["reason"] == "PodFailurePolicy" for c in status["conditions"])


async def test_init_containers_prepare_what_the_others_use_and_sidecars_end_last(lab: Lab) -> None:
    script = (
        'trap "echo side ended; exit 0" TERM; echo ready > $E2I_MOUNTS/state/f; while :; do sleep 0.05; done'
    )
    inits: list[dict[str, Any]] = [
        {"name": "first", "command": ["sh", "-c", "echo one > $E2I_MOUNTS/state/g"]},
        {"name": "side", "command": ["sh", "-c", script], "restartPolicy": "Always"},
    ]
    inits[1]["startupProbe"] = {
        "exec": {"command": ["sh", "-c", "test -f $E2I_MOUNTS/state/f"]},
        "periodSeconds": 1,
    }
    for init in inits:
        init.update(image="shell", **STATE_MOUNT)
    read = "cat $E2I_MOUNTS/state/f $E2I_MOUNTS/state/g"
    await lab.run("a", read, restartPolicy="Never", initContainers=inits, main=STATE_MOUNT, **STATE)
    await lab.until("a", has_phase("Succeeded"))
    assert await lab.kubectl("logs", "a", "-c", "main") == "ready\none\n"
    assert await lab.kubectl("logs", "a", "-c", "side") == "side ended\n"


async def test_a_pod_reaches_the_api_as_its_service_account(lab: Lab) -> None:
    program = (
        "import asyncio, os, pathlib; from e2i.kube import Kube\n"
        "async def main():\n"
        "    folder = '/var/run/secrets/kubernetes.io/serviceaccount'\n"
        "    kube = await Kube.from_service_account(pathlib.Path(os.environ['E2I_MOUNTS'] + folder))\n"
        "    path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'\n"
        "    body = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'SelfSubjectReview'}\n"
        "    answer = await kube.request('POST', path, body=body)\n"
        "    print(answer['status']['userInfo']['username']); await kube.close()\n"
        "asyncio.run(main())\n"
    )

    await lab.run("a", restartPolicy="Never", main={"command": [sys.executable, "-c", program]})
    await lab.until("a", has_phase("Succeeded"))
    assert f"system:serviceaccount:{lab.namespace}:default" in await lab.kubectl("logs", "a")


async def test_a_container_that_ignores_sigterm_is_killed_with_its_children(lab: Lab) -> None:
    script = 'trap "" TERM; sleep 1000 & echo $! > $E2I_MOUNTS/state/child; wait; while :; do sleep 1; done'
    await lab.run("a", script, main=STATE_MOUNT, terminationGracePeriodSeconds=1, **STATE)
    pod = await lab.until("a", is_running)
    child = await file_content(lab.volume(pod, "state") / "child")
    assert int(child) in processes()
    await lab.kube.delete(PODS, lab.namespace, "a")
    await lab.gone("a")
    assert int(child) not in processes()


async def file_content(path: Path) -> str:
    async def is_written() -> bool:
        return path.exists() and path.read_text().endswith("\n")

    await eventually(is_written)
    return path.read_text().strip()


async def test_a_deleted_pod_ends_in_order_hook_signal_final_status(lab: Lab, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", f"echo hook >> {diary}"]}}}
    script = f'trap "echo signal >> {diary}; exit 7" TERM; while :; do sleep 0.05; done'
    await lab.run("a", script, main={"lifecycle": hook})
    await lab.until("a", is_running)
    end = asyncio.create_task(lab.until("a", lambda pod: "terminated" in main_status(pod)["state"]))
    await lab.kube.delete(PODS, lab.namespace, "a")
    pod = await end
    assert diary.read_text() == "hook\nsignal\n"
    assert main_status(pod)["state"]["terminated"]["exitCode"] == 7
    assert pod["status"]["phase"] == "Failed"
    await lab.gone("a")


async def test_a_container_pauses_before_its_signal_and_no_longer_than_it_lives(
    lab: Lab, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    pause = {"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}
    await lab.run("a", f"trap 'date +%s.%N > {told}; exit' TERM; while :; do sleep 0.05; done", main=pause)
    lasting = {"lifecycle": {"preStop": {"sleep": {"seconds": 600}}}}
    script = f"while ! test -e {told}; do sleep 0.05; done"
    await lab.run("b", script, main=lasting, terminationGracePeriodSeconds=1200)
    for name in ("a", "b"):
        await lab.until(name, is_running)
    begun = time.time()
    for name in ("b", "a"):
        await lab.kube.delete(PODS, lab.namespace, name)
    for name in ("a", "b"):
        await lab.gone(name)
    assert float(told.read_text()) >= begun + 1


async def test_a_container_that_is_no_longer_alive_is_restarted(lab: Lab) -> None:
    liveness = {"httpGet": {"path": "/alive", "port": 8000}, "periodSeconds": 1, "failureThreshold": 2}
    startup = {"tcpSocket": {"port": 8000}, "periodSeconds": 1, "failureThreshold": 20}
    main = {
        "image": "answerer",
        "command": None,
        "livenessProbe": liveness,
        "startupProbe": startup,
        **STATE_MOUNT,
    }
    await lab.run("a", main=main, **STATE)
    pod = await lab.until("a", is_ready_pod)
    assert main_status(pod)["restartCount"] == 0
    broken = lab.volume(pod, "state") / "alive"
    broken.touch()
    await lab.until("a", lambda pod: main_status(pod)["restartCount"] >= 1)
    broken.unlink()
    assert "statuscode: 503" in (await lab.event("Unhealthy"))["message"] or await lab.event("Killing")


async def test_readiness_comes_and_goes(lab: Lab) -> None:
    readiness = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    main = {"image": "answerer", "command": None, "ports": [{"name": "http", "containerPort": 8000}]}
    await lab.run("a", main={**main, "readinessProbe": readiness, **STATE_MOUNT}, **STATE)
    pod = await lab.until("a", is_ready_pod)
    (lab.volume(pod, "state") / "ready").touch()
    unready = await lab.until("a", lambda pod: not is_ready_pod(pod))
    ready = next(c for c in unready["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ContainersNotReady")
    (lab.volume(pod, "state") / "ready").unlink()
    assert main_status(await lab.until("a", is_ready_pod))["restartCount"] == 0


async def test_logs_can_be_followed_to_the_end_and_cut(lab: Lab) -> None:
    script = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.1; done"
    await lab.run("a", script, restartPolicy="Never")
    await lab.until("a", lambda pod: is_running(pod) or has_phase("Succeeded")(pod))
    assert (await lab.kubectl("logs", "-f", "a")).splitlines() == [f"line {n}" for n in range(1, 7)]
    assert await lab.kubectl("logs", "a", "--tail=2") == "line 5\nline 6\n"
    assert await lab.kubectl("logs", "a", "--limit-bytes=4") == "line"
    assert (await lab.kubectl("logs", "a", "--timestamps")).startswith("20")


async def test_what_the_node_does_not_offer_it_refuses_in_words(lab: Lab) -> None:
    await lab.run("a", "sleep 100")
    await lab.until("a", is_running)
    assert "the local node does not offer attach" in await lab.kubectl("attach", "a")


async def test_a_settled_pod_is_left_alone(lab: Lab) -> None:
    await lab.run("a", "sleep 100")
    await lab.until("a", is_ready_pod)
    # A change that does not concern the node must lead to one new version of the pod, not to two.
    noted = await lab.kube.patch(PODS, lab.namespace, "a", {"metadata": {"annotations": {"x": "y"}}})
    await lab.run("b", "sleep 100")
    await lab.until("b", is_ready_pod)
    later = await lab.kube.get(PODS, lab.namespace, "a")
    assert later
    assert later["metadata"]["resourceVersion"] == noted["metadata"]["resourceVersion"]


HOARD = f"{sys.executable} -c 'import time; kept = bytearray(400 << 20); time.sleep(1000)'"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"exec {HOARD}", id="by its first process"),
        pytest.param(f"(setsid {HOARD} &); exec sleep 1000", id="by one that left its parent and session"),
    ],
)
async def test_a_container_over_its_memory_limit_is_killed_and_says_why(lab: Lab, script: str) -> None:
    main = {"resources": {"limits": {"memory": "200Mi"}}}
    await lab.run("a", script, restartPolicy="Never", main=main)
    ended = main_status(await lab.until("a", has_phase("Failed")))["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


async def test_a_machine_without_memory_ends_the_processes_of_pods_first(lab: Lab) -> None:
    first = "until grep -q ^1000$ /proc/self/oom_score_adj; do sleep 0.05; done"
    await lab.run("a", first, restartPolicy="Never")
    await lab.until("a", has_phase("Succeeded"))
