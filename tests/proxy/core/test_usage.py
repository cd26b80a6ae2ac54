import pytest

from proxy.core.usage import Usage, body_usage


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            (
                b'{"usage":{"input_tokens":3,"output_tokens":5,"cache_read_input_tokens":7,'
                b'"cache_creation_input_tokens":11,"service_tier":"standard"}}'
            ),
            Usage(3, 5, 7, 11),
        ),
        (b'{"usage":{"input_tokens":3,"cache_read_input_tokens":null}}', Usage(3)),
        # OpenAI counts what came from a cache among the input.
        (
            (
                b'{"usage":{"prompt_tokens":10,"completion_tokens":2,'
                b'"prompt_tokens_details":{"cached_tokens":4}}}'
            ),
            Usage(6, 2, 4),
        ),
        (b'{"usage":{"prompt_tokens":10}}', Usage(10)),
        (
            (
                b'{"usage":{"input_tokens":10,"output_tokens":2,'
                b'"input_tokens_details":{"cached_tokens":4}}}'
            ),
            Usage(6, 2, 4),
        ),
        (
            b'{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}}',
            Usage(0, 0, 1),
        ),
        # Where nothing sensible is told, nothing is counted.
        (b'{"usage":null}', Usage()),
        (b'{"input_tokens":9}', Usage()),
        (b'{"usage":{"input_tokens":-1}}', Usage()),
        (b'{"usage":{"input_tokens":1e400}}', Usage()),
        (b'{"usage":{"input_tokens":99999999999999}}', Usage()),
        (b'{"usage":"lots"}', Usage()),
        (b"[]", Usage()),
        (b"not json", Usage()),
        (b"", Usage()),
        (b'{"a":' + b"[" * 100_000, Usage()),
    ],
)
def test_the_usage_of_a_whole_answer(body, expected):
    assert body_usage(body) == expected


def test_the_total_is_all_that_was_read_and_written():
    assert Usage(1, 2, 3, 4).total == 10
