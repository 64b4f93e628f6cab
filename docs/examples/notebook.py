"""
A notebook: workers run in the background, and each cell looks at the board.

Editors that know `# %%` cells (VS Code, Spyder, Jupyter with jupytext) open this file as a notebook.
"""

# %% A board that outlives the kernel, and workers in the background
import threading

from ants_coord import ClaimQueue, Task

board = ClaimQueue("notebook.db")  # restart the kernel, run this cell again: nothing is lost


def square(job):
    """Stand for work that takes long."""
    return job.payload**2


workers = threading.Thread(target=board.serve, args=(square,), kwargs={"concurrency": 4}, daemon=True)
workers.start()

# %% Submit; run the cell again as often as you like, since the ids are the same
tickets = board.submit_many(Task(f"square/{n}", payload=n) for n in range(10))

# %% Look
statistics = board.statistics()
print(statistics.unfinished, "tasks are unfinished")

# %% Wait for all results
results = board.results(tickets, timeout=60)
print(results)

# %% Ask what happened to one task
print(board.explain("square/3"))

# %% End: workers give back what they hold
board.close()
workers.join()
