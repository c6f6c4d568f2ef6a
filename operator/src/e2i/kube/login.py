"""Connect as the user of the kubeconfig, or as the service account of the pod."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from e2i.kube.client import Kube
from e2i.kube.connection import SERVICE_ACCOUNT_DIR
from e2i.kube.errors import ApiError, KubeconfigError
from e2i.kube.kubeconfig import Context, as_path, config_files


def is_pod(environment: Mapping[str, str]) -> bool:
    """Return whether kubectl would use the pod's service account: it runs in a pod that has no kubeconfig."""
    if "KUBERNETES_SERVICE_HOST" not in environment or not (SERVICE_ACCOUNT_DIR / "token").is_file():
        return False
    return not (environment.get("KUBECONFIG") or Path("~/.kube/config").expanduser().is_file())


async def from_pod() -> tuple[Kube, str]:
    """Connect as the pod's service account; return the connection and the pod's namespace."""
    kube = await Kube.from_service_account()
    return kube, (SERVICE_ACCOUNT_DIR / "namespace").read_text().strip()


async def of_process(service_account: Path, environment: Mapping[str, str], ways: str) -> Kube:
    """Connect as the mounted service account; where there is none, as the current context of the kubeconfig.

    ApiError (BadKubeconfig) if there is neither; it ends with `ways`, which says how to name them.
    """
    if (service_account / "token").is_file():
        return await Kube.from_service_account(service_account)
    try:
        files = config_files(None, environment, ways)
    except KubeconfigError as error:
        raise ApiError(0, "BadKubeconfig", error.message) from error
    return await Kube.from_kubeconfig(as_path(files))


async def from_context(context: Context) -> Kube:
    """Connect with the context; KubeconfigError if its files or its credential plugin cannot be used."""
    logged = _LoggedErrors()
    log = logging.getLogger("kubernetes.aio.config")
    log.addHandler(logged)
    log.propagate = False
    try:
        kube = await Kube.from_kubeconfig(context.path, context.name)
    except ApiError as error:
        # The package's message ends with the whole entry, including secrets.
        raise KubeconfigError(
            f"{error.message.partition('/{')[0]}. Correct it, or choose another context."
        ) from error
    except (ssl.SSLError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        # An invalid certificate, key or token: the package does not document which error it raises then.
        raise KubeconfigError(
            f"Context {context.name!r} of the kubeconfig {context.path} cannot be used ({type(error).__name__}): "
            "look at its certificates, key and token."
        ) from error
    finally:
        log.removeHandler(logged)
    if context.plugin and logged.messages:
        await kube.close()
        raise KubeconfigError(
            f"The exec credential plugin {context.plugin!r} gave no credentials: {logged.messages[0]}."
        )
    return kube


class _LoggedErrors(logging.Handler):
    """Keeps errors that the client package only logs, for example those of a credential plugin."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
