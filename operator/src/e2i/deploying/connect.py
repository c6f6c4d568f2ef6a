"""Connect to the cluster of an environment, as kubectl would."""

from __future__ import annotations

import os

from e2i.deploying.environments import Environment
from e2i.deploying.errors import ClusterUnreachable
from e2i.kube import ApiError, Kube, KubeconfigError, kubeconfig
from e2i.kube.login import from_context, from_pod, is_pod


async def connect(environment: Environment) -> Kube:
    """Return a client, which the caller closes; ClusterUnreachable if there is no usable kubeconfig."""
    try:
        if environment.kubeconfig is None and environment.context is None and is_pod(os.environ):
            kube, _ = await from_pod()
            return kube
        files = kubeconfig.config_files(environment.kubeconfig, os.environ)
        return await from_context(kubeconfig.context_of(files, environment.context))
    except (KubeconfigError, ApiError) as error:
        raise ClusterUnreachable(error.message) from error
