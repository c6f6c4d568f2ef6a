"""Writes what is made from the code: golden manifests, docs/reference, a patch for Argo CD, the version in manifests.

Without --write it only compares:

python tests/support/reference.py [--write]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml
from docs import runs
from support import argocd_config, golden, quick_yaml, reasons
from support.monitoring import rules
from support.monitoring.board_of_stack import STACK
from support.monitoring.boards import BOARDS
from support.monitoring.dashboards import dashboard_text
from support.release import version

import e2i
from e2i.api import conditions
from e2i.api.conditions import Reason
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.core.metrics.catalog import METRICS, OF_THE_MODELS, Metric
from e2i.controller.settings import Settings
from e2i.gateway.core.models import State
from e2i.gateway.core.refusal import Reason as Refusal
from e2i.gateway.edge.metrics import LABELS as GATEWAY_LABELS
from e2i.gateway.edge.metrics import Metrics as GatewayMetrics
from e2i.gateway.settings import Settings as GatewaySettings
from e2i.stack.layout import BOARD, DESCRIPTION

PROJECT = Path(__file__).resolve().parents[2]
PAGES = PROJECT / "docs" / "reference"
MONITORING = PROJECT / "manifests" / "monitoring"
CRD = PROJECT / "manifests" / "crds" / "e2imodels.yaml"
SETTINGS = Path(e2i.__file__).parent / "controller" / "settings.py"
GATEWAY_SETTINGS = Path(e2i.__file__).parent / "gateway" / "settings.py"
MADE = "<!-- Made from the code by tests/support/reference.py --write; edit the code instead. -->"


def pages() -> dict[Path, str]:
    """Every file that is made, with its text."""
    made = {
        golden.FOLDER / f"{name}.yaml": yaml.safe_dump(manifest, sort_keys=False)
        for name, manifest in golden.golden_manifests().items()
    }
    made[argocd_config.CONFIG_MAP] = argocd_config.config_map_text()
    made[PAGES / "conditions.md"] = conditions_page()
    made[PAGES / "reasons.md"] = _page("Why a release fails", *reasons.blocks())
    made[PAGES / "settings.md"] = settings_page()
    made[PAGES / "gateway.md"] = gateway_page()
    made[PAGES / "e2imodel.md"] = model_page()
    made[PAGES / "metrics.md"] = metrics_page()
    made[PAGES / "commands.md"] = runs.page_text()
    made[MONITORING / "rules.yaml"] = rules.rules_text()
    made[MONITORING / "prometheusrule.yaml"] = rules.prometheus_rule_text()
    for chosen in BOARDS:
        made[MONITORING / "dashboards" / f"{chosen.uid}.json"] = dashboard_text(chosen)
    made[DESCRIPTION.parent / BOARD] = dashboard_text(STACK)
    return made | version.followers(e2i.__version__)


_CONDITIONS = {
    conditions.READY: "The release that the spec asks for has the address and at least its minimum of pods is ready.",
    conditions.EXPORTED: "The bento of spec.bento.tag lies in the bucket.",
    conditions.BUILT: "Yatai has an image of it.",
    conditions.VERIFIED: "The release that the spec asks for gave the golden predictions of spec.rollout.verify.",
    conditions.SERVING: "The address leads to ready pods, of the desired release or of the one before it.",
    conditions.ROLLED_BACK: "There only while true: the release that the spec asks for failed, and an earlier one "
    "takes its place.",
    conditions.WATCH_BLIND: "There only while true: the pods give no metrics that spec.rollout.watch can judge. It "
    "stays after the watch, until the next release.",
    conditions.DRIFTED: "The inputs of the serving release are distributed otherwise than in its training data. There "
    "as soon as enough of them were seen, if the bento shows drift in its metrics; it says nothing against Ready.",
    conditions.CONTESTED: "There only while true: several installations of the operator are set to have the namespace.",
    conditions.RECONCILING: "There only while true: the operator works on it, or waits for something that will come.",
    conditions.STALLED: "There only while true: somebody has to change something.",
}


_TYPES = (*conditions.ALWAYS, *conditions.ONCE_JUDGED, *conditions.WHILE_TRUE)


def conditions_page() -> str:
    types = [f"| `{name}` | {_CONDITIONS[name]} |" for name in _TYPES]
    reasons = [f"| `{reason.name}` | {reason.value} |" for reason in Reason]
    return _page(
        "Conditions of an E2IModel",
        "`kubectl describe e2im NAME` shows them. Reasons are stable words for machines; events and the operator's "
        "log carry the same words. Messages are for people and may change.",
        "## Types",
        "| Condition | True when |\n| --- | --- |\n" + "\n".join(types),
        "## Reasons",
        "| Reason | What happened |\n| --- | --- |\n" + "\n".join(reasons),
    )


def settings_page() -> str:
    rows = [f"| `{name}` | {as_written(default)} | {text} |" for name, default, text in settings()]
    return _page(
        "Settings of the operator",
        "Environment variables. In a cluster they come from the ConfigMap `e2i-operator`; `AWS_ACCESS_KEY_ID` and "
        "`AWS_SECRET_ACCESS_KEY` come from the Secret `e2i-s3`. If the value of a variable cannot be used, the "
        "operator logs which one and ends.",
        "| Variable | Default | Meaning |\n| --- | --- | --- |\n" + "\n".join(rows),
    )


def gateway_page() -> str:
    rows = [
        f"| `{name}` | {as_written(default)} | {text} |"
        for name, default, text in settings(GATEWAY_SETTINGS, GatewaySettings())
    ]
    reasons = [f"| `{reason.name}` | {reason.status} | {reason.sentence} |" for reason in Refusal]
    states = [f"| `{state.name}` | {state.value} |" for state in State]
    return _page(
        "The gateway",
        "How to start, secure and size it: [how to](../howto/gateway.md).",
        "## Settings",
        "Environment variables. In a cluster they come from the ConfigMap `e2i-gateway`. If the value of a variable "
        "cannot be used, the gateway says which one and ends.",
        "| Variable | Default | Meaning |\n| --- | --- | --- |\n" + "\n".join(rows),
        "## What it refuses",
        "The body is `{error, reason, requestId}`, with `field` and `detail` for a wrong body, and `model` and "
        "`lastServed` for a model that is down. What a model itself answers comes back as it is.",
        "| Reason | Status | When |\n| --- | --- | --- |\n" + "\n".join(reasons),
        "## States of a model",
        "In `/health/bentoml` and `/api/models`.",
        "| State | Meaning |\n| --- | --- |\n" + "\n".join(states),
        "## Metrics",
        "Each pod counts its own. `model` is NAMESPACE/NAME, or the name in the models' file; a model that is gone has "
        "no series any more.",
        "| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n" + "\n".join(_gateway_metrics()),
    )


def _gateway_metrics() -> Iterator[str]:
    metrics = GatewayMetrics()
    metrics.follow_circuits(dict)
    for family in metrics.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in GATEWAY_LABELS[family.name])
        yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


def settings(file: Path = SETTINGS, defaults: object = None) -> Iterator[tuple[str, str, str]]:
    """Return (variable, default, meaning) of each field of the class `Settings` in a file; those of the operator."""
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)]
    (definition,) = [each for each in classes if each.name == "Settings"]
    for field, docstring in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(docstring, ast.Expr), f"{field.target.id} has no docstring"
            name, _, text = " ".join(ast.literal_eval(docstring.value).split()).partition(": ")
            default = _default(defaults or Settings(bucket=""), field.target.id) if field.value else "none"
            yield name, default, text


def as_written(default: str) -> str:
    """Return a default of `settings` as one writes it into the environment, where Python's words mean nothing."""
    written = {"`()`": "empty", "`{}`": "empty", "`None`": "empty", "`False`": "`false`", "`True`": "`true`"}
    return written.get(default, default)


