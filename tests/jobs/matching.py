"""Agents that differ: each task goes to one that can do it, and what nobody can do is explained."""

import threading

from ants_coord import Matchmaker, Task

done = {}


def work(market, name, labels, attributes):
    with market.join(name, labels, attributes=attributes) as me:
        for lease in me.claims(until="idle"):
            with market.work(lease) as job:
                done[job.task] = name
                job.result = name


with Matchmaker() as market:
    market.submit_many(
        [
            Task("train", requires="gpu and mem >= 16"),
            Task("preview", requires="gpu"),
            Task("read", requires="python:>=3.11"),
            Task("fold", requires="tpu"),
        ]
    )
    agents = [("big", {"gpu"}, {"mem": 24}), ("small", {"gpu"}, {"mem": 8}), ("script", {"python:3.12"}, {})]
    crowd = [threading.Thread(target=work, args=(market, *agent)) for agent in agents]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert done["train"] == "big"
    assert done["preview"] in ("big", "small")
    assert done["read"] == "script"
    assert market.find("fold").state == "ready"
    try:
        market.result("fold", timeout=0)
    except TimeoutError as late:
        assert "'fold' is ready" in str(late)

print("done:", dict(sorted(done.items())))
