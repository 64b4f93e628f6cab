"""
Coding agents that share a repository: each file is held by the session that writes it first.

place    which repository, which board: one for all worktrees
events   what the hooks of Claude Code and Codex say
hook     called before each write: grants it, or refuses it with who holds the file
commits  called before each commit: refuses files that others hold
prime    what an agent is told when its session begins
setup    the agents' own configuration: what is added to it, and taken out again

`place`, `events` and `hook` need the standard library only, as long as a hub runs: an agent waits for them.
"""
