from dataclasses import replace

from proxy.commands.fleet import make_fleet
from proxy.config import Address, Admin, Client, Login, LoginMethod, Settings
from proxy.core.account import Account, AccountName


def login(name, key="sim-key", **more):
    return Login(name, LoginMethod.API_KEY, {"api_key": key}, engine="api", **more)


REMOTE = Account(AccountName("remote"), "http://127.0.0.1:1")
ANYWHERE = Address("127.0.0.1", 0)
STARTED = Settings(
    accounts=(REMOTE,),
    logins=(login("mine"), login("yours")),
    listen=ANYWHERE,
    admin=Admin(ANYWHERE),
)


def test_settings_read_anew_are_for_the_workers_that_run(tmp_path):
    fleet = make_fleet(STARTED, tmp_path)
    own = {account.name: account for account in fleet.settings.accounts}
    alice = Client("alice", b"digest")
    fresh = replace(STARTED, clients=(alice,), logins=(login("mine", weight=3), login("new")))

    adapted = fleet.adapt(fresh, STARTED)

    assert adapted.accounts == (REMOTE, replace(own["mine"], weight=3))
    assert adapted.clients == (alice,)
    assert adapted.listen == fleet.settings.listen
    assert adapted.warnings == ("accounts: new has another login; that waits for a restart",)


def test_a_worker_whose_login_changed_goes_on_with_the_old_one(tmp_path):
    fleet = make_fleet(STARTED, tmp_path)
    adapted = fleet.adapt(replace(STARTED, logins=(login("mine", key="other"),)), STARTED)

    assert [account.name for account in adapted.accounts] == ["remote", "mine"]
    assert adapted.warnings == ("accounts: mine has another login; that waits for a restart",)
