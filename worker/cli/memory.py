"""What processes and all that they started take of the machine's memory, as Linux tells it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_KIB: Final = 1024


def measured(pids: Collection[int]) -> Mapping[int, int]:
    """The bytes of each of these with its descendants, pages in common shared out among all.

    Those that are gone are left out, and all of them where the system does not tell.
    """
    children = _children()
    shares = {
        pid: [share for one in _tree(pid, children) if (share := _share(one))] for pid in pids
    }
    return {pid: sum(found) for pid, found in shares.items() if found}


def _children() -> Mapping[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            found[int(parent)].append(int(folder.name))
    return found


def _tree(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _tree(child, children)


def _share(pid: int) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * _KIB
    return None
