"""
Coding agents that share a repository: each file is held by the session that writes it first.

place    the repository and its board, which all worktrees share
events   the input of the hooks of Claude Code and Codex
hook     called before each write: grants it, or refuses it and names the holder
commits  called before each commit: refuses files that others hold
prime    what an agent is told when its session starts
setup    changes to the agents' own configuration, and undoing them

`place`, `events` and `hook` need only the standard library while a hub runs, because an agent waits for them.
"""
