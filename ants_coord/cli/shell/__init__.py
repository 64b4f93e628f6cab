"""
An agent's verbs as commands: each call is its own process, and leases stay held after it ends.

holding   claim, renew, note, complete, fail, release, decline: a lease passed on as its handle
locks     lock and unlock: for agents that edit one working copy
looking   list, show, result, marks, requeue
watching  mirror and react: files that appear become tasks
"""
