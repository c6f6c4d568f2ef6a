"""Lays out the build context of a bento: service, library, recipe's modules, bentofile."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.text_files import read_text
from e2i_bento.card import Card

LIBRARY = "e2i_bento"
BENTOFILE = "bentofile.yaml"
REQUIREMENTS = "requirements.txt"
_SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "trained", "versions.jsonl")
_ONE_MODEL = '''"""{description}"""

import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="{name}", workers=1, traffic={{"timeout": 30}})
@serves
class {service}:
    {model} = declared("{model}")
'''


def declared_models(service: Path) -> set[str]:
    """Return the models that the Python files of a service folder declare, by declared("name") or BentoModel("name:…").

    Read from the source, so that a mistake is reported before anything is built.
    """
    names: set[str] = set()
    for file in sorted(service.rglob("*.py")):
        try:
            tree = ast.parse(file.read_bytes(), filename=file.name)
        except (SyntaxError, ValueError) as error:
            raise PackagingError(
                ErrorReason.ServiceUnusable, f"{file} is no Python that can be read: {error}. Correct it."
            ) from error
        names.update(_declared_in(tree))
    return names


def _declared_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("declared", "BentoModel"):
                yield str(node.args[0].value).partition(":")[0]


def check_declared(declared: set[str], given: Sequence[str], where: str) -> None:
    """Raise PackagingError unless the service declares exactly the models that are given."""
    for name in given:
        if name not in declared:
            raise PackagingError(
                ErrorReason.ModelNotDeclared,
                f"{where} does not declare the model {name} (it declares {_listed(declared)}), so the bento would be "
                f'without it. Add `{name} = declared("{name}")` to the class of the service.',
            )
    for name in sorted(declared - set(given)):
        raise PackagingError(
            ErrorReason.ModelNotGiven,
            f"{where} declares the model {name}, and only {_listed(given)} is given. Name the trained folder of {name} "
            "too, or take it out of the service.",
        )


def write_context(
    context: Path,
    service: Path | None,
    cards: Sequence[Card],
    code: Mapping[str, Path],
    settings: Mapping[str, Any],
) -> None:
    """Fill the folder `context`. `code` are the recipe's modules by file name, `settings` go into the bentofile."""
    if service is None:
        context.mkdir()
        (context / "service.py").write_text(generated_service(cards[0]))
        bentofile: dict[str, Any] = {"service": f"service:{class_name(cards[0].name)}"}
    else:
        if (service / LIBRARY).exists():
            raise PackagingError(
                ErrorReason.ServiceUnusable,
                f"{service} has a {LIBRARY} of its own, and packaging adds the one of this version. Remove it.",
            )
        shutil.copytree(service, context, ignore=_SKIPPED)
        bentofile = read_bentofile(service)
    for name, file in code.items():
        if (context / name).exists():
            raise PackagingError(
                ErrorReason.CodeConflict,
                f"The service has a file {name}, and a model refers to another one of this name. Rename one of them "
                "and train again.",
            )
        shutil.copyfile(file, context / name)
    with resources.as_file(resources.files(LIBRARY)) as library:
        shutil.copytree(library, context / LIBRARY, ignore=_SKIPPED)
    bentofile |= dict(settings)
    # Everything that is here, or what the service's own bentofile says, with what was added to it.
    chosen = bentofile.get("include") or ["*"]
    bentofile["include"] = [*chosen, f"{LIBRARY}/*.py", *code] if chosen != ["*"] else chosen
    bentofile["python"] = {"requirements_txt": REQUIREMENTS, "lock_packages": False}
    (context / BENTOFILE).write_text(yaml.safe_dump(bentofile, sort_keys=True))


def read_bentofile(service: Path) -> dict[str, Any]:
    """Return the bentofile.yaml of a service folder; without one the service is the only decorated class of
    service.py."""
    file = service / BENTOFILE
    if not service.is_dir() or not (service / "service.py").is_file():
        raise PackagingError(
            ErrorReason.ServiceUnusable,
            f"{service} is no folder with a service.py. Copy a template from bentos/.",
        )
    try:
        bentofile = yaml.safe_load(read_text(file)) if file.exists() else {"service": "service"}
    except yaml.YAMLError as error:
        raise PackagingError(
            ErrorReason.ServiceUnusable, f"{file} is no YAML: {' '.join(str(error).split())}. Correct it."
        ) from error
    if not isinstance(bentofile, dict) or not isinstance(bentofile.get("service"), str):
        raise PackagingError(
            ErrorReason.ServiceUnusable, f'{file} names no service. Write service: "service:YourClass".'
        )
    return bentofile


def generated_service(card: Card) -> str:
    """Return the service.py of a bento that serves this one model."""
    return _ONE_MODEL.format(
        description=f"Serves the model {card.name}; its card says what it takes and answers.",
        name=card.name,
        service=class_name(card.name),
        model=card.name,
    )


def class_name(name: str) -> str:
    """Return the name in capitals: churn_model -> ChurnModel"""
    return "".join(part.capitalize() for part in name.split("_"))


def _listed(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
