import pytest

from proxy.http1.worker_connection import _keep_alive


@pytest.mark.parametrize(
    ("announced", "seconds"),
    [
        (b"timeout=5", 4),
        (b"timeout=5, max=100", 4),
        (b"max=100, Timeout=75", 74),
        (b"timeout=1", 0.5),
        (b"timeout=0", 0),
        (b"timeout=99999999999999999999", 999999998),
        (b"max=100", float("inf")),
        (b"timeout", float("inf")),
        (b"timeout=", float("inf")),
        (b"timeout=-1", float("inf")),
        (b"timeout=x", float("inf")),
        (b"timeout=\xb2", float("inf")),
        (b"", float("inf")),
    ],
)
def test_the_announced_patience_is_used_less_a_margin(announced, seconds):
    assert _keep_alive(announced) == seconds
