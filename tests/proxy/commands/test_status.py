import asyncio
import json
import time

import pytest

from proxy.admin import Admin, AdminServer
from proxy.commands.status import countdown
from proxy.config import Address
from proxy.core.account import ANY_MODEL, AccountName, ModelFamily, Window
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.membership import Duplicate
from proxy.metrics import Metrics
from proxy.pool import AccountStatus


def accounts():
    now = time.time()
    rest = {ANY_MODEL: Cooldown(now + 7290, Reason.QUOTA)}
    window = Window("five_hour", 0.42, now + 7290)
    ready = AccountStatus(AccountName("fresh"), "ready", None, 2, 6, 0, {}, ())
    resting = AccountStatus(AccountName("tired"), "quota", None, 0, 6, 1, rest, (window,))
    picky = {ModelFamily("opus"): Cooldown(now + 605, Reason.MODEL_LIMIT)}
    partly = AccountStatus(AccountName("partly"), "ready", None, 0, 6, 0, picky, ())
    return ready, resting, partly


@pytest.fixture
async def admin():
    async def states():
        return accounts()

    app = Admin(
        states=states,
        stage=lambda: None,
        metrics=Metrics("1"),
        version="1",
        token="the-token",
        duplicates=lambda: [Duplicate(AccountName("fresh"), "10.0.0.2:9100", "10.0.0.1:9100")],
    ).app()
    server = AdminServer(app)
    await server.start(Address("127.0.0.1", 0))
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


@pytest.fixture
def token(tmp_path):
    file = tmp_path / "token"
    file.write_text("the-token\n")
    return file


async def test_the_table_tells_of_every_account(admin, token, headgate):
    result = await asyncio.to_thread(
        headgate, "status", "--admin", admin, "--token-file", token, env={"COLUMNS": "120"}
    )

    assert result.exit_code == 0, result.output
    _, fresh, tired, partly, refused = result.output.splitlines()
    assert fresh.split() == ["fresh", "ready", "2/6"]
    assert partly.split() == ["partly", "ready", "opus:", "model_limit", "(10m05s)", "0/6"]
    assert refused == "headgate: 10.0.0.2:9100 names fresh, which 10.0.0.1:9100 serves"
    assert tired.split() == [
        "tired",
        "quota",
        "quota",
        "2h01m",
        "0/6",
        "five_hour",
        "42%",
        "(2h01m)",
    ]


async def test_json_is_what_the_admin_port_says(admin, token, headgate):
    result = await asyncio.to_thread(
        headgate, "status", "--json", "--admin", admin, "--token-file", token
    )

    assert [a["name"] for a in json.loads(result.output)["accounts"]] == [
        "fresh",
        "tired",
        "partly",
    ]


async def test_a_refusal_is_one_line(admin, headgate):
    result = await asyncio.to_thread(headgate, "status", "--admin", admin)

    assert (result.exit_code, result.output) == (1, f"headgate: {admin}: 401 Unauthorized\n")


@pytest.mark.parametrize("admin", ["http://127.0.0.1:1", "nonsense", "http://[x"])
def test_an_address_where_nobody_is_is_one_line(admin, headgate):
    result = headgate("status", "--admin", admin)

    assert result.exit_code == 1
    assert result.output.startswith(f"headgate: {admin}: ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0s"),
        (9.4, "9s"),
        (250, "4m10s"),
        (7500, "2h05m"),
        (90_000, "1d01h"),
    ],
)
def test_a_countdown_shows_two_units(seconds, expected):
    assert countdown(seconds) == expected
