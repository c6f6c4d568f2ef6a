"""Makes the E2IModel of a packaged bento: its tag, and golden predictions as checks of each release. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.names import object_name
from e2i_bento.card import Card, Golden

API_VERSION = "serving.e2i.dev/v1alpha1"
GOLDEN_PREFIX = "golden-"
"""Checks whose names begin so are made from the bento, and again with each new bento; all others are a person's."""
MAX_CHECKS = 16
MAX_CHARACTERS = 16384
MAX_LABELS = 256
MAX_NAME_LENGTH = 63


@dataclass(frozen=True)
class PushedImage:
    """The image of a bento, host/name@sha256:..., and what the operator cannot find in it: its entry service, and the
    path under which that answers."""

    name: str
    service: str
    path_prefix: str = ""


@dataclass(frozen=True)
class ManifestInputs:
    """The values of a manifest. `digest` is given when the bento is to be taken from its archive in the bucket; `image`
    when it was built and pushed already; `env` are variables of the model's container, `resources` its requests and
    limits, when they are not left as they are."""

    tag: str
    cards: Sequence[Card]
    name: str = ""
    namespace: str = "models"
    replicas: int | None = None
    digest: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Any] | None = None
    required_env: Sequence[str] = ()
    """Variables that the bento declares without a value."""
    image: PushedImage | None = None
    model_bytes: int = 0
    """Size of the models' files, for what a new manifest requests."""


def manifest(inputs: ManifestInputs) -> dict[str, Any]:
    """Return the whole E2IModel; PackagingError if its name cannot be the name of a Service."""
    rollout = {"verify": verify_checks(inputs.cards)} | (
        {"contract": agreed} if (agreed := contract(inputs.cards)) else {}
    )
    spec: dict[str, Any] = {"type": inputs.cards[0].type, "bento": bento_reference(inputs)}
    if inputs.replicas is not None:
        spec["replicas"] = inputs.replicas
    if inputs.resources is not None:
        spec["resources"] = dict(inputs.resources)
    if inputs.env:
        spec["env"] = merge_env([], inputs.env)
    return {
        "apiVersion": API_VERSION,
        "kind": "E2IModel",
        "metadata": {"name": model_name(inputs), "namespace": inputs.namespace},
        "spec": spec | {"rollout": rollout},
    }


def model_name(inputs: ManifestInputs) -> str:
    """Return the name of the E2IModel: the one given, else the bento's with - for _."""
    name = inputs.name or object_name(inputs.tag.partition(":")[0])
    plain = name.replace("-", "")
    if not (plain.isascii() and plain.isalnum() and name == name.lower()) or len(name) > MAX_NAME_LENGTH:
        raise _unusable_name(name)
    if not name[0].isalpha() or name.endswith("-"):
        raise _unusable_name(name)
    return name


def bento_reference(inputs: ManifestInputs) -> dict[str, Any]:
    if image := inputs.image:
        prefix = {"pathPrefix": image.path_prefix} if image.path_prefix else {}
        return {"tag": inputs.tag, "image": image.name, "serviceName": image.service} | prefix
    return {"tag": inputs.tag} | ({"archive": {"digest": inputs.digest}} if inputs.digest else {})


def merge_env(present: Iterable[Mapping[str, Any]], inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the variables of a container with the given values; others stay, in their order.

    [{"name": "A", "value": "1"}], {"B": "2"} -> A=1, B=2
    """
    values = {str(variable["name"]): dict(variable) for variable in present}
    values.update({name: {"name": name, "value": value} for name, value in inputs.items()})
    return list(values.values())


def contract(cards: Sequence[Card]) -> dict[str, Any]:
    """Return every label that any of the models answers; nothing when one of them has none."""
    labels = sorted({label for card in cards for label in card.labels})
    if any(card.type != "Classification" for card in cards) or not 0 < len(labels) <= MAX_LABELS:
        return {}
    return {"labels": labels}


def verify_checks(cards: Sequence[Card], most: int = MAX_CHECKS) -> list[dict[str, Any]]:
    """Return at most `most` golden predictions as entries of spec.rollout.verify, shared fairly among the models.

    Each model is asked under its route, which is the top for the only model of a bento.
    """
    queues = [golden_checks(card, is_alone=len(cards) == 1) for card in cards]
    taken = [0] * len(queues)
    while sum(taken) < most and any(count < len(queue) for count, queue in zip(taken, queues, strict=True)):
        for number, queue in enumerate(queues):
            if taken[number] < len(queue) and sum(taken) < most:
                taken[number] += 1
    return [check for count, queue in zip(taken, queues, strict=True) for check in queue[:count]]


def merge_checks(present: Iterable[Mapping[str, Any]], cards: Sequence[Card]) -> list[Mapping[str, Any]]:
    """Return the checks that a person wrote, unchanged, and after them the golden predictions of the cards."""
    own = [check for check in present if not str(check.get("name", "")).startswith(GOLDEN_PREFIX)]
    return [*own, *verify_checks(cards, MAX_CHECKS - len(own))]


def golden_checks(card: Card, *, is_alone: bool) -> list[dict[str, Any]]:
    """Return the card's golden predictions as checks, without those that are too long for the API server.

    A model that is alone in its bento is asked without its name.
    """
    path = "/predict" if is_alone else f"/{card.name}/predict"
    checks = []
    for number, golden in enumerate(card.golden, 1):
        body, subset = _json({"input_data": golden.input}), _json(golden.output)
        if max(len(body), len(subset)) <= MAX_CHARACTERS:
            expect = {"subset": subset, "tolerance": tolerance(card.tolerance, golden)}
            name = f"{GOLDEN_PREFIX}{card.name}-{number}"
            checks.append({"name": name, "path": path, "body": body, "expect": expect})
    return checks


def _json(value: Any) -> str:
    """Return the JSON text; without spaces if it would be too long with them."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_CHARACTERS:
        return text
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tolerance(share: float, golden: Golden) -> str:
    """Return the absolute tolerance of a check: the card's is relative for numbers above 1.

    1e-6 and an answer of 2500.0 -> "0.0025"
    """
    largest = max((abs(number) for number in _numbers(golden.output)), default=1.0)
    exact = Decimal(f"{share * max(1.0, largest):.1e}")
    return f"{exact:f}".rstrip("0").rstrip(".") if "." in f"{exact:f}" else f"{exact:f}"


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def _unusable_name(name: str) -> PackagingError:
    return PackagingError(
        ErrorReason.NameUnsafe,
        f"{name[:80]!r} cannot be the name of an E2IModel: use a-z, 0-9 and -, a letter first, at most "
        f"{MAX_NAME_LENGTH} characters. Give another with --name.",
    )
