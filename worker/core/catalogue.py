"""Which model a name means."""

import re
from collections.abc import Iterable
from typing import Final

_MAKE: Final = "claude"
_SUFFIX: Final = re.compile(r"(?:[-@]\d{8}|-latest)(?:-v\d+(?::\d+)?)?$")
_NUMBERS: Final = re.compile(r"(?<![\da-z])\d{1,2}(?!\d)")


def meant(wanted: str, names: Iterable[str]) -> str | None:
    """The one of those names that a client means, if any.

    It may leave the date out or in, and an alias is the newest of its family.
    """
    known = list(names)
    if wanted in known:
        return wanted
    if wanted.isalpha() and wanted != _MAKE:
        family = [name for name in known if {_MAKE, wanted} <= set(name.split("-"))]
        return max(family, key=_version, default=None)
    return next((name for name in known if _undated(name) == _undated(wanted)), None)


def _undated(name: str) -> str:
    return _SUFFIX.sub("", name)


def _version(name: str) -> list[int]:
    return [int(number) for number in _NUMBERS.findall(_undated(name))]
