"""What AWS says of a failed call, as our errors: one table, so that a caller need not know the service."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from medical_data_pipeline.errors import (
    BackendDenied,
    BackendError,
    BackendUnavailable,
    CommitConflict,
    ObjectNotFound,
    PipelineError,
    PreconditionFailed,
    TableNotFound,
)

ERROR_FOR_CODE: dict[str, type[PipelineError]] = {
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404", "NotFound"), ObjectNotFound),
    "EntityNotFoundException": TableNotFound,
    **dict.fromkeys(("PreconditionFailed", "412"), PreconditionFailed),
    **dict.fromkeys(
        ("ConcurrentModificationException", "ConditionalRequestConflict", "TransactionConflictException"),
        CommitConflict,
    ),
    **dict.fromkeys(
        (
            *("AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedException"),
            *("ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
            *("UnrecognizedClientException", "InvalidClientTokenId", "KMSAccessDeniedException"),
            *("KMS.DisabledException", "KMSInvalidStateException", "KMS.NotFoundException"),
        ),
        BackendDenied,
    ),
    **dict.fromkeys(
        (
            *("SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded"),
            *("TooManyRequestsException", "TooManyRequests", "RequestThrottled", "BandwidthLimitExceeded"),
            *("ProvisionedThroughputExceededException", "TransactionInProgressException", "LimitExceeded"),
            *("RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure"),
            *("InternalServerError", "InternalServerException", "InternalServiceException"),
            *(
                "ServiceUnavailable",
                "ServiceUnavailableException",
                "Unavailable",
                "OperationTimeoutException",
            ),
            *("500", "502", "503", "504", "KMSThrottlingException", "KMSInternalException"),
            *("KMS.ThrottlingException", "KmsThrottled", "AWS.SimpleQueueService.KmsThrottled"),
            *("ResourceNumberLimitExceededException", "ConcurrentRunsExceededException"),
        ),
        BackendUnavailable,
    ),
}


@contextmanager
def translated() -> Iterator[None]:
    """The message names the operation and AWS's code, and nothing that AWS quotes of the request."""
    try:
        yield
    except ClientError as error:
        raise _translation(error) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise BackendDenied("there are no AWS credentials") from None
    except BotoCoreError as error:
        # Whether the call was carried out is not known.
        raise BackendUnavailable(f"AWS did not answer: {type(error).__name__}") from None


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _translation(error: ClientError) -> PipelineError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = ERROR_FOR_CODE.get(code, BackendUnavailable if status >= 500 else BackendError)
    return kind(f"{error.operation_name} answered {code or status}")
