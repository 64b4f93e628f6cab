"""
An agent's verbs as commands: each call is a process of its own, which keeps what it took.

holding       claim, renew, note, complete, fail, release, decline
locks         lock and unlock
looking       list, show, result, marks, requeue
watching      mirror and react: files that appear become tasks
"""
