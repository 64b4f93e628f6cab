"""
Bridges to what lies outside: each module imports what it bridges to, and nobody imports them.

files       a directory mirrored on a board
tree        what of a directory is mirrored, and how it is read
tap         events handed to whoever wants to see them, each once
spans       events as leases: who held what from when until when
trace       a trace for Chrome and Perfetto
report      one HTML page about a run
prometheus  counts as text
coding      coding agents that share a repository: hook, guard, briefing, setup
otel        spans and metrics for OpenTelemetry
mcp         an agent's tools as an MCP server
tools       an agent's verbs as plain functions, for any agent framework
"""
