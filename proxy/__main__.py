"""The command line. Each command imports what is heavy only when it runs."""

import click

from proxy.commands.accounts import accounts
from proxy.commands.check_config import check_config
from proxy.commands.keys import keys
from proxy.commands.login import login
from proxy.commands.serve import serve
from proxy.commands.status import status
from proxy.commands.up import up


@click.group("headgate", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headgate", prog_name="headgate", message="%(prog)s %(version)s")
def main() -> None:
    """One endpoint in front of a fleet of accounts."""


for command in (up, serve, login, status, accounts, check_config, keys):
    main.add_command(command)

if __name__ == "__main__":
    main()
