"""The operator's settings: defaults, bounds, and messages that name the variable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from e2i.archive.s3.settings import own_secrets
from e2i.controller.core.guard.pod_network import PodNetwork
from e2i.controller.settings import Settings, read_settings
from e2i.variables import Asked, BadSetting


def test_a_bucket_is_enough() -> None:
    assert read_settings({"E2I_BUCKET": "e2i"}) == Settings(bucket="e2i")


VARIABLES = {
    "E2I_BUCKET": "models",
    "E2I_BUCKET_PREFIX": "/team/a/",
    "E2I_BENTO_STORE": "/bentos",
    "AWS_ENDPOINT_URL": "http://s3.example:9000",
    "AWS_REGION": "eu-west-1",
    "E2I_DOWNLOAD_SECRET": "",
    "E2I_SERVICE_ACCOUNT_DIR": "/account",
    "E2I_SHARE_ARCHIVES": "true",
    "E2I_NAMESPACES": "risk, churn,risk",
    "E2I_WORKERS": "3",
    "E2I_MAX_BENTO_BYTES": "1000",
    "E2I_MAX_BENTO_BYTES_OF": "risk=10, churn=5000",
    "E2I_TAG_REGISTRIES": "registry.example, http://local:5000",
    "E2I_REGISTRY_AUTH": "/auth/config.json",
    "E2I_EXPORTS": "1",
    "E2I_POD_NETWORK": "10.97.0.0/16=127.97.0.0/16",
    "E2I_PATCH_DEPLOYMENTS": "true",
    "E2I_LEASE_NAME": "mine",
    "E2I_LEASE_SECONDS": "3",
    "E2I_POD_UID": "6f1c",
    "E2I_HEALTH_ADDRESS": "fd00::1:8080",
    "E2I_METRICS_ADDRESS": "0.0.0.0:8081",
    "E2I_TRACES_ENDPOINT": "http://collector:4318",
    "E2I_NOTIFY_URL": "https://hooks.example/e2i",
    "E2I_NOTIFY_TOKEN": "s3cret",
    "E2I_DRIFT_SECONDS": "0",
    "E2I_PROBE_SECONDS": "60",
    "E2I_LOG_LEVEL": "debug",
}
"""Each with another value than its default."""


TEMPLATE = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {}}


def test_every_variable_is_read(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump(TEMPLATE))
    settings = read_settings({**VARIABLES, "E2I_RETRAIN_TEMPLATE": str(template)})
    assert settings == Settings(
        bucket="models",
        prefix="team/a",
        store=Path("/bentos"),
        endpoint="http://s3.example:9000",
        region="eu-west-1",
        download_secret="",
        service_account=Path("/account"),
        share_archives=True,
        namespaces=("churn", "risk"),
        workers=3,
        largest_bento=1000,
        largest_bento_of={"risk": 10, "churn": 5000},
        tag_registries={"registry.example": "https://registry.example", "local:5000": "http://local:5000"},
        registry_auth=Path("/auth/config.json"),
        exports=1,
        pod_network=PodNetwork.parse("10.97.0.0/16=127.97.0.0/16"),
        patch_deployments=True,
        lease_name="mine",
        lease_seconds=3,
        pod_uid="6f1c",
        health_address="fd00::1:8080",
        metrics_address="0.0.0.0:8081",
        traces_endpoint="http://collector:4318",
        notify_url="https://hooks.example/e2i",
        notify_token="s3cret",
        drift_seconds=0,
        probe_seconds=60,
        retrain_template=template,
        log_level="DEBUG",
    )
    unchanged = Settings(bucket="")
    names = [field.name for field in dataclasses.fields(Settings)]
    assert [name for name in names if getattr(settings, name) == getattr(unchanged, name)] == []


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("E2I_BUCKET", "", "E2I_BUCKET is not set: name the bucket"),
        *(
            ("E2I_BUCKET", wrong, f"E2I_BUCKET={wrong} is no name of a bucket: write the name alone")
            for wrong in ("s3://bentos", "bentos/team", "our bentos")
        ),
        *(
            ("E2I_BUCKET_PREFIX", wrong, f"E2I_BUCKET_PREFIX={wrong} cannot stand in front of a key")
            for wrong in ("a/../b", "..", "a/./b", "a//b", "a b", "a?b", "a#b", "a%2e", "a\\b", "a\tb")
        ),
        *(
            ("AWS_ENDPOINT_URL", wrong, "AWS_ENDPOINT_URL is no http or https address")
            for wrong in (
                "s3.example:9000",
                "http://a b",
                "http://s3.example:99999",
                "http://s3.example:port",
            )
        ),
        ("AWS_REGION", "eu central", "AWS_REGION=eu central is no region: write for instance eu-central-1"),
        ("E2I_DOWNLOAD_SECRET", "My_Secret", "E2I_DOWNLOAD_SECRET=My_Secret is no name of an object"),
        ("E2I_LEASE_NAME", "-", "E2I_LEASE_NAME=- is no name of an object"),
        (
            "E2I_SHARE_ARCHIVES",
            "no",
            "E2I_SHARE_ARCHIVES=no is neither true nor false; without it false is used",
        ),
        (
            "E2I_NAMESPACES",
            "risk,,churn",
            "E2I_NAMESPACES=risk,,churn: '' is no name of a namespace; write for",
        ),
        ("E2I_NAMESPACES", "Risk", "'Risk' is no name of a namespace"),
        (
            "E2I_NAMESPACES",
            ",".join(f"n{n}" for n in range(51)),
            "E2I_NAMESPACES has 51 namespaces, and 50 at most",
        ),
        ("E2I_WORKERS", "0", "E2I_WORKERS=0 is not a number from 1 to 64; without it 8 is used"),
        ("E2I_WORKERS", "many", "E2I_WORKERS=many"),
        ("E2I_WORKERS", "\u0663", "E2I_WORKERS=\u0663"),
        ("E2I_PATCH_DEPLOYMENTS", "yes", "E2I_PATCH_DEPLOYMENTS=yes is neither true nor false"),
        ("E2I_EXPORTS", "65", "E2I_EXPORTS=65 is not a number from 1 to 64"),
        ("E2I_MAX_BENTO_BYTES", "-1", "E2I_MAX_BENTO_BYTES=-1 is not a number from 1 to"),
        *(
            ("E2I_MAX_BENTO_BYTES_OF", f"churn=5,{wrong}", f"E2I_MAX_BENTO_BYTES_OF: {wrong} is no namespace")
            for wrong in (
                "risk",
                "risk=",
                "risk=1Gi",
                "Risk=10",
                "=10",
                "risk=0",
                "churn=6",
                f"risk={2 << 50}",
            )
        ),
        ("E2I_BENTO_STORE", "bentos", "E2I_BENTO_STORE=bentos is a relative path"),
        ("E2I_REGISTRY_AUTH", "config.json", "E2I_REGISTRY_AUTH=config.json is a relative path"),
        ("E2I_TAG_REGISTRIES", "ftp://a.b", "E2I_TAG_REGISTRIES: ftp://a.b is no host of a registry"),
        ("E2I_TAG_REGISTRIES", "a.b,a.b/team", "E2I_TAG_REGISTRIES: a.b/team is no host of a registry"),
        ("E2I_SERVICE_ACCOUNT_DIR", "./a", "E2I_SERVICE_ACCOUNT_DIR=a is a relative path"),
        (
            "E2I_POD_NETWORK",
            "10.97.0.0/16",
            "E2I_POD_NETWORK: '10.97.0.0/16' does not map one network onto another",
        ),
        (
            "E2I_LEASE_SECONDS",
            "2",
            "E2I_LEASE_SECONDS=2 is not a number from 3 to 600; without it 15 is used",
        ),
        ("E2I_HEALTH_ADDRESS", "8080", "E2I_HEALTH_ADDRESS=8080 is not a host and a port, for instance"),
        ("E2I_HEALTH_ADDRESS", "localhost:http", "E2I_HEALTH_ADDRESS=localhost:http"),
        ("E2I_HEALTH_ADDRESS", "localhost:70000", "E2I_HEALTH_ADDRESS=localhost:70000"),
        *(
            ("E2I_NOTIFY_URL", wrong, "E2I_NOTIFY_URL is no http or https address without an account in it")
            for wrong in ("hooks.example/e2i", "ftp://hooks.example", "https://", "https://a:b@c", "http://[")
        ),
        ("E2I_LOG_LEVEL", "loud", "E2I_LOG_LEVEL=LOUD is not one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(variable: str, value: str, words: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read_settings({"E2I_BUCKET": "e2i", variable: value})
    assert words in str(refused.value)


@pytest.mark.parametrize("prefix", ["team/a", "..a/.b", "bücher", "a'(b)!", "/a/"])
def test_a_prefix_that_stands_in_a_key_as_it_is_is_taken(prefix: str) -> None:
    assert read_settings({"E2I_BUCKET": "e2i", "E2I_BUCKET_PREFIX": prefix}).prefix == prefix.strip("/")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("E2I_NAMESPACE", "E2I_NAMESPACES"),
        ("E2I_BUCKET_PREFX", "E2I_BUCKET_PREFIX"),
        ("E2I_WORKRES", "E2I_WORKERS"),
        ("E2I_SHARED_ARCHIVES", "E2I_SHARE_ARCHIVES"),
        ("E2I_LOGLEVEL", "E2I_LOG_LEVEL"),
    ],
)
def test_a_misspelt_setting_is_known_by_the_one_that_is_meant(given: str, meant: str) -> None:
    environment = Asked({"E2I_BUCKET": "e2i", given: "x"})
    read_settings(environment)
    assert environment.misspelt() == {given: meant}


def test_variables_of_services_and_of_other_programs_are_no_misspelt_settings() -> None:
    services = {
        f"E2I_{service}_{field}": "tcp://10.0.0.1:8080"
        for service in ("OPERATOR", "GATEWAY", "BUCKET", "EXPORTS")
        for field in ("PORT", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_METRICS", "PORT_8080_TCP_ADDR")
    }
    others = {"E2I_GATEWAY_ADDRESS": "x", "E2I_POD_ADDRESS": "x", "E2I_MOUNTS": "x", "E2I_LOCAL_CLUSTER": "x"}
    environment = Asked({"E2I_BUCKET": "e2i", **services, **others})
    read_settings(environment)
    assert environment.misspelt() == {}


def test_the_keys_of_the_operator_are_known_to_be_masked() -> None:
    known = {"AWS_ACCESS_KEY_ID": "TESTKEY", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SESSION_TOKEN": ""}
    assert set(own_secrets(known)) == {"TESTKEY", "hidden"}
