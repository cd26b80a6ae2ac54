import pytest

from proxy.auth import Authenticator
from proxy.commands.demo import ACCOUNTS, make_demo
from proxy.config import Address, LoginMethod
from simulator.config import load_config

PROVIDER = Address("127.0.0.1", 9000)


@pytest.mark.parametrize(
    ("engine", "method"), [("cli", LoginMethod.OAUTH_TOKEN), ("api", LoginMethod.API_KEY)]
)
def test_every_account_logs_in_at_the_simulated_provider(engine, method, tmp_path):
    demo = make_demo(PROVIDER, tmp_path, engine)

    logins = demo.settings.logins
    assert [login.name for login in logins] == list(ACCOUNTS)
    assert {login.method for login in logins} == {method}
    assert {login.engine for login in logins} == {engine} == {demo.engine}
    assert {login.base_url for login in logins} == {"http://127.0.0.1:9000"}


@pytest.mark.parametrize(("found", "engine"), [("/bin/claude", "cli"), (None, "api")])
def test_the_best_engine_is_the_cli_where_there_is_one(found, engine, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy.commands.demo.find_claude", lambda: found)

    assert make_demo(PROVIDER, tmp_path, "best").engine == engine


def test_the_provider_knows_each_credential_and_plans_of_different_size(tmp_path):
    demo = make_demo(PROVIDER, tmp_path, "api")

    provider = load_config(tmp_path / "simulator.yaml")
    credentials = {login.credentials["api_key"] for login in demo.settings.logins}
    assert credentials == {key for account in provider.accounts for key in account.credentials()}
    budgets = [provider.plan(a.plan).windows["five_hour"].budget for a in provider.accounts]
    assert len(set(budgets)) == 3


def test_each_demo_has_a_key_of_its_own_and_serves_this_machine_alone(tmp_path):
    first, second = (make_demo(PROVIDER, tmp_path, "api") for _ in range(2))

    auth = Authenticator(first.settings.clients)
    assert auth.client_of([(b"x-api-key", first.key.encode())], "127.0.0.1").name == "demo"
    assert first.key != second.key
    assert first.settings.listen.loopback
    assert first.settings.admin.listen.loopback
