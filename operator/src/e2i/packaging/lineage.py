"""Records what a model was made from: data, code, packages, time."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from e2i.clock import now
from e2i.packaging.data import file_digest, table_digest
from e2i.packaging.dependency_check import needed_modules
from e2i.packaging.installed import distributions_of, with_dependencies
from e2i.packaging.model_declaration import ModelDeclaration
from e2i.packaging.modelfile import LoadedModel
from e2i.packaging.revision import code_revision
from e2i_bento.card import Lineage

if TYPE_CHECKING:
    from pandas import DataFrame


def model_modules(declaration: ModelDeclaration, loaded: LoadedModel) -> frozenset[str]:
    return needed_modules(loaded.modules, loaded.format, declaration.code)


def training_lineage(declaration: ModelDeclaration, data: DataFrame, loaded: LoadedModel) -> Lineage:
    source = Path(declaration.source) if declaration.source else None
    is_file = source is not None and source.is_file()
    imported = distributions_of(model_modules(declaration, loaded)).values()
    return Lineage(
        # Of a file its name: where it lay on this machine says nothing elsewhere.
        data_source=source.name if source and is_file else str(declaration.source),
        data_digest=file_digest(source) if source and is_file else table_digest(data),
        data_rows=len(data),
        synthetic=declaration.synthetic,
        code_revision=code_revision(declaration.code),
        trained_at=_training_time(),
        python=platform.python_version(),
        packages=with_dependencies(name for names in imported for name in names),
        registry=declaration.registry,
    )


def _training_time() -> str:
    """Return the present moment, or SOURCE_DATE_EPOCH, so that a training can be repeated to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else now()
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
