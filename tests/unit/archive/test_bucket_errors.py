"""An S3 server whose certificate or clock stands in the way. The real server is in tests/s3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, SSLError

from e2i.archive.errors import BucketAccessDenied, BucketUnreachable, UploadInterrupted
from e2i.archive.s3.refusals import export_error

PLACE = "the bucket e2i at https://s3.example"
FAILED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"


def of_tls(words: str) -> SSLError:
    return SSLError(endpoint_url="https://s3.example/e2i?X-Amz-Signature=abc", error=words)


@pytest.mark.parametrize("unanswered", [BucketUnreachable, UploadInterrupted])
@pytest.mark.parametrize("why", ["certificate has expired", "unable to get local issuer certificate"])
def test_a_certificate_that_is_not_accepted_is_named_with_the_next_step(
    why: str, unanswered: type[UploadInterrupted]
) -> None:
    error = export_error(of_tls(f"{FAILED}: {why} (_ssl.c:1006)"), PLACE, unanswered)
    assert type(error) is BucketUnreachable
    assert error.message.startswith(
        f"The certificate of {PLACE} is not accepted: {why}. Renew it at the server"
    )
    assert "AWS_CA_BUNDLE" in error.message


def test_a_server_that_speaks_no_tls_is_another_matter_than_its_certificate() -> None:
    error = export_error(of_tls("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), PLACE)
    assert (
        error.message
        == f"There is no TLS connection to {PLACE}; check the scheme and the port of AWS_ENDPOINT_URL."
    )


def test_no_address_of_a_request_is_quoted_because_it_may_be_signed() -> None:
    for words in (f"{FAILED}: certificate has expired (_ssl.c:1006)", "EOF"):
        assert "Signature" not in export_error(of_tls(words), PLACE).message
    assert "abc" not in export_error(EndpointConnectionError(endpoint_url="https://abc"), PLACE).message


def test_clocks_that_differ_are_not_taken_for_wrong_keys() -> None:
    answer = {"Error": {"Code": "RequestTimeTooSkewed"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = export_error(ClientError(answer, "PutObject"), PLACE)
    assert type(error) is BucketAccessDenied
    assert (
        "its clock and that of the machine that asks differ too much (RequestTimeTooSkewed" in error.message
    )
    assert "key" not in error.message


@pytest.mark.parametrize(
    ("operation", "right"),
    [
        ("ListObjectsV2", "s3:ListBucket"),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
        ("UploadPart", "s3:PutObject"),
        ("DeleteObject", "s3:DeleteObject"),
        ("GetObject", "s3:GetObject"),
    ],
)
def test_a_right_that_lacks_is_named(operation: str, right: str) -> None:
    answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = export_error(ClientError(answer, operation), PLACE)
    assert isinstance(error, BucketAccessDenied)
    assert error.right == right
    assert f"{PLACE} does not allow the operator {right}" in error.message


def test_wrong_keys_are_no_right_that_lacks() -> None:
    answer = {"Error": {"Code": "SignatureDoesNotMatch"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = export_error(ClientError(answer, "PutObject"), PLACE)
    assert isinstance(error, BucketAccessDenied)
    assert (error.right, "refuses the operator's credentials" in error.message) == ("", True)
