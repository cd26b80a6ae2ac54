import pytest
from redis import exceptions

from proxy.store.away import FAILURES, Away, away


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.TimeoutError("Timeout reading from 10.0.0.1:6379"), Away.TIMEOUT),
        (TimeoutError(), Away.TIMEOUT),
        (exceptions.ConnectionError("Connection closed by server."), Away.UNREACHABLE),
        (ConnectionRefusedError(), Away.UNREACHABLE),
        (exceptions.MaxConnectionsError("Too many connections"), Away.UNREACHABLE),
        (exceptions.AuthenticationError("invalid username-password pair"), Away.REFUSED),
        (exceptions.NoPermissionError("this user has no permissions"), Away.REFUSED),
        (exceptions.BusyLoadingError("Redis is loading the dataset"), Away.LOADING),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), Away.READ_ONLY),
        (exceptions.OutOfMemoryError("command not allowed"), Away.MEMORY),
        (exceptions.NoScriptError("No matching script."), Away.SCRIPT),
        (exceptions.MasterDownError("Link with MASTER is down"), Away.MASTER_DOWN),
        (exceptions.ClusterDownError("The cluster is down"), Away.CLUSTER),
        (exceptions.SlotNotCoveredError("Slot 7 is not covered"), Away.CLUSTER),
        # What has no class of its own is known by its code, also from inside a script.
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), Away.TYPE),
        (exceptions.ResponseError("BUSY Redis is busy running a script."), Away.BUSY),
        (exceptions.ResponseError("ERR user_script:9: OOM command not allowed"), Away.MEMORY),
        (exceptions.ResponseError("ERR what nobody has seen"), Away.OTHER),
    ],
)
def test_every_failure_has_a_kind(error, kind):
    assert isinstance(error, FAILURES)
    assert away(error).kind is kind


def test_what_the_server_said_is_not_repeated():
    error = away(exceptions.ConnectionError("Error 111 connecting to redis.internal:6379"))

    assert str(error) == "unreachable"