def _default(defaults: object, field: str) -> str:
    value = getattr(defaults, field)
    text = "" if value == PodNetwork() else str(value)
    return f"`{text}`" if text else "empty"


def metrics_page() -> str:
    own = [metric for metric in METRICS if metric not in OF_THE_MODELS]
    return _page(
        "Metrics of the operator",
        "The operator serves them under `/metrics` at E2I_METRICS_ADDRESS, in a cluster on the port `metrics` (8081). "
        "[Monitoring](../howto/monitoring.md) says how Prometheus finds them, and which alerts there are. Names that "
        "begin with `controller_runtime_`, `workqueue_`, `rest_client_` and `leader_election_` mean what they mean "
        "for any operator made with controller-runtime; `process_...` is the process.",
        "A standby shows `e2i_build_info` and `leader_election_master_status` 0. No label has a uid, a message, or "
        "anything else without a bound: the column Series says how many there can be.",
        "## Of the operator",
        _metrics(own),
        "## Of each model",
        "From its status, at the moment of the scrape: a deleted model has no series any more, and a restarted "
        "operator shows the same as before.",
        _metrics(OF_THE_MODELS),
    )


def _metrics(metrics: Iterable[Metric]) -> str:
    rows = [
        f"| `{each.name}` | {each.kind.value} | {', '.join(f'`{label}`' for label in each.labels) or '-'} "
        f"| {each.series} | {each.text} |"
        for each in metrics
    ]
    return "| Metric | Type | Labels | Series | Meaning |\n| --- | --- | --- | --- | --- |\n" + "\n".join(
        rows
    )


def model_page() -> str:
    version = quick_yaml.load(CRD.read_text())["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    parts = [
        f"## {part}\n\n| Field | Type | Meaning |\n| --- | --- | --- |\n"
        + "\n".join(_fields(schema["properties"][part], part))
        for part in ("spec", "status")
    ]
    rules = [f"- {rule}" for rule in dict.fromkeys(_rules(schema))]
    return _page(
        "E2IModel, serving.e2i.dev/v1alpha1",
        schema["description"],
        "The same text is in `kubectl explain e2im.spec`. A field marked * is required.",
        *parts,
        "## What the API server refuses",
        "\n".join(rules),
    )


def _fields(schema: dict[str, Any], path: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        mark = "*" if name in schema.get("required", ()) else ""
        yield f"| `{path}.{name}`{mark} | {_type(field)} | {' '.join(field.get('description', '').split())} |"
        inner = field.get("items", field)
        yield from _fields(inner, f"{path}.{name}" + ("[]" if "items" in field else ""))


def _type(field: dict[str, Any]) -> str:
    """integer 1..1000, default 1"""
    words = " or ".join(field["enum"]) if "enum" in field else field.get("type", "any")
    if "items" in field:
        words = f"list of {field['items'].get('type', 'any')}, at most {field['maxItems']}"
    if "minimum" in field:
        words += f" {field['minimum']}..{field.get('maximum', '')}"
    if "maxLength" in field and "enum" not in field:
        words += f", at most {field['maxLength']} characters"
    default = field.get("default")
    shown = str(default).lower() if isinstance(default, bool) else default
    return words if default in (None, {}) else f"{words}, default `{shown}`"


def _rules(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", ()):
            yield " ".join(rule["message"].split())
        for value in schema.values():
            yield from _rules(value)


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join((f"# {title}", MADE, *blocks)) + "\n"


def main(arguments: list[str]) -> int:
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if "--write" in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path])
        print(f"{path.relative_to(PROJECT)} {'written' if '--write' in arguments else 'is stale'}")  # noqa: T201
    return 0 if "--write" in arguments else int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
