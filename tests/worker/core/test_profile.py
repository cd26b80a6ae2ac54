from pathlib import PurePath

import pytest

from worker.core.profile import READING, Profile

SHARED = PurePath("/srv/shared")


def test_a_plain_process_has_no_tools_settings_or_rules():
    assert Profile().arguments() == (
        "--tools=",
        "--setting-sources=",
        "--strict-mcp-config",
        "--disable-slash-commands",
    )
    assert not Profile().works


def test_a_reader_is_confined_to_its_folders_and_loads_nothing():
    found = Profile("read-only", tools=READING, folders=(SHARED,), max_turns=9).arguments()

    assert {"--restricted", "--setting-sources=", "--permission-mode=dontAsk"} <= set(found)
    assert {"--tools=Glob,Grep,Read", "--add-dir=/srv/shared", "--max-turns=9"} <= set(found)
    assert not [argument for argument in found if "Edit" in argument]


@pytest.mark.parametrize(
    ("tools", "allow", "rules"),
    [
        (("Bash",), (), ["Bash"]),
        (("Read", "Grep"), (), ["Read(./**)", "Read(//srv/shared/**)"]),
        (("Write", "Edit"), (), ["Edit(./**)", "Edit(//srv/shared/**)"]),
        # What the operator writes stands alone.
        (("Bash", "Read"), ("Bash(git *)",), ["Bash(git *)"]),
    ],
)
def test_tools_on_files_are_allowed_in_the_agents_folders_only(tools, allow, rules):
    found = Profile("agent", tools=tools, allow=allow, folders=(SHARED,)).arguments()

    given = [a.removeprefix("--allowed-tools=") for a in found if a.startswith("--allowed-tools")]
    assert given == rules


def test_an_agent_loads_what_it_is_told_to():
    found = Profile(
        "agent", sources=("user", "project"), mcp_config=PurePath("/srv/mcp.json")
    ).arguments()

    assert {"--setting-sources=user,project", "--mcp-config=/srv/mcp.json"} <= set(found)
    assert "--disable-slash-commands" not in found
