"""
Commands as tasks: the implementation of `run` and `work`.

batch         job files
running       the commands run and work
child         one command of a job, as a process
progress      output while they run
"""
