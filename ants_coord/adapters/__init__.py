"""
Bridges to the outside: each module imports what it connects to, and nothing imports these modules.

files       a directory mirrored on a board
tree        which files of a directory are mirrored, and how they are read
tap         events passed to sinks, each once
spans       from events to leases: who held what from when until when
trace       a trace for Chrome and Perfetto
report      one HTML page about a run
prometheus  counts as text
coding      coding agents that share a repository: hook, guard, briefing, setup
otel        spans and metrics for OpenTelemetry
mcp         an agent's tools as an MCP server
tools       an agent's verbs as plain functions, for any agent framework
"""
