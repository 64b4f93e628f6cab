"""
Commands as tasks: what `run` and `work` do.

batch         job files
running       the commands run and work
child         one command of a job, as a process
progress      what is said while they run
"""
