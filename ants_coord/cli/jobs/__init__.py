"""
Commands as tasks: the implementation of `run` and `work`.

batch     commands from a JSON Lines file, read strictly
running   run and work: the commands that run the commands of a file
child     one command as a child: its environment, its output, its end
progress  the output of run and work while they run
"""
