# Generated, do not edit: change ants_coord/adapters/tools/aio.py and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""The tools, for threads: each public method is a tool, and its docstring is what models read."""

# no `from __future__ import annotations` here: some frameworks read the annotations themselves

import inspect
from contextlib import suppress
from typing import Any, Literal

from ...engine.advert_keeper import AdvertKeeper
from ...errors import ClosedError, CoordinationError, LeaseLostError
from ...fronts.file_names import names_of_files
from ...values.marks import Mark
from ...values.tasks import Lease, Task
from .arguments import Refusal, fitted, value_of
from .holding import Attention, Held, Holding
from .sentences import plain, refused

_SHOWN = 100


class Tools:
    """
    The tools of one agent, for threads.

    Args:
        board: the whole board as the agent asks it, of the same colour.
        agent: the agent's own handle on it.
        holding: the agent's leases.
        names: the names of its tools.
        longest_s: longest wait of a claim, in seconds.

    """

    def __init__(
        self, board: Any, agent: Any, holding: Holding, names: tuple[str, ...], longest_s: float
    ) -> None:
        self._board = board
        self._agent = agent
        self._holding = holding
        self._names = names
        self._longest_s = longest_s
        self._member: Any = None
        self._signatures = {name: inspect.signature(getattr(self, name)) for name in names}

    def _answer(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """Call a tool; a refusal is an answer, too."""
        try:
            if self._board.is_closed:
                raise ClosedError  # closing has ended all leases, which alone would be reported otherwise
            given = fitted(self._signatures[name], args, options)
            self._show_life(name)
            answer: dict[str, Any] = getattr(self, name)(**given)
            if not self._holding.is_watched:  # `idle` seconds passed while the call waited
                self._wake()
        except (CoordinationError, Refusal, ValueError, TypeError, TimeoutError) as refusal:
            return {"ok": False, "say": refused(refusal, name, self._agent.name, self._names)}
        return {"ok": True, **answer}

    def _show_life(self, name: str) -> None:
        holding = self._holding
        if not holding.is_watched:
            self._wake()
        holding.show_life()
        for held in holding.unmeasured():
            record = self._agent.find(held.lease.task)
            own = None if record is None else record.task.stall_after
            holding.measure(held, (self._board.settings()).stall_after if own is None else own)
        for held in holding.to_sign():
            try:
                self._agent.progress(held.lease, {"calls": name})
            except LeaseLostError as lost:
                holding.lose(lost)

    def _wake(self) -> None:
        """Resume keeping what the agent still holds, because it was silent and calls again."""
        self._board._tend(Attention, self._holding.attend)
        self._holding.resume()
        if self._member is not None and not self._member.is_replaced:
            self._member.update()

    def _then(self, tool: str, text: str) -> str:
        """Return a sentence about the next step, if the agent has the tool that it names."""
        return text if tool in self._names else ""

    def _give_back(self) -> None:
        """Release what is held, and withdraw; another session of the same agent keeps its own leases."""
        for held in self._holding.take_all():
            with suppress(CoordinationError):  # the board is closed
                self._leave(held)
        member, self._holding.membership, self._member = self._holding.membership, None, None
        with suppress(CoordinationError):  # an advert that cannot be withdrawn fades
            if member is not None:
                self._board._tend(AdvertKeeper, member._let_go)
                if not member.is_replaced:
                    self._board.withdraw(self._agent.name)
            if self._holding.is_watched:
                self._board._tend(Attention, self._holding.leave)

    # -- tasks ----------------------------------------------------------------------------------

    def claim_task(
        self, kinds: list[str] | None = None, task: str = "", wait_s: float = 0
    ) -> dict[str, Any]:
        """
        Take a task that is ready. You hold it until you call complete_task.

        Args:
            kinds: Only these kinds of task.
            task: This task only.
            wait_s: Seconds to wait for one, at most 45.

        """
        mine = self._holding.task(task) if task else None
        if mine is not None:
            return self._claimed(mine.lease)
        only = {"kinds": kinds or None, "task": task or None}
        if wait_s > 0:
            try:
                lease = self._agent.claim(**only, timeout=min(wait_s, self._longest_s))
            except TimeoutError:
                lease = None
        else:
            lease = self._agent.claim_nowait(**only)
        if lease is None and task:
            lease = self._taken_over(task)
        if lease is not None:
            self._holding.keep(lease)
            return self._claimed(lease)
        why = (self._agent.explain(task) if task else self._agent.explain_agent())
        return {"task": None, "say": f"Nothing for you now: {plain(str(why))}. Call claim_task again later."}

    def _taken_over(self, task: str) -> Lease | None:
        """Return the lease of a task that an earlier session of this agent has left behind."""
        record = self._agent.find(task)
        if record is None or record.lease is None or record.lease.agent != self._agent.name:
            return None
        found: Lease | None = None
        for lease in self._agent.adopt():
            if lease.task == task:
                found = lease
            else:
                self._holding.keep(lease)
        if found is None:
            raise Refusal(
                f"{task} is held by another session under your name. If that has ended, call claim_task "
                f"with this task again in {record.lease.ttl_ns / 1e9:.0f} seconds.",
                "claim_task",
            )
        return found

    def _claimed(self, lease: Lease) -> dict[str, Any]:
        answer = {
            "task": lease.task,
            "lease": lease.handle,
            "kind": lease.kind,
            "payload": lease.payload,
            "inputs": lease.inputs,
            "attempt": lease.attempt,
        }
        if lease.notes:
            answer["notes"] = [{"by": one.agent, "note": one.note} for one in lease.notes]
        then = self._then("complete_task", " Do it, then call complete_task.")
        return {**answer, "say": f"You hold {lease.task}.{then}"}

    def complete_task(
        self,
        lease: str = "",
        result: str = "",
        outcome: Literal["done", "failed", "give_up", "handed_back"] = "done",
    ) -> dict[str, Any]:
        """
        End a task that you hold.

        Args:
            lease: Its id or lease; empty if you hold one only.
            result: What came out, or why it failed: text or JSON.
            outcome: failed is tried again, give_up is not; handed_back leaves it to others.

        """
        held = self._holding.task(lease)
        if held is None:
            return self._ended_before(lease, outcome)
        reason = str(result or "the agent gave no reason")
        try:
            if outcome == "done":
                state = (self._agent.complete(held.lease, value_of(result))).state
            elif outcome == "handed_back":
                self._agent.decline(held.lease, None, reason)
                state = "handed back"
            else:
                state = self._agent.fail(held.lease, reason, retry=outcome == "failed")
        except LeaseLostError as lost:
            self._holding.lose(lost)
            raise
        then = self._then("claim_task", " Call claim_task for the next one.")
        answer = {"task": held.lease.task, "state": str(state), "say": f"{held.lease.task} is {state}.{then}"}
        self._holding.end(held, outcome, answer)
        return answer

    def _ended_before(self, name: str, outcome: str) -> dict[str, Any]:
        """
        Answer for a lease that is not held: the same answer if the agent has ended it, otherwise the reason.
        """
        known = self._holding.answered(name)
        if known is not None:
            if known[0] == outcome:
                return known[1]
            raise Refusal(f"You have ended it already, as {known[0]}.", "claim_task")
        self._holding.raise_if_lost(name)
        if not name:
            raise Refusal("You hold no task.", "claim_task")
        task, mark, token = name.rpartition("#")
        task = task if mark and token.isdigit() else name
        record = self._agent.find(task)
        if record is None:
            raise Refusal(f"You hold no task {task}, and there is none.", "claim_task")
        end = record.outcome
        if end is not None and end.by == self._agent.name and outcome == "done":
            return {"task": task, "state": str(record.state), "say": f"{task} is {record.state}."}
        if record.lease is None:
            raise Refusal(f"You do not hold {task}; it is {record.state}.", "claim_task")
        if record.lease.agent == self._agent.name:
            raise Refusal(f"{task} is held by another session under your name.", "claim_task")
        raise Refusal(f"{task} is held by {record.lease.agent}, not by you.", "claim_task")

    def submit_task(
        self,
        id: str,
        payload: str = "",
        kind: str = "default",
        needs: list[str] | None = None,
        priority: int = 0,
        requires: str = "",
    ) -> dict[str, Any]:
        """
        Add a task for any agent.

        Args:
            id: A new short id, such as fix-login.
            payload: What to do: text or JSON.
            kind: Kind of work, one word.
            needs: Ids of tasks to be done before.
            priority: Higher is first.
            requires: What an agent must have, such as "python and gpu_mem >= 16".

        """
        task = Task(
            id,
            kind=kind,
            payload=value_of(payload),
            needs=tuple(needs or ()),
            priority=priority,
            requires=requires or None,
        )
        ticket = self._agent.submit(task)
        told = "is added" if ticket.created else "was there already"
        return {"task": ticket.id, "state": str(ticket.state), "say": f"{ticket.id} {told}."}

    def why(self, task: str) -> dict[str, Any]:
        """
        Say why a task is not done: what it waits for, who holds it, what failed.

        Args:
            task: Its id.

        """
        found = self._agent.explain(task)
        return {"state": found.state, "reasons": list(found.reasons), "say": plain(str(found))}

    def list_tasks(
        self,
        state: Literal["", "waiting", "delayed", "ready", "leased", "done", "failed", "cancelled"] = "",
        count: int = 20,
    ) -> dict[str, Any]:
        """
        List tasks with their state and holder.

        Args:
            state: Only those in this state.
            count: How many at most.

        """
        records = self._board.tasks(state=state or None, count=max(1, min(count, _SHOWN)))
        rows = [
            {
                "task": one.task.id,
                "kind": one.task.kind,
                "state": str(one.state),
                "holder": one.lease.agent if one.lease else None,
            }
            for one in records
        ]
        return {"tasks": rows, "say": f"{len(rows)} shown."}

    # -- files ----------------------------------------------------------------------------------

    def lock_files(self, paths: list[str]) -> dict[str, Any]:
        """
        Reserve files before you edit them: all or none.

        Args:
            paths: Files, or folders with all below.

        """
        if not paths:
            raise Refusal("Wrong arguments: paths is empty.")
        lease = self._agent.lock_nowait(*names_of_files(paths), holder=self._holding.session)
        self._holding.keep(lease)
        then = self._then("unlock", " Call unlock after your edit.")
        return {"lease": lease.handle, "paths": list(lease.names), "say": f"Yours.{then}"}

    def unlock(self, lease: str = "") -> dict[str, Any]:
        """
        Free files that you reserved.

        Args:
            lease: A file or lease; empty for all.

        """
        held = self._holding.locks(lease) or self._holding.locks(self._lock_name(lease))
        if not held:
            known = self._holding.answered(lease, locks=True)
            if known is not None and known[0] == "unlocked":
                return known[1]
            self._holding.raise_if_lost(lease, locks=True)
            raise Refusal(f"You have not locked {lease or 'anything'}.", "lock_files")
        freed = sorted({name for one in held for name in one.lease.names})
        answer = {"paths": freed, "say": f"Free: {', '.join(freed)}."}
        for one in held:
            self._leave(one)
            self._holding.end(one, "unlocked", answer)
        return answer

    def _lock_name(self, path: str) -> str:
        try:
            return names_of_files([path])[0] if path else path
        except ValueError:
            return path

    def _leave(self, held: Held) -> None:
        for _ in range(held.depth):
            try:
                self._agent.release(held.lease)
            except LeaseLostError:
                return  # it has ended, so it is free as well

    # -- what a Matchmaker adds -----------------------------------------------------------------

    def advertise(self, capabilities: list[str], accepts: str = "", slots: int = 1) -> dict[str, Any]:
        """
        Say what you can do; you get only tasks that fit.

        Args:
            capabilities: Words such as python or doc.parse.pdf.
            accepts: Your own rule, such as "priority >= 0".
            slots: Tasks at a time.

        """
        said = {"capabilities": tuple(capabilities), "accepts": accepts or None, "slots": slots}
        if self._member is None or self._member.is_replaced:
            member = self._board.join(self._agent.name, **said)
            member.__enter__()
            self._member = self._holding.membership = member
        else:
            self._member.update(**said)
        count = len(self._agent.offers())
        then = self._then("claim_task", " Call claim_task to take one.")
        return {"offers": count, "say": f"{count} tasks fit you now.{then}"}

    # -- what a Blackboard adds -----------------------------------------------------------------

    def leave_mark(self, kind: str, place: str, strength: float = 1.0) -> dict[str, Any]:
        """
        Mark a place for others; marks fade by themselves.

        Args:
            kind: What it means; read_board lists the kinds.
            place: A path or topic.
            strength: How strongly.

        """
        trail = self._agent.deposit(Mark(kind, place, strength))
        return {"strength": round(trail.strength, 3), "say": f"Marked {place}."}

    def post_note(self, path: str, text: str) -> dict[str, Any]:
        """
        Write a note that every agent can read.

        Args:
            path: Where, such as notes/login.
            text: Text or JSON.

        """
        entry = self._agent.write(path, value_of(text))
        return {"version": entry.version, "say": f"Written to {path}."}

    def read_board(self, prefix: str = "", count: int = 20) -> dict[str, Any]:
        """
        Read notes and the strongest marks.

        Args:
            prefix: Only paths that begin so.
            count: How many of each at most.

        """
        most = max(1, min(count, _SHOWN))
        kinds = sorted(kind.name for kind in (self._board.settings()).kinds)
        notes = [
            {"path": one.path, "by": one.author, "value": one.value}
            for one in self._board.entries(prefix, count=most)
        ]
        marks = [
            {"kind": one.kind, "place": one.place, "strength": round(one.strength, 3)}
            for kind in kinds or [None]
            for one in self._board.strongest(kind, count=most)
            if one.place.startswith(prefix)
        ]
        say = f"{len(notes)} notes, {len(marks)} marks."
        return {"notes": notes, "marks": marks, "kinds": kinds, "say": say}
