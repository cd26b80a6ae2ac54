import json

import pytest

from simulator.errors import ApiError


@pytest.mark.parametrize(
    ("code", "details"),
    [(None, {}), ("usage", {"details": {"error_code": "usage"}})],
)
def test_an_error_has_the_envelope_of_the_api(code, details):
    error = ApiError(429, "rate_limit_error", "slow down", code=code)

    assert json.loads(error.body("req_1")) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down", **details},
        "request_id": "req_1",
    }
