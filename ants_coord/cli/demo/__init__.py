"""
What the demo command runs.

colony, board, match, trust  one demo each
bazaar                       agents of all characters, in processes
index_job, skill_job         the work they do
watch                        the picture of it
"""
