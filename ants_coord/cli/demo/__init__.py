"""
The demos.

colony, board, match, trust  one demo each
bazaar                       agents of all characters, in several processes
index_job, skill_job         the work they do
watch                        the live view
"""
