"""What a running service answers when something is not as it should be."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from bentos.runtime import made

from e2i_bento import routes, shapley
from e2i_bento.card import read_card
from e2i_bento.routes import Endpoints, model_routes
from e2i_bento.served_model import ServedModel

# What shap's import warns of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")


class Service:
    """What BentoML makes of a service's class, as far as routes need it."""

    def __init__(self, folder: Path) -> None:
        self.card = read_card(folder)
        self.e2i = Endpoints({"ltv_model": ServedModel("ltv_model:1.0.0", folder, self.card)})

    async def ask(self, route: str, input_data: Any) -> tuple[int, Any]:
        method = model_routes("ltv_model", self.card, prefix="")[route]
        (field,) = method.input_spec.model_fields
        given = getattr(method.input_spec.model_validate_json(json.dumps({field: input_data})), field)
        answer = await method.func(self, given)
        return answer.status_code, json.loads(answer.body)


async def test_without_shap_explain_is_not_implemented_and_predict_is_not_concerned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    monkeypatch.setattr(routes, "SHAP_IMPORT_SECONDS", 60)
    service = Service(made.ltv(tmp_path))
    status, answer = await service.ask("explain", made.CUSTOMER)
    assert (status, "add shap to the model's requirements" in answer["error"]) == (501, True)
    assert (await service.ask("predict", made.CUSTOMER))[0] == 200


async def test_an_explanation_that_comes_too_early_is_asked_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = threading.Event()
    monkeypatch.setattr(routes, "SHAP_IMPORT_SECONDS", 0.01)
    monkeypatch.setattr(routes, "load_shap", lambda: imported.wait(60))
    service = Service(made.ltv(tmp_path))
    status, answer = await service.ask("explain", made.CUSTOMER)
    imported.set()
    assert (status, "ask again" in answer["error"]) == (503, True)
    assert shapley.load_shap() is not None
    monkeypatch.setattr(routes, "SHAP_IMPORT_SECONDS", 60)
    assert (await service.ask("explain", made.CUSTOMER))[0] == 200


async def test_background_rows_that_cannot_be_predicted_do_not_keep_a_model_from_serving(
    tmp_path: Path,
) -> None:
    folder = made.ltv(tmp_path)
    (folder / "background.json").write_text("[{}]")
    service = Service(folder)
    assert service.e2i.is_ready
    assert (await service.ask("predict", made.CUSTOMER))[1]["value"] == pytest.approx(288)


async def test_what_the_model_itself_does_not_take_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(made.ltv(tmp_path))

    def refuse(_: object) -> None:
        raise ValueError("Input X contains a value too large for dtype('float32')")

    monkeypatch.setattr(ServedModel, "answers", lambda self, rows: refuse(rows))
    service.e2i = Endpoints({"ltv_model": ServedModel("ltv_model:1.0.0", tmp_path, service.card)})
    status, answer = await service.ask("predict", made.CUSTOMER)
    assert (status, "ValueError: Input X contains a value too large" in answer["error"]) == (500, True)


async def test_the_same_service_answers_rows_and_batches(tmp_path: Path) -> None:
    service = Service(made.ltv(tmp_path))
    _, one = await service.ask("predict", made.CUSTOMER)
    _, many = await service.ask("predict_batch", [made.CUSTOMER] * 2)
    assert many == [one, one]
