"""What an error means for the account."""

import pytest

from worker import errors
from worker.api.answers import verdict_of
from worker.core.verdict import Kind, Scope, Verdict
from worker.engines.base import TurnFailedError

OWN = Verdict(Kind.QUOTA, Scope.ACCOUNT, until=5.0, started=True)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TurnFailedError(OWN, 429, "rate_limit_error", ""), OWN),
        # A proxy with the wrong token can do nothing with this account.
        (errors.UnauthorizedError(""), Verdict(Kind.AUTH, Scope.ACCOUNT)),
        (errors.BadRequestError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.NotFoundError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.MethodNotAllowedError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.RequestTimeoutError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.TooLargeError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.UnsupportedCodingError(""), Verdict(Kind.CLIENT_ERROR)),
        (errors.ClientGoneError(""), Verdict(Kind.ABORTED)),
        (errors.UnavailableError(""), Verdict(Kind.WORKER_ERROR)),
        (errors.WorkerError(""), Verdict(Kind.WORKER_ERROR)),
    ],
)
def test_every_error_has_its_verdict(error, verdict):
    assert verdict_of(error) == verdict
