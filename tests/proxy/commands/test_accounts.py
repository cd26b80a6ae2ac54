import asyncio

import pytest

from tests.proxy.hot_rig import hot, plain, workers


@pytest.fixture
async def command(tmp_path, headgate):
    """Runs `headgate accounts` against a proxy with one account, `a`."""
    (tmp_path / "token").write_text("operators-token-0123456789")
    admin = {"listen": "127.0.0.1:0", "token_file": "token"}
    async with workers(1) as (a,), hot(tmp_path, plain("a", a), admin=admin) as proxy:

        async def run(*arguments, token=True):
            options = ["--admin", f"http://127.0.0.1:{proxy.app.admin_port}"]
            options += ["--token-file", tmp_path / "token"] if token else []
            return await asyncio.to_thread(headgate, "accounts", *arguments, *options)

        yield run


async def test_an_account_is_drained_and_enabled(command):
    done = [await command(word, "a") for word in ("drain", "drain", "enable")]
    first, again, enabled = [result.output.splitlines()[-1] for result in done]

    assert first.startswith("a: takes no new requests")
    assert again == f"{first} (already so)"
    assert enabled == "a: no longer drained; one request goes first"
    assert {result.exit_code for result in done} == {0}


@pytest.mark.parametrize(
    ("name", "token", "expected"),
    [
        ("nobody", True, "headgate: nobody: there is no account of this name\n"),
        ("../status?", True, "headgate: ../status?: there is no account of this name\n"),
        ("a", False, "headgate: a: the admin token is missing or wrong\n"),
    ],
)
async def test_a_refusal_is_one_line(command, name, token, expected):
    result = await command("wake", name, token=token)

    assert (result.exit_code, result.output) == (1, expected)
