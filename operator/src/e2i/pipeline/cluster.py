"""The cluster where the model serves: apply its E2IModel, follow it, send predictions, read the logs of its pods."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from e2i.api import conditions
from e2i.api.naming import MODEL_LABEL, SERVICE_PORT
from e2i.deploying import release
from e2i.deploying.errors import ClusterRefused, DeploymentError, Verdict
from e2i.deploying.verdict import NOT_OBSERVED, Serving, Waiting, serving_tag
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import E2I_MODELS, PODS, SERVICES
from e2i.kube.exchange import exchange
from e2i.kube.local_service import local_address
from e2i.kube.responses import parse_object
from e2i.pipeline.errors import NotReleased, PipelineError

Answer = TypeVar("Answer")
LOG_LINES = 1_000_000
LOG_BYTES = 256 << 20
ANSWER_TIMEOUT = 10.0


@dataclass(frozen=True)
class Cluster:
    """A cluster, given by its kubeconfig, and the E2IModel in it."""

    kubeconfig: Path
    context: str | None
    namespace: str
    name: str

    @property
    def model(self) -> str:
        return f"E2IModel {self.namespace}/{self.name}"

    def serving(self) -> str | None:
        """Return the tag of the bento that serves, or None; PipelineError if the cluster does not answer."""

        async def ask(kube: Kube) -> str | None:
            model = await kube.get(E2I_MODELS, self.namespace, self.name)
            return serving_tag(model) if model else None

        return self._call(ask)

    def apply(self, manifest: Object) -> None:
        """Apply the E2IModel; PipelineError if the cluster refuses it or a GitOps tool would undo it."""

        async def ask(kube: Kube) -> None:
            await release.apply(kube, manifest)

        self._call(ask)

    def wait_until_serving(self, tag: str, timeout: float, say: Callable[[str], None]) -> str:
        """Wait until the bento serves and return the message of Ready; NotReleased with the reason if it fails."""

        async def ask(kube: Kube) -> str:
            model = await kube.get(E2I_MODELS, self.namespace, self.name)
            if model is None:
                raise NotReleased(f"{self.model} is gone: somebody deleted it. Deploy it again.")
            last = NOT_OBSERVED

            def tell(state: Waiting) -> None:
                nonlocal last
                if state.phase != last.phase:
                    say(f"{state.phase}: {state.message}")
                last = state

            def remind(state: Waiting) -> None:
                say(f"still {state.phase}: {state.message}")

            try:
                async with asyncio.timeout(timeout):
                    state = await release.follow(kube, release.Applied(model, is_new=False), tell, remind)
            except TimeoutError:
                raise NotReleased(
                    f"{tag} does not serve after {timeout:.0f} s: {last.phase}: {last.message}. "
                    f"Look at `kubectl e2i status {self.name} -n {self.namespace}`, or wait longer with --timeout."
                ) from None
            return _served_message(tag, state)

        return self._call(ask)

    def predict(self, body: Object, path: str = "/predict") -> Object:
        """Return the answer of the served model; PipelineError if there is none or it is an error."""

        async def ask(kube: Kube) -> Object:
            if address := await local_address(kube, self.namespace, self.name):
                return await _post(f"http://{address}:{SERVICE_PORT}{path}", body)
            place = f"{SERVICES.path(self.namespace, self.name)}:{SERVICE_PORT}/proxy{path}"
            return await kube.request("POST", place, body=body)

        return self._call(ask)

    def captured(self) -> list[tuple[str, str]]:
        """Return (pod, line) for each line with a captured input in the logs of the model's pods."""

        async def ask(kube: Kube) -> list[tuple[str, str]]:
            pods, _ = await kube.list(PODS, self.namespace, labels=f"{MODEL_LABEL}={self.name}")
            found = []
            for pod in pods:
                name = pod["metadata"]["name"]
                text = await _log(kube, self.namespace, name, pod["spec"]["containers"][0]["name"])
                found += [(name, line) for line in text.splitlines() if '"e2i": "input"' in line]
            return found

        return self._call(ask)

    def _call(self, work: Callable[[Kube], Coroutine[Any, Any, Answer]]) -> Answer:
        async def run() -> Answer:
            async with self._client() as kube:
                return await work(kube)

        try:
            return asyncio.run(run())
        except ClusterRefused as refused:
            raise NotReleased(refused.message) from refused
        except DeploymentError as error:
            raise PipelineError(error.message) from error
        except ApiError as error:
            raise PipelineError(
                f"The cluster of {self.kubeconfig} refused or did not answer about {self.model}: {error}. "
                "Check --kubeconfig, --context and your rights."
            ) from error

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Kube]:
        if not self.kubeconfig.is_file():
            raise PipelineError(f"The kubeconfig {self.kubeconfig} does not exist. Correct --kubeconfig.")
        async with await Kube.from_kubeconfig(self.kubeconfig, self.context) as kube:
            yield kube


def _served_message(tag: str, state: Serving | Verdict) -> str:
    """Return the message of Ready; NotReleased if this release failed or the E2IModel has another bento by now."""
    if isinstance(state, Verdict):
        raise NotReleased(f"{tag} does not serve: {state.reason}: {state.message}")
    if state.bento != tag:
        raise NotReleased(f"{tag} does not serve: the E2IModel asks for {state.bento} now")
    return str(next(each["message"] for each in state.conditions if each["type"] == conditions.READY))


async def _post(url: str, body: Object) -> Object:
    async with aiohttp.ClientSession(trust_env=False) as session:
        headers = {"Content-Type": "application/json"}
        response = await exchange(session, "POST", url, json.dumps(body).encode(), headers, ANSWER_TIMEOUT)
    if response.status != 200:
        said = response.body[:300].decode(errors="replace")
        raise PipelineError(f"{url} answered {response.status}: {said}")
    return parse_object(response.body)


async def _log(kube: Kube, namespace: str, pod: str, container: str) -> str:
    try:
        return await kube.log(namespace, pod, container, lines=LOG_LINES, limit=LOG_BYTES)
    except ApiError as error:
        # A pod that is starting, or was deleted after the list, has no log.
        if error.status in (400, 404):
            return ""
        raise
