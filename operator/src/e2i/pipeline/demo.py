"""`e2i pipeline demo`: a model is released, drifts, is trained again, and a bad one is refused."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import e2i
from e2i.local import cluster
from e2i.local.components import BUCKET, REGION
from e2i.local.credentials import ensure_credentials
from e2i.local.demo_traffic import new_session, predict
from e2i.local.errors import ClusterError
from e2i.local.kubectl import kubectl
from e2i.local.layout import ClusterHome
from e2i.pipeline.context import OWN_DATA, Say
from e2i.pipeline.demo_customers import Customer, Customers, write_rows
from e2i.pipeline.errors import GateNotMet
from e2i.pipeline.project import PROJECT_FILE, Project, read_project
from e2i.pipeline.workspace import FOLDER, read_lines

CHECKOUT = Path(e2i.__file__).resolve().parents[3]
CONFIG = CHECKOUT / "bentos" / "pipeline" / "demo.yaml"
SOURCE = CHECKOUT / "bentos" / "churn"
AT_ONCE = 4
SEED = 21


@dataclass
class Demo:
    """One run of the demo: the cluster, the copied project, and the bentos that answered."""

    home: ClusterHome
    folder: Path
    say: Say
    config: Mapping[str, Any] = field(default_factory=lambda: yaml.safe_load(CONFIG.read_text()))
    answered_by: list[str] = field(default_factory=list)

    @property
    def project(self) -> Project:
        return read_project(self.folder)

    @property
    def customers(self) -> Customers:
        return Customers(self.folder, self.project.target, self.config["shift"])


def run_demo(name: str, work: Path | None, say: Say) -> None:
    """Start the cluster, run all chapters in the folder `work`, and say where to look at the results."""
    if not CONFIG.exists():
        raise ClusterError(f"{CONFIG} does not exist: the demo needs a checkout of the repository.")
    _title(say, "A cluster: Kubernetes, S3, Yatai's controllers and a node, as processes of this machine")
    home = cluster.open_home(name)
    home = cluster.bring_up(home, say, bento_store=None, overlay=cluster.overlay_of(home))
    demo = Demo(home, (work or home.root / "pipeline").resolve(), say)
    release(demo)
    drift(demo)
    retrain(demo)
    refuse(demo)
    _say_where_to_look(demo)


def release(demo: Demo) -> None:
    """Release the copied project with all steps. After an earlier demo only changed steps run."""
    _title(demo.say, f"A project: data, recipe, bounds. A copy of {SOURCE.relative_to(CHECKOUT)}")
    copy_project(demo)
    demo.say(f"{demo.folder / PROJECT_FILE}: {demo.project.description}")
    _title(demo.say, "All steps: data, test, train, evaluate, gate, register, build, push, deploy, serve")
    run_command(demo, "run", "--data", OWN_DATA, *_store_option(demo), *_cluster_option(demo), "--no-trial")
    _ask(demo, demo.customers.changed(1, SEED))


def drift(demo: Demo) -> None:
    """Send requests about changed customers to the served model, and measure the drift."""
    count = int(demo.config["requests"])
    _title(
        demo.say,
        f"The customers change: {count} requests about newer ones, charged more, calling more often",
    )
    _ask(demo, demo.customers.changed(count, SEED))
    _title(
        demo.say, "The pods logged the inputs; they are compared with the rows that the model was measured on"
    )
    run_command(demo, "monitor", *_cluster_option(demo))
    run_command(demo, "drift", *_cluster_option(demo))


def retrain(demo: Demo) -> None:
    """Train with labelled rows of the changed customers, and release the new model."""
    _title(demo.say, "New labelled customers: all steps again, from data to serve")
    rows = demo.customers.labelled(int(demo.config["rows"]), SEED)
    file = demo.folder / "customers-of-today.jsonl"
    write_rows(file, rows)
    run_command(
        demo, "retrain", "--data", str(file), *_store_option(demo), *_cluster_option(demo), "--no-trial"
    )
    _ask(demo, demo.customers.changed(1, SEED))


def refuse(demo: Demo) -> None:
    """Train with shuffled labels. The gate refuses the model, and the served model stays."""
    _title(demo.say, "The labels got mixed up on their way. Nobody noticed; the gate does")
    rows = demo.customers.mislabelled(demo.customers.labelled(int(demo.config["rows"]), SEED), SEED)
    file = demo.folder / "customers-mixed-up.jsonl"
    write_rows(file, rows)
    arguments = (
        "retrain",
        "--data",
        str(file),
        *_store_option(demo),
        *_cluster_option(demo),
        "--no-trial",
        "--force",
    )
    run_command(demo, *arguments, ends_with=GateNotMet.code)
    _title(demo.say, "Nothing was released: the same model goes on answering")
    _ask(demo, demo.customers.changed(1, SEED))
    if demo.answered_by[-1] != demo.answered_by[-2]:
        raise ClusterError(
            f"{demo.answered_by[-1]} answers, although nothing was released. Report this as a fault."
        )


def copy_project(demo: Demo) -> None:
    """Copy the project and write the demo's settings into project.yaml; files of an earlier demo stay."""
    ignored = shutil.ignore_patterns("__pycache__", FOLDER, "versions.jsonl")
    shutil.copytree(SOURCE, demo.folder, dirs_exist_ok=True, ignore=ignored)
    file = demo.folder / PROJECT_FILE
    file.write_text(
        yaml.safe_dump(yaml.safe_load(file.read_text()) | demo.config["project"], sort_keys=False)
    )


