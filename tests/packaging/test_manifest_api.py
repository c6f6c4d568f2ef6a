"""A real API server takes the manifest of a packaged bento, at the limits of what it may hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import apply_files, wait_for_kinds

from e2i.local.kubectl import kubectl
from e2i.packaging.model_manifest import MAX_CHARACTERS, ManifestInputs
from e2i.packaging.overlay import write_overlay
from e2i_bento.card import Card, Causal, Feature, Golden, ModelFile

pytestmark = pytest.mark.api

CRD = Path(__file__).resolve().parents[2] / "manifests" / "crds" / "e2imodels.yaml"


@pytest.fixture(scope="module")
def cluster(control_plane: TestCluster) -> TestCluster:
    home = control_plane.own_home("a cluster of somebody's own has its CRDs already")
    apply_files(home, CRD)
    wait_for_kinds(home, "e2imodels.serving.e2i.dev")
    return control_plane


def a_card(name: str, text: str = "x", **changes: object) -> Card:
    """A classifier with as many golden predictions as describing keeps."""
    output = {"label": "ja, natürlich", "probabilities": {"ja, natürlich": 1.0, "nein": 1e-17}}
    golden = tuple(Golden(input={"text": f"{text}{number}"}, output=output) for number in range(8))
    fields = {
        "name": name,
        "type": "Classification",
        "model": ModelFile(name="model.joblib", digest="sha256:" + "0" * 64),
        "features": (Feature(name="text", kind="text"),),
        "labels": ("ja, natürlich", "nein"),
        "golden": golden,
    }
    return Card(**fields | changes)  # type: ignore[arg-type]


def a_causal() -> Card:
    output = {"effect": -1.5e-7, "lower": -1.0, "upper": 2500000.0, "confidence": 0.9}
    return a_card(
        "effect",
        type="Causal",
        labels=(),
        causal=Causal(treatment="call", outcome="stays"),
        golden=(Golden(input={"text": None}, output=output),),
    )


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(
            ManifestInputs("left_model:1.0.0", [a_card("left_model")], namespace="default"), id="one model"
        ),
        pytest.param(
            ManifestInputs(
                "three:20260304.050607",
                [a_card(f"{letter * 50}") for letter in "abc"],
                namespace="default",
                replicas=2,
                digest="sha256:" + "a" * 64,
                env={"E2I_CAPTURE_SHARE": "0.5"},
                resources={"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
            ),
            id="three models with the longest names, from an archive",
        ),
        pytest.param(
            ManifestInputs("long:1.0.0", [a_card("long", "y" * (MAX_CHARACTERS - 200))], namespace="default"),
            id="the longest bodies",
        ),
        pytest.param(ManifestInputs("effect:1.0.0", [a_causal()], namespace="default"), id="an effect"),
    ],
)
def test_the_api_server_takes_the_manifest(
    cluster: TestCluster, wanted: ManifestInputs, tmp_path: Path
) -> None:
    assert cluster.home is not None
    file, _ = write_overlay(tmp_path / "overlay", wanted)
    told = kubectl(cluster.home, "apply", "--dry-run=server", "--validate=strict", "-f", str(file))
    assert "created (server dry run)" in told


def test_kustomize_builds_the_folder(cluster: TestCluster, tmp_path: Path) -> None:
    assert cluster.home is not None
    write_overlay(
        tmp_path / "overlay", ManifestInputs("left_model:1.0.0", [a_card("left_model")], namespace="default")
    )
    told = kubectl(cluster.home, "apply", "--dry-run=server", "-k", str(tmp_path / "overlay"))
    assert "left-model created (server dry run)" in told
