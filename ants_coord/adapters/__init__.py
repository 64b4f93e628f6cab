"""
Bridges to the outside. Each module imports what it connects to; only the command line imports these modules.

files         a directory mirrored on a board
mirror_rules  which files of a directory are mirrored, and how they are read
tap           events passed to sinks, each once
spans         from events to leases: who held what from when until when
trace         a trace for Chrome and Perfetto
report        one HTML page that shows a run
prometheus    counts as text
coding        coding agents that share a repository: each file is held by the session that writes it first
otel          spans and metrics for OpenTelemetry
mcp           an agent's tools as an MCP server
tools         an agent's verbs as plain functions, for any agent framework
"""