def run_command(demo: Demo, step: str, *options: str, ends_with: int = 0) -> None:
    """Run `e2i pipeline STEP` and show its output; ClusterError if its exit code is not `ends_with`."""
    program = Path(sys.executable).with_name("e2i")
    command = ["pipeline", step, "--project", str(demo.folder), *options]
    demo.say(f"$ e2i {shlex.join(command)}")
    with subprocess.Popen(
        [str(program), *command],
        env={**os.environ, **_environment(demo.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        for line in running.stdout or ():
            # Remove the time of the command: `say` writes the time since the start of the demo.
            demo.say(
                line.rstrip().partition(" s  ")[2] if line[:1] == " " and " s  " in line else line.rstrip()
            )
    if running.returncode != ends_with:
        raise ClusterError(
            f"`e2i pipeline {step}` ended with exit code {running.returncode}, and {ends_with} was expected. "
            f"Its lines above say why; `{shlex.join(['e2i', 'pipeline', 'status', '--project', str(demo.folder)])}` "
            "says where it stands."
        )


def _environment(home: ClusterHome) -> dict[str, str]:
    """Return the settings of the cluster's bucket, as the operator has them."""
    credentials = ensure_credentials(home)
    return {
        "E2I_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": home.s3_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }


def _store_option(demo: Demo) -> tuple[str, ...]:
    """Return --store with the BentoML store that the operator of the cluster reads."""
    where = ("get", "configmap", "e2i-operator", "-n", "e2i-system", "-o", "jsonpath={.data.E2I_BENTO_STORE}")
    return "--store", kubectl(demo.home, *where).strip()


def _cluster_option(demo: Demo) -> tuple[str, ...]:
    return "--kubeconfig", str(demo.home.kubeconfig)


def _ask(demo: Demo, customers: Sequence[Customer]) -> None:
    """Send one request for each customer, and say which bento answered."""
    url = _url(demo)
    answers = asyncio.run(_answers(url, customers))
    demo.answered_by.append(str(answers[-1]["bento"]))
    if len(customers) == 1:
        demo.say(f"$ curl -s {url}/predict -H 'Content-Type: application/json' \\")
        demo.say(f"    -d '{json.dumps({'input_data': customers[0]})}'")
        demo.say(json.dumps(answers[0]))
    else:
        leaving = sum(answer["label"] == "leaves" for answer in answers)
        demo.say(f"{len(answers)} answers of {demo.answered_by[-1]}: {leaving} leave")


async def _answers(url: str, customers: Sequence[Customer]) -> list[dict[str, Any]]:
    waiting = iter(customers)
    answers: list[dict[str, Any]] = []

    async def ask() -> None:
        async with new_session() as session:
            for customer in waiting:
                answers.append(await predict(session, url, {"input_data": customer}))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(ask())
    return answers


def _url(demo: Demo) -> str:
    deploy = demo.project.deploy
    where = ("get", "service", str(deploy.name), "-n", deploy.namespace, "-o", "jsonpath={.spec.clusterIP}")
    return f"http://{kubectl(demo.home, *where).strip()}:3000"


def _title(say: Say, text: str) -> None:
    say(f"== {text}")


def _say_where_to_look(demo: Demo) -> None:
    place = demo.folder / FOLDER
    registry, kubeconfig = place / "registry" / "mlflow.db", shlex.quote(str(demo.home.kubeconfig))
    flag = "" if demo.home.name == "e2i" else f" --name {demo.home.name}"
    _title(demo.say, "Done. The cluster stays up, and the model goes on answering")
    for line in (
        f"reports:    {place / 'reports'} (open the .html files in a browser)",
        f"state:      {shlex.join(['e2i', 'pipeline', 'status', '--project', str(demo.folder)])}",
        f"registry:   {shlex.join(['mlflow', 'ui', '--backend-store-uri', f'sqlite:///{registry}'])}",
        f"stream:     {place / 'stream.jsonl'} ({len(read_lines(place / 'stream.jsonl'))} requests)",
        f"releases:   KUBECONFIG={kubeconfig} kubectl e2i history {demo.project.deploy.name} -n models",
        f"stop it:    e2i local down{flag}",
    ):
        demo.say(line)
