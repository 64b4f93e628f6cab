"""
Mistakes, as (file, what stands there, what would be wrong, the method that must notice).

What stands there must occur exactly once, so that a changed line of the
package cannot silently disarm its mutant.
"""

# What breaks the two promises of tests/properties, by name. Each must be noticed by the properties, whatever the
# seed, and by the conformance suite, which people run who never see these tests.
BROKEN_PROMISES: dict[str, tuple[str, str, str]] = {
    "a named claim of a leased task is granted": (
        "core/work/leases.py",
        "        or row.state is not READY\n",
        "",
    ),
    "a lease expires a tick late": (
        "core/work/lifecycle.py",
        "(entry := alarms.next_lease()) is not None and entry[0] <= lease_now:",
        "(entry := alarms.next_lease()) is not None and entry[0] < lease_now:",
    ),
    "a lease expires a tick early": (
        "core/work/lifecycle.py",
        "alarms.leases[0][0] <= lease_now:\n        while (entry := alarms.next_lease()) is not None and entry[0] <= lease_now:",
        "alarms.leases[0][0] <= lease_now + 1:\n        while (entry := alarms.next_lease()) is not None and entry[0] <= lease_now + 1:",
    ),
    "a lock looks at the first of its names only": (
        "core/work/locking.py",
        "    for name in command.names:\n        for row in holders",
        "    for name in command.names[:1]:\n        for row in holders",
    ),
    "entering a lock again makes it shorter": (
        "core/work/locking.py",
        "outer.deadline_ns = max(outer.deadline_ns, now + ttl_ns)",
        "outer.deadline_ns = now + ttl_ns",
    ),
    "leaving a lock once frees it, however often it was entered": (
        "core/work/leases.py",
        "        if row.depth > 1:",
        "        if False:",
    ),
    "a stale token completes": (
        "core/work/leases.py",
        "    if row is None or row.token != command.token:\n        return _refuse(ledger, command.task, command.token)\n    if command.agent is not None",
        "    if row is None:\n        return _refuse(ledger, command.task, command.token)\n    if command.agent is not None",
    ),
    "a stale token fails the attempt": (
        "core/work/leases.py",
        "row.token != command.token or row.state is not LEASED:\n        return _refuse(ledger, command.task, command.token)\n    refusal = foreign(command.agent, row)",
        "row.state is not LEASED:\n        return _refuse(ledger, command.task, command.token)\n    refusal = foreign(command.agent, row)",
    ),
    "a stale token renews and releases": (
        "core/work/leases.py",
        "    if row is not None and row.token == token and row.state is LEASED:\n        return row",
        "    if row is not None and row.state is LEASED:\n        return row",
    ),
    "a token repeats after the third attempt": (
        "core/work/leases.py",
        "    row.token = token = next_token(ledger)\n    row.agent",
        "    row.token = token = row.token if row.attempts >= 3 else next_token(ledger)\n    row.agent",
    ),
    "a renewal is told and not kept": (
        "core/work/leases.py",
        "        row.deadline_ns = deadline\n        if earlier:",
        "        if earlier:\n            row.deadline_ns = deadline",
    ),
}

