"""The local cluster's control plane and S3, as clients see them."""

from __future__ import annotations

import boto3
import pytest
from support.cluster import TestCluster

from e2i.kube import ApiError, Kube, Resource
from e2i.local.credentials import ensure_credentials
from e2i.local.kubernetes_versions import VERSIONS

pytestmark = pytest.mark.api

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SECRETS = Resource("", "v1", "secrets", "Secret")


async def test_the_server_says_its_version(control_plane: TestCluster) -> None:
    assert control_plane.home
    async with await Kube.from_kubeconfig(control_plane.kubeconfig) as kube:
        version = await kube.request("GET", "/version")
    kubernetes = control_plane.home.kubernetes
    assert f"{version['major']}.{version['minor']}" == kubernetes
    assert version["gitVersion"] == VERSIONS[kubernetes]


async def test_a_stand_in_may_not_do_what_only_the_other_needs(control_plane: TestCluster) -> None:
    assert control_plane.home
    async with await Kube.from_kubeconfig(control_plane.home.kubeconfig_of("yatai-deployment")) as kube:
        with pytest.raises(ApiError, match="403"):
            await kube.list(Resource("batch", "v1", "jobs", "Job"))


async def test_the_bucket_takes_an_object_under_the_credentials_that_models_get(
    control_plane: TestCluster,
) -> None:
    assert control_plane.home
    credentials = ensure_credentials(control_plane.home)
    client = boto3.client(
        "s3",
        endpoint_url=control_plane.home.s3_url,
        region_name="us-east-1",
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
    )
    client.put_object(Bucket="e2i", Key="a/b", Body=b"content", IfNoneMatch="*")
    assert client.get_object(Bucket="e2i", Key="a/b")["Body"].read() == b"content"
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket="e2i", Key="a/b", Body=b"other", IfNoneMatch="*")
