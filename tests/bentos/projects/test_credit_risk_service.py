"""The hand-written credit-risk service, packaged and served as a user does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.built_bentos import BENTOS, SOURCES, build_once, copy_store

from e2i.packaging.package import BentoOptions, package
from e2i.packaging.trial_server import Server, running_server
from e2i_bento.card import Card, read_card

DECISIONS = ("APPROVED", "MAYBE", "DECLINED")


@pytest.fixture(scope="module")
def packaged(
    trained: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Card]]:
    def build(folder: Path) -> None:
        bento = package(
            [trained("credit_risk")],
            BentoOptions(service=BENTOS / "credit_risk"),
            version="1.0.0",
            store=folder,
            serve=False,
        )
        assert bento.tag == "credit_risk:1.0.0"
        assert bento.models == ("credit_risk_model:1.0.0",)

    home = tmp_path_factory.mktemp("credit_risk_service")
    sources = [
        BENTOS / "credit_risk",
        *(SOURCES / room for room in ("e2i/packaging", "e2i/archive", "e2i_bento")),
    ]
    copy_store(build_once("credit_risk", sources, build), home / "store")
    bento = home / "store" / "bentos" / "credit_risk" / "1.0.0"
    # Its BENTOML_HOME is the folder `store` in `home`.
    with running_server(Path(sys.executable), bento, home) as server:
        yield server, read_card(home / "store" / "models" / "credit_risk_model" / "1.0.0")


def test_it_classifies_an_application_as_the_card_decides(packaged: tuple[Server, Card]) -> None:
    server, card = packaged
    for golden in card.golden:
        status, answer = server.post("classify", {"input_data": golden.input})
        assert status == 200
        assert answer["status"] == golden.output["decision"]
        assert answer["probability"] == pytest.approx(golden.output["probabilities"]["default"], abs=1e-6)


def test_it_has_the_routes_of_every_packaged_model_too(packaged: tuple[Server, Card]) -> None:
    server, card = packaged
    status, answer = server.post("credit_risk_model/predict", {"input_data": card.golden[0].input})
    assert (status, answer["model"], answer["bento"]) == (200, "credit_risk_model:1.0.0", "credit_risk:1.0.0")
    assert server.post("health", {})[1]["status"] == "healthy"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"home": "castle"}, "home", id="a home that nobody has"),
        pytest.param({"age_years": 17}, "age_years", id="too young"),
        pytest.param({"salary": 1}, "salary", id="a misspelt field"),
    ],
)
def test_a_wrong_application_is_refused_with_400_and_the_place(
    packaged: tuple[Server, Card], change: dict[str, Any], place: str
) -> None:
    server, card = packaged
    status, answer = server.post("classify", {"input_data": card.golden[0].input | change})
    assert (status, f'"{place}"' in answer) == (400, True)
