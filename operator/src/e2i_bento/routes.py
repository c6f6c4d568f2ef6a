"""The HTTP side of a service: what each route takes, does and answers."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import Annotated, Any

import bentoml
from pydantic import BaseModel, Field
from starlette.responses import Response

from e2i_bento.batching import (
    DEFAULT_TIMEOUT,
    CallerGone,
    IsDisconnected,
    Overloaded,
    RequestBatcher,
    never_disconnected,
)
from e2i_bento.card import Card, Row
from e2i_bento.predicting import NotFinite
from e2i_bento.request_types import answer_type, explanation_type, input_type, row_from
from e2i_bento.served_model import NotReady, ServedModel
from e2i_bento.shapley import ExplanationUnavailable, load_shap

log = logging.getLogger("bentoml.e2i")
MAX_ROWS = 10_000
"""Rows that one predict_batch may bring."""
SHAP_IMPORT_SECONDS = 5.0
"""How long a request waits for the import of shap before the answer is 503; well below a timeout."""
STATUS: dict[type[Exception], int] = {
    NotFinite: HTTPStatus.INTERNAL_SERVER_ERROR,
    NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    ExplanationUnavailable: HTTPStatus.NOT_IMPLEMENTED,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    # nginx's status for it; nobody reads the answer, but logs and metrics count no error of the server.
    CallerGone: 499,
}


class Health(BaseModel):
    status: Annotated[str, Field(description="healthy, or unhealthy when a model is not ready")]
    models: Annotated[dict[str, str], Field(description="by name:version: ready, or the reasons why not")]


class Endpoints:
    """The models, batchers and limits that all routes of one service use."""

    def __init__(self, models: dict[str, ServedModel], timeout: float = DEFAULT_TIMEOUT) -> None:
        """`timeout`: seconds after which the service gives a request up."""
        self._models = models
        # One for predictions and one for explanations, so that neither waits for the other and no model is asked
        # to predict in two threads of the same kind.
        self._predicting, self._explaining = (
            ThreadPoolExecutor(1, "predict"),
            ThreadPoolExecutor(1, "explain"),
        )
        self._batchers = {
            name: RequestBatcher(model.answers, self._predicting, timeout) for name, model in models.items()
        }
        # An explanation is of one row; its queue is bounded as that of predictions.
        self._explainers = {
            name: RequestBatcher(
                functools.partial(_explain_each, model), self._explaining, timeout, max_rows=1
            )
            for name, model in models.items()
        }
        self._shap: Future[None] | None = None

    @property
    def is_ready(self) -> bool:
        return not any(model.problems for model in self._models.values())

    def probe(self) -> bool:
        """Whether every model is ready. The first True starts the import of shap: earlier, the import would delay
        readiness."""
        if self.is_ready:
            self._start_shap_import()
        return self.is_ready

    async def predict(
        self, name: str, rows: list[Row], is_disconnected: IsDisconnected = never_disconnected
    ) -> list[dict[str, Any]]:
        """Return an answer for each row, with the names of model and bento. Raises NotReady, NotFinite, Overloaded and
        CallerGone."""
        try:
            answers = await self._batchers[name].predict(rows, is_disconnected)
        except NotFinite:
            self._models[name].metrics.count_not_finite()
            raise
        return [self._with_provenance(name, answer) for answer in answers]

    async def explain(
        self, name: str, row: Row, is_disconnected: IsDisconnected = never_disconnected
    ) -> dict[str, Any]:
        """Return the explanation of one row, with the names of model and bento. Raises what predict raises, and
        ExplanationUnavailable."""
        importing = self._start_shap_import()
        await asyncio.wait([asyncio.wrap_future(importing)], timeout=SHAP_IMPORT_SECONDS)
        if not importing.done():
            raise NotReady("explanations are being prepared, which takes seconds after the start: ask again")
        answers = await self._explainers[name].predict([row], is_disconnected)
        return self._with_provenance(name, answers[0])

    def health(self) -> Response:
        models = {model.tag: model.health() for model in self._models.values()}
        status = HTTPStatus.OK if self.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return as_json({"status": "healthy" if self.is_ready else "unhealthy", "models": models}, status)

    def model_info(self) -> Response:
        return as_json({name: public_card(model.card, model.tag) for name, model in self._models.items()})

    def _start_shap_import(self) -> Future[None]:
        """Return the import of shap, begun once, in the thread that explains."""
        if self._shap is None:
            self._shap = self._explaining.submit(_import_shap)
        return self._shap

    def _with_provenance(self, name: str, answer: dict[str, Any]) -> dict[str, Any]:
        context = bentoml.server_context
        bento = f"{context.bento_name}:{context.bento_version}"
        return {**answer, "model": self._models[name].tag, "bento": bento}


def model_routes(name: str, card: Card, prefix: str) -> dict[str, Any]:
    """Return the API methods of one model, by the name that each gets on the class; `prefix` is `NAME/` or empty."""
    row: Any = input_type(card)
    answer: Any = answer_type(card)
    rows = Annotated[list[row], Field(min_length=1, max_length=MAX_ROWS)]

    async def predict(self: Any, input_data: Any, ctx: Any = None) -> Any:
        row = row_from(input_data)
        return await _respond(ctx, lambda gone: _first(self.e2i.predict(name, [row], gone)))

    async def predict_batch(self: Any, input_data: Any, ctx: Any = None) -> Any:
        rows = [row_from(value) for value in input_data]
        return await _respond(ctx, lambda gone: self.e2i.predict(name, rows, gone))

    async def explain(self: Any, input_data: Any, ctx: Any = None) -> Any:
        row = row_from(input_data)
        return await _respond(ctx, lambda gone: self.e2i.explain(name, row, gone))

    return dict(
        (
            _api(predict, prefix, row, answer, card.description),
            _api(
                predict_batch,
                prefix,
                rows,
                list[answer],
                f"`predict` for 1 to {MAX_ROWS} rows, in their order.",
            ),
            _api(
                explain,
                prefix,
                row,
                explanation_type(card),
                "What each feature adds to the prediction of this row.",
            ),
        )
    )


def service_routes() -> dict[str, Any]:
    """Return the API methods that the service has once."""

    def health(self: Any) -> Health:
        """Return whether every model is loaded and predicts its golden inputs as recorded: 200, or 503 with the
        reasons."""
        return self.e2i.health()  # type: ignore[no-any-return]

    def model_info(self: Any) -> dict[str, Any]:
        """Return the card of each model: what it takes, what it was made from, how good it was."""
        return self.e2i.model_info()  # type: ignore[no-any-return]

    return {"health": bentoml.api(health), "model_info": bentoml.api(model_info)}


def public_card(card: Card, tag: str) -> dict[str, Any]:
    """Return the card as callers may see it: without golden inputs and reference distributions, which are training
    data."""
    hidden: Any = {"features": {"__all__": {"reference"}}, "golden": True}
    return {**card.model_dump(mode="json", exclude=hidden), "version": tag.partition(":")[2]}


def as_json(
    content: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(json.dumps(content, allow_nan=False), status, headers, "application/json")


def _api(
    function: Callable[..., Awaitable[Any]], prefix: str, takes: Any, answers: Any, says: str
) -> tuple[str, Any]:
    """Return a function as an API method of BentoML, which reads types, name and description off the function
    itself."""
    route = f"/{prefix}{function.__name__}"
    function.__name__ = f"{prefix}{function.__name__}".replace("/", "_")
    function.__doc__ = says or None
    function.__annotations__ = {"input_data": takes, "ctx": bentoml.Context, "return": answers}
    return function.__name__, bentoml.api(function, route=route)


async def _respond(ctx: Any, work: Callable[[IsDisconnected], Awaitable[Any]]) -> Response:
    """Return the answer, or the status and one sentence for the error that prevented it.

    `ctx` is BentoML's context of the request, None outside of one; `work` gets a function that says whether the
    caller is gone.
    """
    response = await _answered(work(never_disconnected if ctx is None else ctx.request.is_disconnected))
    if ctx is not None:
        # BentoML replaces the status of a method that takes its context.
        ctx.response.status_code = response.status_code
    return response


async def _answered(work: Awaitable[Any]) -> Response:
    try:
        return as_json(await work)
    except Overloaded as reason:
        return as_json({"error": str(reason)}, STATUS[Overloaded], {"Retry-After": str(reason.retry_after)})
    except (NotFinite, NotReady, ExplanationUnavailable, CallerGone) as reason:
        return as_json({"error": str(reason)}, STATUS[type(reason)])
    # Whatever a model raises about a row that its card admits: BentoML's own answer would say nothing of it.
    except Exception as error:
        log.exception("the model could not answer")
        message = f"the model could not answer: {type(error).__name__}: {error}"
        return as_json({"error": message}, HTTPStatus.INTERNAL_SERVER_ERROR)


def _explain_each(model: ServedModel, rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [model.explain(row) for row in rows]


async def _first(answers: Awaitable[list[Any]]) -> Any:
    return (await answers)[0]


def _import_shap() -> None:
    """Imports shap beforehand, so that the first caller does not wait for it."""
    try:
        load_shap()
    except ExplanationUnavailable as reason:
        log.info("no explanations: %s", reason)
