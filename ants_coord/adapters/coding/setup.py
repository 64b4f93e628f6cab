"""
The hook in the coding agents' own configuration: adding it, showing the diff, and removing it.

Everything is computed before anything is written: if a configuration cannot be read, nothing changes.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs

from .repository import Place

COMMAND = "ants-coord hook"
"""the command must never change: Codex trusts a hook by its exact text, and would ask again after each
release"""
_TIMEOUT_S = 10
_GUARD = "ants-coord guard"
_SCRIPT = f"#!/bin/sh\nexec {_GUARD}\n"

_WRITERS = {"claude": "Edit|MultiEdit|NotebookEdit|Write", "codex": "apply_patch|Bash|Edit|Write"}
_EVENTS: dict[str, dict[str, str | None]] = {
    "claude": {"PreToolUse": _WRITERS["claude"], "SessionStart": None, "SessionEnd": None},
    "codex": {"PreToolUse": _WRITERS["codex"], "SessionStart": None, "Stop": None},
}
_FILES = {"claude": ".claude/settings.json", "codex": ".codex/hooks.json"}
AGENTS = tuple(_FILES)


@attrs.frozen
class Change:
    """A file as it is and as it will be; None is no file."""

    path: Path
    before: str | None
    after: str | None
    is_script: bool = False

    @property
    def diff(self) -> str:
        """The difference, in readable form."""
        texts = (self.before, self.after)
        before, after = [(text or "").splitlines(keepends=True) for text in texts]
        old, new = ["/dev/null" if text is None else str(self.path) for text in texts]
        return "".join(difflib.unified_diff(before, after, old, new))

    def write(self) -> None:
        """Write the change atomically; a link stays a link."""
        path = Path(os.path.realpath(self.path))
        if self.after is None:
            path.unlink()
            if not self.is_script:
                with contextlib.suppress(OSError):  # the folder contains something else
                    path.parent.rmdir()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if self.before is not None else 0o755 if self.is_script else 0o644
        new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        new.write_text(self.after, encoding="utf-8")
        new.chmod(mode)
        new.replace(path)


def found_agents(root: str, has_program: Callable[[str], object]) -> list[str]:
    """
    Return the coding agents that are used here: those with a folder here, or an installed program.

    Args:
        root: the top of the working tree.
        has_program: tells whether a program is on PATH, such as shutil.which.

    """
    return [name for name in AGENTS if os.path.isdir(os.path.join(root, f".{name}")) or has_program(name)]


def changes(place: Place, agents: Iterable[str], *, undo: bool = False) -> tuple[list[Change], list[str]]:
    """
    Compute the changes.

    Args:
        place: the repository.
        agents: of AGENTS.
        undo: remove what was added.

    Returns:
        The changes, empty if everything is in place, and what must be done by hand.

    Raises:
        ValueError: a configuration cannot be read; nothing was changed.

    """
    found = [_configured(Path(place.root, _FILES[name]), _EVENTS[name], undo) for name in agents]
    script, by_hand = _guarded(place, undo)
    return [
        change for change in (*found, script) if change is not None and change.before != change.after
    ], by_hand


def _configured(path: Path, wanted: dict[str, str | None], undo: bool) -> Change | None:
    before = _read(path)
    if before is None and undo:
        return None
    settings = _parsed(path, before)
    hooks = settings.get("hooks", {})
    _must(path, "hooks", hooks, dict)
    for event, groups in hooks.items():
        _must(path, f"hooks.{event}", groups, list)
    kept = {event: [group for group in groups if not _is_ours(group)] for event, groups in hooks.items()}
    if not undo:
        for event, matcher in wanted.items():
            group: dict[str, Any] = {} if matcher is None else {"matcher": matcher}
            group["hooks"] = [{"type": "command", "command": COMMAND, "timeout": _TIMEOUT_S}]
            mine = [each for each in hooks.get(event, ()) if _is_ours(each)]
            if mine == [group]:
                kept[event] = hooks[event]  # in its present position: repeating the setup changes nothing
            else:
                kept.setdefault(event, []).append(group)
    # an empty list that was there before stays: it is somebody else's
    kept = {event: groups for event, groups in kept.items() if groups or not hooks.get(event, True)}
    after = {**settings, "hooks": kept}
    if not kept and hooks:
        del after["hooks"]
    if after == settings:
        return None
    if not after and not path.is_symlink():  # the target of a link may belong to somebody else, too
        return Change(path, before, None)
    return Change(path, before, json.dumps(after, indent=_indent(before), ensure_ascii=False) + "\n")


def _is_ours(group: Any) -> bool:
    inner = group.get("hooks") if isinstance(group, dict) else None
    return (
        isinstance(inner, list)
        and len(inner) == 1
        and isinstance(inner[0], dict)
        and inner[0].get("command") == COMMAND
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} cannot be read ({problem}); nothing was changed") from None


def _parsed(path: Path, text: str | None) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise ValueError(f"{path} is no JSON ({problem}); mend it first, nothing was changed") from None
    _must(path, "the whole", found, dict)
    return found  # type: ignore[no-any-return]


def _must(path: Path, what: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        word = "an object" if kind is dict else "a list"
        raise ValueError(  # noqa: TRY004 - the file is wrong, not the caller
            f"{path}: {what} must be {word}, not {value!r:.60}; mend it first, nothing was changed"
        )


def _indent(text: str | None) -> int | str:
    """Return the indentation that a file uses already."""
    found = re.search(r"^([ \t]+)\S", text or "", re.MULTILINE)
    if found is None:
        return 2
    return found[1] if "\t" in found[1] else len(found[1])


def _guarded(place: Place, undo: bool) -> tuple[Change | None, list[str]]:
    """Return the change to git's own hook, or what to do by hand if there is another hook."""
    path = Path(place.common, "hooks", "pre-commit")
    before = _read(path)
    if before == _SCRIPT:
        return (Change(path, before, None) if undo else None), []
    if undo:
        return None, []
    if before is not None:
        is_done = _GUARD in before
        return None, [] if is_done else [f"there is a hook already: add `{_GUARD}` to {path}"]
    if Path(place.root, ".pre-commit-config.yaml").exists():
        return None, [
            "this repository uses pre-commit: add the hook ants-coord-guard to .pre-commit-config.yaml"
        ]
    return Change(path, None, _SCRIPT, is_script=True), []
