"""How commands reach the admin port of a running proxy."""

import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click

from proxy.commands.running import CANNOT_RUN, complain

C = TypeVar("C", bound=Callable[..., object])


def admin_options(command: C) -> C:
    """Give a command `--admin` and `--token-file`."""
    token = click.option(
        "--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
    )
    address = click.option(
        "--admin", default="http://127.0.0.1:8081", show_default=True, metavar="URL"
    )
    return address(token(command))


def ask_admin(admin: str, token_file: Path | None, method: str, path: str) -> tuple[int, bytes]:
    """The status and the body of an answer, or the end of the command where there is none."""
    token = token_file.read_text().strip() if token_file else None
    try:
        return _exchange(admin, token, method, path)
    except (OSError, HTTPException, ValueError) as error:
        complain(f"{admin}: {error}")
        sys.exit(CANNOT_RUN)


def _exchange(admin: str, token: str | None, method: str, path: str) -> tuple[int, bytes]:
    url = urlsplit(admin)
    if not url.hostname:
        raise ValueError("should be an address such as http://127.0.0.1:8081")
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    with closing(HTTPConnection(url.hostname, url.port or 8081, timeout=10)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
