"""The command line: `ants-coord`, also `python -m ants_coord`."""
