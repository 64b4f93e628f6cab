"""
An agent's verbs as commands: each call is its own process, and leases stay held after it ends.

holding       claim, renew, note, complete, fail, release, decline
locks         lock and unlock
looking       list, show, result, marks, requeue
watching      mirror and react: files that appear become tasks
"""
