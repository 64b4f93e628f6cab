"""The hub: lines, connections, addresses, keys."""
