"""The refusal of a model that imports what the environment of e2i does not have."""

from __future__ import annotations

import sys

from e2i.packaging.errors import ErrorReason, PackagingError


def module_missing(what: str, error: ModuleNotFoundError) -> PackagingError:
    """Return the refusal of `what`, a model; it names the environment, because training often has another one."""
    top = str(error.name).partition(".")[0]
    return PackagingError(
        ErrorReason.CodeMissing,
        f"{what} needs the module {error.name}, which the environment of e2i does not have. Install its package there "
        f"too, in the version of the training ({sys.executable} -m pip install PACKAGE==VERSION), or, if it is your "
        f"own, give {top}.py with --code.",
    )
