import json

import structlog

from proxy.logs import configure_logs


def broken(secret):
    raise ValueError(len(secret))


def test_an_event_is_one_json_line_and_a_traceback_shows_no_values(capsys):
    configure_logs()
    secret = "sk-canary-" + "1" * 20
    try:
        broken(secret)
    except ValueError:
        structlog.get_logger().exception("request crashed", id="req_1\nforged")
    structlog.reset_defaults()

    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["event"], record["id"]) == ("request crashed", "req_1\nforged")
    assert record["exception"][0]["exc_type"] == "ValueError"
    assert "canary" not in line
