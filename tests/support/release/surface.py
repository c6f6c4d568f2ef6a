"""Collects the public surface of this version: what users, pipelines, dashboards and stored objects rely on."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import click
import prometheus_client
import yaml
from support import reference
from support.release.comparison import Facts, Surface
from support.release.version import PROJECT

import e2i.deploying
from e2i.api import conditions, model, naming
from e2i.api.conditions import Reason
from e2i.cli import main
from e2i.cli.plugin import plugin
from e2i.controller.core.metrics.catalog import METRICS, OF_THE_MODELS
from e2i_bento import metrics

BOUNDS = {"minimum": "least", "minLength": "least", "minItems": "least", "maximum": "most", "maxLength": "most",
          "maxItems": "most", "maxProperties": "most"}  # fmt: skip
KEPT_AS_THEY_ARE = ("type", "pattern", "format", "x-kubernetes-int-or-string", "x-kubernetes-list-type")
EXIT_CODES = {"kubectl e2i": "kubectl-e2i.md", "e2i pipeline": "e2i-pipeline.md"}
_EXIT_CODE = re.compile(r"^\| ([0-9]+) \| (.+) \|$", re.MULTILINE)


def surface() -> Surface:
    """Return names and what is promised of them, by kind."""
    crd = yaml.safe_load(reference.CRD.read_text())["spec"]
    (version,) = crd["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    return {
        "kind": dict(_kind(crd, version)),
        "fields": {"spec": _facts(schema["properties"]["spec"], required=True)}
        | dict(_fields(schema["properties"]["spec"], "spec")),
        "status": dict(_fields(schema["properties"]["status"], "status")),
        "conditions": {
            name: {} for name in (*conditions.ALWAYS, *conditions.ONCE_JUDGED, *conditions.WHILE_TRUE)
        },
        "reasons": {reason.name: {} for reason in Reason},
        "labels and annotations": {name: {} for name in sorted(_metadata())},
        "settings": dict(_settings()),
        "commands": dict(_commands(main, "e2i")) | dict(_commands(plugin, "kubectl e2i")),
        "exit codes": dict(_exit_codes()),
        "metrics": dict(_metrics_of_models()) | dict(_metrics_of_the_operator()),
        "chart values": dict(
            _values(yaml.safe_load((PROJECT / "charts/e2i-operator/values.yaml").read_text()), "")
        ),
        "kustomize": {name: {} for name in sorted(_kustomizations())},
        "python": dict(_python()),
    }


def _kind(crd: dict[str, Any], version: dict[str, Any]) -> Iterator[tuple[str, Facts]]:
    names = crd["names"]
    yield f"{names['plural']}.{crd['group']}", {"scope": crd["scope"], "kind": names["kind"]}
    yield version["name"], {"served": version["served"]}
    for short in names["shortNames"]:
        yield short, {}
    for subresource, paths in version["subresources"].items():
        yield f"/{subresource}", paths
    for column in version["additionalPrinterColumns"]:
        yield f"column {column['name']}", {"path": column["jsonPath"]}


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, Facts]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", _facts(field, required=name in schema.get("required", ()))
        yield from _fields(field.get("items", field), f"{path}.{name}" + ("[]" if "items" in field else ""))


def _facts(field: dict[str, Any], *, required: bool) -> Facts:
    facts = {key: field[key] for key in KEPT_AS_THEY_ARE if key in field}
    facts |= {bound: field[key] for key, bound in BOUNDS.items() if key in field}
    if "enum" in field:
        facts["values"] = field["enum"]
    if "default" in field:
        facts["default"] = json.dumps(field["default"])
    rules = [
        *field.get("x-kubernetes-validations", ()),
        *field.get("items", {}).get("x-kubernetes-validations", ()),
    ]
    if rules:
        facts["refuses"] = [" ".join(rule["rule"].split()) for rule in rules]
    return facts | ({"required": True} if required else {})


def _metadata() -> Iterator[str]:
    for module in (naming, model):
        for name, value in vars(module).items():
            if name.endswith(("_LABEL", "_ANNOTATION")) and not name.startswith("_"):
                yield value


def _settings() -> Iterator[tuple[str, Facts]]:
    for name, default, _ in reference.settings():
        yield name, {"required": True} if default == "none" else {"default": default.strip("`")}


def _commands(command: click.Command, words: str) -> Iterator[tuple[str, Facts]]:
    yield words, {}
    for parameter in command.params:
        yield from _parameter(parameter, words)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from _commands(below, f"{words} {name}")


def _parameter(parameter: click.Parameter, words: str) -> Iterator[tuple[str, Facts]]:
    facts: dict[str, Any] = {"required": True} if parameter.required else {}
    if parameter.nargs != 1:
        facts["nargs"] = parameter.nargs
    if isinstance(parameter.type, click.Choice):
        facts["values"] = [str(choice) for choice in parameter.type.choices]
    if isinstance(parameter, click.Argument):
        # Its place counts, not its name.
        yield f"{words} {parameter.human_readable_name}", facts
        return
    assert isinstance(parameter, click.Option)
    if parameter.is_flag:
        facts["flag"] = True
    if isinstance(parameter.default, (str, int, float)) and parameter.default not in (False, ""):
        facts["default"] = str(parameter.default)
    if parameter.envvar:
        facts["variable"] = parameter.envvar
    for option in (*parameter.opts, *parameter.secondary_opts):
        yield f"{words} {option}", facts


def _exit_codes() -> Iterator[tuple[str, Facts]]:
    """Return the codes as the reference promises them; tests of the commands show that they end with them."""
    for program, page in EXIT_CODES.items():
        text = (reference.PAGES / page).read_text().partition("## Exit codes")[2].partition("\n## ")[0]
        for code, meaning in _EXIT_CODE.findall(text):
            yield f"{program} exit code {code}", {"meaning": meaning}


def _metrics_of_models() -> Iterator[tuple[str, Facts]]:
    for instrument in vars(metrics._instruments()).values():
        yield from _instrument(instrument)


def _metrics_of_the_operator() -> Iterator[tuple[str, Facts]]:
    for metric in (*METRICS, *OF_THE_MODELS):
        yield metric.name, {"type": metric.kind.value, "labels": list(metric.labels)}


def _instrument(instrument: prometheus_client.metrics.MetricWrapperBase) -> Iterator[tuple[str, Facts]]:
    yield instrument._name, {"type": instrument._type, "labels": list(instrument._labelnames)}


def _values(value: Any, path: str) -> Iterator[tuple[str, Facts]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _values(below, f"{path}.{name}" if path else name)
    else:
        yield path, {"default": json.dumps(value)}


def _kustomizations() -> Iterator[str]:
    for place in ("kustomize/base", "kustomize/components", "kustomize/overlays", "manifests"):
        for file in (PROJECT / place).rglob("kustomization.yaml"):
            yield str(file.parent.relative_to(PROJECT))


def _python() -> Iterator[tuple[str, Facts]]:
    for name in e2i.deploying.__all__:
        thing = getattr(e2i.deploying, name)
        yield f"e2i.deploying.{name}", {}
        if not inspect.isfunction(thing):
            continue
        for parameter in inspect.signature(thing).parameters.values():
            required = parameter.default is parameter.empty
            yield f"e2i.deploying.{name} {parameter.name}", {"required": True} if required else {}
