"""What a process may do by itself. The operator decides it; no request can change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

ProfileName = Literal["plain", "read-only", "agent"]
PermissionMode = Literal["dontAsk", "acceptEdits", "plan", "bypassPermissions"]
SettingSource = Literal["user", "project", "local"]

READING: Final = ("Glob", "Grep", "Read")
_ON_FILES: Final = {
    "Edit": "Edit",
    "Glob": "Read",
    "Grep": "Read",
    "NotebookEdit": "Edit",
    "Read": "Read",
    "Write": "Edit",
}
"""The tools that take a path, each with the rule that governs it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The tools of the CLI's own, where they may look, and what they may do unasked.

    `allow` are permission rules; where there are none, the tools are allowed, those on files in
    the working folder and in `folders` only. `sources` are the settings that the CLI loads: with
    them come CLAUDE.md, hooks and skills. `max_turns` bounds the steps of one answer.
    """

    name: ProfileName = "plain"
    tools: Sequence[str] = ()
    allow: Sequence[str] = ()
    folders: Sequence[PurePath] = ()
    permission_mode: PermissionMode = "dontAsk"
    sources: Sequence[SettingSource] = ()
    mcp_config: PurePath | None = None
    max_turns: int = 50

    @property
    def works(self) -> bool:
        """Whether a turn may take steps of its own, tools and all."""
        return self.name != "plain"

    @property
    def own_prompt(self) -> bool:
        """Whether the CLI keeps its own system prompt; the client's is then put behind it."""
        return self.name == "agent"

    def arguments(self) -> tuple[str, ...]:
        """The part of the command line that this decides. Prompts go over stdin."""
        sources = f"--setting-sources={','.join(self.sources)}"
        common = (f"--tools={','.join(self.tools)}", sources, "--strict-mcp-config")
        if not self.works:
            return (*common, "--disable-slash-commands")
        confined = () if self.name == "agent" else ("--restricted", "--disable-slash-commands")
        return (
            *common,
            *confined,
            f"--permission-mode={self.permission_mode}",
            f"--max-turns={self.max_turns}",
            *(f"--allowed-tools={rule}" for rule in self._rules()),
            *(f"--add-dir={folder}" for folder in self.folders),
            *((f"--mcp-config={self.mcp_config}",) if self.mcp_config else ()),
        )

    def _rules(self) -> list[str]:
        if self.allow:
            return list(self.allow)
        places = ("./**", *(f"/{folder}/**" for folder in self.folders))
        scoped = {_ON_FILES[tool] for tool in self.tools if tool in _ON_FILES}
        free = [tool for tool in self.tools if tool not in _ON_FILES]
        return free + [f"{rule}({place})" for rule in sorted(scoped) for place in places]
