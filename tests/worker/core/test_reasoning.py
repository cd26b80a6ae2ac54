import pytest

from worker.core.reasoning import opened, sealed


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Hm, ünlit.", "signature": "s"},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
    ],
)
def test_what_was_sealed_comes_back_as_it_was(block):
    assert opened(sealed(block)) == block


@pytest.mark.parametrize(
    "text", [None, "", "gAAAAABo", "?", "e30=", "W10=", "bnVsbA==", sealed({"type": "text"}), "é"]
)
def test_what_is_not_ours_is_nothing(text):
    assert opened(text) is None
