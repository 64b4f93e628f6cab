"""
The tests are tested: mistakes that somebody could make, each of which a method must notice.

`python -m tests.mutants` judges them all and prints which method kills which.
"""
