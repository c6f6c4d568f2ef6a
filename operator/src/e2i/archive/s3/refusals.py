"""Translates errors of S3 into ExportErrors.

An answer of S3 may repeat the access key, the signature or the string that was signed. So no text of an answer goes
into a message, only its error code and request id, and only if they have the form of a code or an id.
"""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSLError,
    TokenRetrievalError,
)

from e2i.archive.errors import (
    ArchiveCorrupted,
    BucketAccessDenied,
    BucketNotFound,
    BucketRefused,
    BucketUnreachable,
    ExportError,
    UploadInterrupted,
)

_WORD = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError)
_DENIED = {
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    # The code of versitygw for an unknown access key, with status 404.
    "XAdminUserNotFound",
}
_CLOCK = "RequestTimeTooSkewed"
_RIGHTS = {
    "ListObjectsV2": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}
"""The right that each request needs. An AccessDenied is about it: wrong keys have codes of their own."""
# Words of this machine's OpenSSL, not of the server.
_CERTIFICATE = re.compile(r"certificate verify failed: ([^()]{1,200}?) ?\(_ssl")
_CORRUPTED = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}


def error_code(error: Exception) -> str:
    """Return S3's error code (NoSuchKey, PreconditionFailed, 404, ...), or "" if there was no answer."""
    if not isinstance(error, ClientError):
        return ""
    return _word(error.response.get("Error", {}).get("Code"))


def http_status(error: Exception) -> int:
    """Return the HTTP status of the answer, or 0 if there was no answer."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def export_error(
    error: ClientError | BotoCoreError, place: str, unanswered: type[ExportError] = BucketUnreachable
) -> ExportError:
    """Return the ExportError for an error of boto; `place` names the bucket, `unanswered` is for a lost connection."""
    if isinstance(error, ClientError):
        return _answered(error, place)
    name = type(error).__name__
    if isinstance(error, _CREDENTIALS):
        return BucketAccessDenied(
            f"There are no usable credentials for {place} ({name}); "
            "give the operator AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role."
        )
    if isinstance(error, ParamValidationError):
        return BucketNotFound(
            f"{place} cannot exist: the name is not valid for a bucket; correct E2I_BUCKET."
        )
    if isinstance(error, SSLError):
        return BucketUnreachable(_not_trusted(error, place))
    if unanswered is UploadInterrupted:
        return UploadInterrupted(f"The connection to {place} broke off while sending ({name}).")
    return unanswered(f"There is no answer from {place} ({name}); check AWS_ENDPOINT_URL and the network.")


def _not_trusted(error: SSLError, place: str) -> str:
    found = _CERTIFICATE.search(str(error))
    if found is None:
        return f"There is no TLS connection to {place}; check the scheme and the port of AWS_ENDPOINT_URL."
    return (
        f"The certificate of {place} is not accepted: {found[1]}. Renew it at the server; if its authority is your "
        "own, name a file with the authority's certificate in AWS_CA_BUNDLE."
    )


def _answered(error: ClientError, place: str) -> ExportError:
    code, status = error_code(error), http_status(error)
    request = _word(str(error.response.get("ResponseMetadata", {}).get("RequestId")).partition(",")[0])
    said = f"{code or 'an error'}, status {status}, request {request or 'unknown'}"
    if code == "NoSuchBucket":
        return BucketNotFound(f"{place} does not exist ({said}); create it or correct E2I_BUCKET.")
    if code == _CLOCK:
        return BucketAccessDenied(
            f"{place} refuses requests because its clock and that of the machine that asks differ too much ({said}); "
            "synchronise both clocks (NTP)."
        )
    if code == "AccessDenied" and (right := _RIGHTS.get(error.operation_name, "")):
        # AWS hides from a user without ListBucket whether an object is there.
        rights = (
            f"{right}, or s3:ListBucket for objects that are not there" if right == "s3:GetObject" else right
        )
        return BucketAccessDenied(
            f"{place} does not allow the operator {rights} ({said}); add it to the policy of its user, below "
            "E2I_BUCKET_PREFIX.",
            right,
        )
    if code in _DENIED or status in (401, 403):
        return BucketAccessDenied(
            f"{place} refuses the operator's credentials ({said}); check the access key, "
            "its secret, the clock, and that it may get, put and list."
        )
    if code in _CORRUPTED:
        return ArchiveCorrupted(
            f"{place} received bytes that differ from those sent ({said}); no object was stored."
        )
    if code == "NoSuchUpload":
        return UploadInterrupted(f"{place} does not have the upload any more ({said}): somebody aborted it.")
    if status >= 500 or code in ("SlowDown", "RequestTimeout"):
        return BucketUnreachable(f"{place} cannot answer now ({said}).")
    return BucketRefused(f"{place} refused a request ({said}); see the log of the S3 server.")


def _word(text: object) -> str:
    return text if isinstance(text, str) and _WORD.match(text) else ""
