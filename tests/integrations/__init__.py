"""
One agent's tools in real agent frameworks, each with a model of its own that only repeats a story.

They run where the frameworks are installed (dependency group `integrations`), and are skipped elsewhere.
No test reaches beyond this machine: conftest.py refuses it.
"""