MUTANTS: list[tuple[str, str, str, str]] = [
    # exclusion and fencing
    *[(file, old, new, "exclusivity") for file, old, new in BROKEN_PROMISES.values()],
    ("core/work/leases.py", "    last, stamp = ledger.last_token + 1,", "    last, stamp = ledger.last_token,", "conformance"),
    ("core/work/leases.py", "    ledger.last_token = token = max(last, stamp)", "    token = max(last, stamp)", "conformance"),
    ("core/work/leases.py", 'command.late == "accept" and row.lost == "expired"', 'row.lost == "expired"', "scenarios"),
    ("core/work/leases.py", "        row.token = token = next_token(ledger)\n        row.deadline_ns = ledger.timeline",
     "        token = row.token\n        row.deadline_ns = ledger.timeline", "conformance"),
    # time
    ("core/work/lifecycle.py", "alarms.leases[0][0] <= lease_now:", "alarms.leases[0][0] + 1 <= lease_now:", "conformance"),
    ("core/work/lifecycle.py", "    _, lease_now, now = ledger.timeline.advance(raw_ns)", "    lease_now = now = raw_ns", "walk"),
    ("core/state/timeline.py", "        if raw_ns > previous:", "        if raw_ns != previous:", "walk"),
    ("core/state/timeline.py", "            if raw_ns > calendar:", "            if True:", "walk"),
    ("core/work/leases.py", "        deadline = now + ttl_ns if latest is None", "        deadline = row.deadline_ns if latest is None", "conformance"),
    ("core/state/timeline.py", "            elif row.deadline_ns != deadline:", "            elif False:", "conformance"),
    ("core/work/lifecycle.py", "    if row.ready_ns < 0:\n        row.ready_ns", "    if True:\n        row.ready_ns", "walk"),
    # attempts and retries
    ("core/work/leases.py", "not command.retry or row.attempts >= max_attempts", "not command.retry or row.attempts > max_attempts", "conformance"),
    ("core/work/lifecycle.py", "    if row.attempts >= max_attempts(ledger, row) or hopeless", "    if row.attempts > max_attempts(ledger, row) or hopeless", "conformance"),
    ("core/work/leases.py", "    row.attempts -= 1\n    row.releases += 1", "    row.releases += 1", "conformance"),
    ("core/work/lifecycle.py", "    for _ in range(attempts - 1):", "    for _ in range(attempts):", "conformance"),
    ("core/work/submitting.py", "    row.generation += 1\n    row.attempts = 0", "    row.generation += 1", "conformance"),
    # signs of work
    ("core/work/leases.py", "    sign(ledger, row)\n    keep_note", "    keep_note", "conformance"),
    ("core/work/signs.py", "    return not is_over", "    return True", "conformance"),
    ("core/work/signs.py", "if token != row.token])", "])", "conformance"),
    # splitting
    ("core/work/splitting.py", "    row.attempts -= 1\n", "", "conformance"),
    ("core/work/splitting.py", "row.token != command.token or row.state", "row.state", "scenarios"),
    # not now, not me
    ("core/work/declining.py", "<< min(times - 1, _DOUBLINGS)", "<< 0", "conformance"),
    ("core/work/declining.py", "    row.attempts -= 1\n", "", "conformance"),
    ("core/work/leases.py", "    later = command.retry and command.retry_ns is not None", "    later = False", "conformance"),
    # proofs
    ("core/matching/proofs.py", "return not is_given(name) and not any(", "return not any(", "proofs"),
    ("core/matching/proofs.py", "barred = [name for name in claimed if name not in proven]", "barred = []", "proofs"),
    ("core/matching/proofs.py", "            requires=_address(agent),\n", "", "proofs"),
    ("core/matching/proofs.py", "            elif row[1] == CLAIMED and not row[2]:", "            elif not row[2]:", "proofs"),
    ("core/matching/proofs.py", 'verb == "reject" or (verb == "give_up" and row.lost != "expired")', 'verb in ("reject", "give_up")', "proofs"),
    ("core/matching/proofs.py", "            if not is_right:\n                self._refute_now(ledger, key)\n", "", "proofs"),
    ("core/matching/proofs.py", "PROVEN, \"\", question + 1, doubt)", "PROVEN, \"\", question, doubt)", "proofs"),
    ("core/matching/proofs.py", "PROVEN, \"\", question + 1, doubt)", "PROVEN, \"\", question + 1, False)", "proofs"),
    ("core/matching/proofs.py", "row.outcome = evolve(row.outcome, result=None)", "pass", "proofs"),
    ("core/matching/proofs.py", "if before.get(key[1]) != after.get(key[1])]", "if key[1] not in after]", "proofs"),
    ("core/matching/adverts.py", "            for hook in ledger.on_advert if fading else ():\n                hook(ledger, agent)\n", "", "proofs"),
    ("core/matching/eligibility.py", "        for hook in ledger.on_advert:\n            hook(ledger, agent)", "", "proofs"),
    ("values/verification.py", "    return _salted(digest_of(question), digest)", "    return _salted(\"\", digest)", "proofs"),
    ("core/state/ledger.py", " - self.own_tasks\n", "\n", "proofs"),
    ("core/trust/evidence.py", 'return not ledger.rules or ("part Skills", self.version) in ledger.rules', "return True", "proofs"),
    ("core/matching/eligibility.py", "agent, name, float(is_right), float(not is_right))", "agent, name, 1.0, 0.0)", "proofs"),
    # purses
    ("core/work/purses.py", "min(amount, balance + amount * (current - window))", "balance + amount * (current - window)", "purses"),
    ("core/work/purses.py", "min(amount, balance + amount * (current - window))", "amount", "purses"),
    ("core/work/purses.py", "        return balance - self.reserved.get(name, 0)", "        return balance", "purses"),
    ("core/work/purses.py", "            self.reserved[name] -= n\n        for", "            pass\n        for", "purses"),
    ("core/work/purses.py", "settled = min(n, drawn[name])", "settled = drawn[name]", "purses"),
    ("core/work/purses.py", "        part.reserved[name] -= settled\n", "", "purses"),
    ("core/work/purses.py", "balance + command.amount - amount, spent", "command.amount, spent", "purses"),
    ("core/work/purses.py", "            ledger.order.reopen(purse_name(name))\n", "", "purses"),
    ("core/work/purses.py", "spent + n, coordination", "n, coordination", "conformance"),
    ("core/work/purses.py", "            if n:\n                self._open(ledger, name)", "            pass", "purses"),
    ("core/work/doors.py", "return purses if limit is None else (limit, *purses)", "return purses", "purses"),
    # needs, keys, limits, locks
    ("core/work/lifecycle.py", "            elif dependent.waiting == 0:\n                ledger.undo.touch(dependent)",
     "            elif dependent.waiting <= 1:\n                ledger.undo.touch(dependent)", "conformance"),
    ("core/work/leases.py", "    if task in ledger.dependents:\n        settle(ledger, row)", "    if False:\n        settle(ledger, row)", "conformance"),
    ("core/work/submitting.py", '        return DependencyError(cycle[0], "needs itself: " + " -> ".join(cycle))', "        return None", "conformance"),
    ("core/work/lifecycle.py", "    if spec.key is not None:\n        del ledger.keys[spec.key]\n    for need", "    for need", "conformance"),
    ("core/work/lifecycle.py", "        if was_full:\n            ledger.order.reopen(limit)", "        if False:\n            ledger.order.reopen(limit)", "conformance"),
    ("core/state/ledger.py", "len(self.live.get(limit, ())) < self.limits.get(limit, 1)", "len(self.live.get(limit, ())) <= self.limits.get(limit, 1)", "conformance"),
    ("core/work/locking.py", "    for name in command.names:\n        for row in holders", "    for name in command.names[-1:]:\n        for row in holders", "conformance"),
    # order
    ("core/work/ready.py", "if self._aging_ns else -spec.priority\n        if lane", "if self._aging_ns else spec.priority\n        if lane", "conformance"),
    ("core/work/ready.py", "            if best is None or (lane.limit is not None and not is_open(lane.limit)):", "            if best is None:", "conformance"),
    ("core/matching/order.py", "                if best is not None and best[:2] < entry[:2]:\n                    continue\n", "", "match"),
    # the short way
    ("core/work/short.py", "        ledger.quiet_until_ns = min(ledger.quiet_until_ns, lease.expires_ns)\n", "", "conformance"),
    # the log
    ("core/machine.py", "        known = None if request is None else _answer_again(ledger, request, command)", "        known = None", "conformance"),
    # results that others check
    ("core/work/opinions.py", "        if principals.of(ledger, agent) in {principals.of(ledger, author) for author in authors}:\n            return False\n", "", "checks"),
    ("core/trust/checks.py", "        ledger.order.reorder(row)  # if an old entry", "        # if an old entry", "checks"),
    ("core/trust/checks.py", "        row.attempts -= 1  # only what fails counts as an attempt\n", "", "checks"),
    ("core/trust/checks.py", "            if len(side) >= verify.agree:", "            if len(side) > verify.agree:", "checks"),
    ("core/trust/checks.py", "        if len(best) + verify.most - len(given) < verify.agree:", "        if len(best) + verify.most - len(given) <= verify.agree:", "checks"),
    ("core/trust/checks.py", "        outcome = end(ledger, row, \"complete\", result=result, by=authors[0])", "        outcome = end(ledger, row, \"complete\", result=result)", "checks"),
    ("core/work/lifecycle.py", "    if spec.id in ledger.tables[\"handed\"]:\n        ledger.checking.enter(ledger, row)", "    if False:\n        ledger.checking.enter(ledger, row)", "checks"),
    ("engine/replica.py", "        self._catch_up()\n        is_idle = ", "        is_idle = ", "shared"),
    # short ways for what is usual
    ("core/work/ready.py", "            if lane.limit is None and entries and", "            if entries and", "walk"),
    ("core/work/submitting.py", "    if len(new) == 1 and new[0].is_plain:", "    if len(new) == 1:", "walk"),
    ("core/work/submitting.py", "        if task.id not in ledger.tasks and task.id not in ledger.tombstones:", "        if task.id not in ledger.tasks:", "walk"),
    ("core/work/lifecycle.py", "    while len(faded) < 2 * len(leaving) and stones:", "    while len(faded) < len(leaving) and stones:", "walk"),
    ("core/work/submitting.py", "        ledger.news.ready.append((task.kind, signature, task_id))", "        pass", "waiting"),
    ("core/work/submitting.py", "            if need not in changing and is_result_lost(ledger, need):", "            if False:", "scenarios"),
    # waiting
    ("engine/lobby.py", "            if hint is not None:\n                if claimed is None:", "            if False:\n                if claimed is None:", "waiting"),
    ("core/work/lifecycle.py", "        ledger.news.ready.append((spec.kind, signature, spec.id))", "        pass", "waiting"),
    ("core/work/lifecycle.py", "        ledger.news.ended.append(spec.id)", "        pass", "waiting"),
    ("core/work/lifecycle.py", "            ledger.news.freed.append(name)", "            pass", "waiting"),
    ("engine/lobby.py", "        if passes_on:\n            self._wake_ready(ANY, after=number)", "        if False:\n            self._wake_ready(ANY, after=number)", "waiting"),
    ("engine/lobby.py", "        if self.has_left:\n", "        if False:\n", "waiting"),
    ("engine/engine.py", "                self._spread()  # it may be", "                # it may be", "waiting"),
    # matching
    ("core/matching/eligibility.py", "        if self.held(ledger, agent) >= slots:", "        if self.held(ledger, agent) > slots:", "match"),
    ("core/matching/eligibility.py", "        if member is None or self.ledger.tables[\"presence\"][agent][2]:\n            view", "        if member is None:\n            view", "match"),
    ("core/matching/order.py", "            if entry[2].lane.signature in signatures and entry[2].spec.id not in declined:", "            if entry[2].spec.id not in declined:", "layout"),
    ("core/matching/index.py", "        self._made.append(number)\n", "        if number == len(self.signatures) - 1:\n            self._made.append(number)\n", "layout"),
    ("core/matching/index.py", "        for masks in (self.ready, self.plain, self.free):\n            masks[block] &= rest\n", "", "layout"),
    ("core/matching/order.py", "            if best is not None and best[:2] < bound:", "            if best is not None:", "layout"),
    ("core/board/order.py", "    found.sort(key=_rank)\n", "", "layout"),
    ("core/matching/eligibility.py", "            total[name] = total.get(name, 0) + amount", "            total[name] = amount", "match"),
    # the board
    ("core/board/order.py", "one = (score / threshold if score > 0 else 0.0,", "one = (score if score > 0 else 0.0,", "board"),
    ("core/board/order.py", "                if best is None or one[:3] > best[:3]:", "                if best is None or one[:3] < best[:3]:", "board"),
    ("core/board/order.py", "                score = indifference + pulled +", "                score = indifference +", "board"),
    ("core/board/trails.py", "            if laid < self.faint:", "            if laid < 0:", "board"),
    ("core/board/trails.py", "        return strength if strength >= self.faint else 0.0", "        return strength / 2", "board"),
    ("core/board/trails.py", "factor = rule.success if verb", "factor = rule.failure if verb", "board"),
    # found by a stranger: each survived all tests that there were
    ("journals/files.py", "            except TimeoutError:\n                pass\n", "            except TimeoutError:\n                continue\n", "corners"),
    ("engine/replica.py", "            # what was written before the watch began is seen by this look\n            self._catch_up()\n", "", "corners"),
    ("engine/replica.py", "        self._take_over(machine, position)\n        self._lobby.wake_all()\n", "        self._take_over(machine, position)\n", "corners"),
    ("journals/sqlite.py", "        if newest is not None and newest >= position:", "        if newest is not None and newest > position:", "corners"),
    ("journals/board_file.py", "anchor = max(wall, last + 1) - since_boot", "anchor = wall - since_boot", "corners"),
    ("sync/worker.py", "            errors.append(error)\n            stop.set()\n", "            errors.append(error)\n", "corners"),
    ("fronts/serving.py", "        if self.is_set:\n            raise ClosedError(\"the worker is stopping\")\n", "", "corners"),
    ("core/work/lifecycle.py", "for dependent in by_submission(ledger.dependents.get(row.spec.id, {})):", "for dependent in list(ledger.dependents.get(row.spec.id, {}).values()):", "corners"),
    ("core/work/lifecycle.py", "    pause = min(pause, most)\n", "", "corners"),
    ("core/matching/eligibility.py", "pause = min(1 << min(failures - most, 10), _BENCH_MOST) * _BENCH_NS", "pause = (1 << min(failures - most, 10)) * _BENCH_NS", "corners"),
    ("core/matching/eligibility.py", "if not fading and now - late_ns <= deadline <= now and late_ns >= ttl:", "if not fading and now - late_ns <= deadline <= now:", "corners"),
    ("core/work/leases.py", "row.agent, row.ttl_ns, row.lost, row.note = agent, ttl_ns, \"\", None", "row.agent, row.ttl_ns, row.lost = agent, ttl_ns, \"\"", "corners"),
    ("core/board/trails.py", "            ledger.undo.put(ledger.tables[\"shares\"], (kind, place), less)\n", "            pass\n", "corners"),
    ("core/board/trails.py", "if agent not in shares and len(shares) >= _AUTHORS:", "if agent not in shares and len(shares) > _AUTHORS:", "corners"),
    ("adapters/tools/holding.py", "            self._engine.unkeep(held.kept)\n        if self.membership", "            pass\n        if self.membership", "tools"),
    ("adapters/tools/holding.py", "        for held in list(self._held.values()):\n            self._engine.keep(held.kept)", "        pass", "tools"),
    ("adapters/tools/sync.py", "holder=self._holding.session)", "holder=\"tools\")", "tools"),
    ("adapters/tools/sync.py", "            if known[0] == outcome:", "            if True:", "tools"),
    ("hub/loop.py", "if self._keys and (asked.agent is None or asked.agent not in peer.names):", "if self._keys and asked.agent is None:", "hub"),
    ("hub/loop.py", "                if self._keys:\n                    reply = veil(reply, str(asked.agent))\n", "", "hub"),
    ("hub/loop.py", "        if peer.lines and len(peer.unsent) < _UNSENT:", "        if peer.lines:", "hub"),
    ("hub/loop.py", "            return self._engine.carry_out(batch)", "            return [self._engine.carry_out([one])[0] for one in batch]", "hub"),
    ("hub/plain.py", "    _sign(what, agent)\n    return", "    return", "hub"),
    ("hub/plain.py", "    return Asked(str(verb), agent, what, request_id)", "    return Asked(str(verb), agent, what)", "hub"),
    ("hub/address.py", "        if not self._lock.take_now():", "        if False:", "hub"),
    ("hub/address.py", "            os.chmod(where, 0o600)\n", "", "hub"),
    ("hub/thin.py", "    _refuse_strangers(path, found)\n    if stat", "    if stat", "hub"),
    ("adapters/coding/hook.py", "        return held.name, held.holder, held.expires_in\n    finally:\n        board.close(keep=True)", "        return held.name, held.holder, held.expires_in\n    finally:\n        board.close()", "hub"),
    ("adapters/coding/hook.py", "agent=agent, holder=holder, lease_ttl=HELD_S)", "agent=agent, lease_ttl=HELD_S)", "hub"),
    ("adapters/coding/events.py", "[-8:]", "[:8]", "hub"),
]  # fmt: skip
