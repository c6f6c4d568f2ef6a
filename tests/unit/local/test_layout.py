"""Names, folders, ports and ranges of clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.local.addresses import HIGHEST_INDEX, Addresses, Ports
from e2i.local.cluster import open_home
from e2i.local.errors import ClusterError
from e2i.local.kubernetes_versions import NEWEST
from e2i.local.layout import ClusterHome, home_of, known_homes, load_home, save_home


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("Test", id="upper case"),
        pytest.param("-a", id="starts with a dash"),
        pytest.param("a-", id="ends with a dash"),
        pytest.param("../a", id="leads out of the folder"),
        pytest.param("a\n", id="ends with a newline"),
        pytest.param("a" * 41, id="too long"),
    ],
)
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="cannot be called"):
        home_of(name)


def test_a_saved_cluster_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    home = ClusterHome("one", 3, home_of("one"))
    save_home(home)
    assert load_home(home.root) == home
    assert known_homes() == [home]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"name": "a"}', '{"name": "a", "index": "x"}', '{"name": "a", "index": 9999}'],
)
def test_a_damaged_record_says_how_to_start_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "cluster.json").write_text(content)
    with pytest.raises(ClusterError, match=r"is damaged .* Run `e2i local reset"):
        load_home(tmp_path)


def test_a_cluster_that_does_not_exist_needs_no_reset(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"There is no cluster none: .* Run `e2i local up --name none`\.$"):
        load_home(tmp_path / "none")


def test_a_folder_without_a_record_is_reset_first(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"cluster.json is missing\. Run `e2i local reset"):
        load_home(tmp_path)


def test_the_choice_of_metrics_stays_and_an_older_record_has_none(tmp_path: Path) -> None:
    save_home(ClusterHome("test", 0, tmp_path, metrics=True))
    assert load_home(tmp_path).metrics
    (tmp_path / "cluster.json").write_text('{"name": "test", "index": 0}')
    assert not load_home(tmp_path).metrics


def test_a_cluster_keeps_its_version_of_kubernetes_and_an_older_record_has_the_newest(tmp_path: Path) -> None:
    save_home(ClusterHome("test", 0, tmp_path, kubernetes="1.34"))
    assert load_home(tmp_path).kubernetes == "1.34"
    (tmp_path / "cluster.json").write_text('{"name": "test", "index": 0}')
    assert load_home(tmp_path).kubernetes == NEWEST


def test_a_version_that_cannot_be_built_any_more_is_named_with_those_that_can(tmp_path: Path) -> None:
    save_home(ClusterHome("test", 0, tmp_path, kubernetes="1.33"))
    with pytest.raises(
        ClusterError, match=r"names Kubernetes 1\.33, which is none of 1\.36, .* Run `e2i local reset"
    ):
        load_home(tmp_path)


def test_another_version_is_refused_for_a_cluster_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert open_home("old", "1.34").kubernetes == "1.34"
    assert open_home("old").kubernetes == "1.34"
    with pytest.raises(ClusterError, match=r"has Kubernetes 1\.34, .*`e2i local reset --name old`"):
        open_home("old", "1.35")


def test_a_damaged_cluster_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    save_home(ClusterHome("sound", 0, home_of("sound")))
    home_of("broken").mkdir()
    (home_of("broken") / "cluster.json").write_text("?")
    assert [home.name for home in known_homes()] == ["sound"]


def test_no_two_clusters_share_a_port_or_a_range() -> None:
    ports = [port for index in range(HIGHEST_INDEX + 1) for port in Ports(index).in_use]
    assert len(ports) == len(set(ports))
    every = [Addresses(index) for index in range(HIGHEST_INDEX + 1)]
    machine = [a.service_range for a in every] + [a.on_machine(a.pod_range) for a in every]
    assert len(machine) == len(set(machine))


def test_every_port_that_a_component_uses_counts_as_in_use() -> None:
    ports = Ports(5)
    named = {getattr(ports, name) for name in vars(Ports) if isinstance(vars(Ports)[name], property)} - {
        ports.in_use
    }
    assert named == set(ports.in_use)
