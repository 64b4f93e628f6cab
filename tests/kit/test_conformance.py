"""One suite over strategy x journal x colour; and what is broken does not pass."""

import itertools

import pytest

from ants_coord import Blackboard, ClaimQueue, Matchmaker, Task, aio
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ConformanceError, JournalFaults, check_coordinator, check_journal
from ants_coord.testing.conformance.coordinator import STORIES

CLASSES = (ClaimQueue, Matchmaker, Blackboard, aio.ClaimQueue, aio.Matchmaker, aio.Blackboard)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__.split('.')[-1]}.{cls.__name__}")
@pytest.mark.parametrize("journal", ["none", "memory", "sqlite", "hub", "hub of sqlite"])
def test_every_strategy_on_every_journal_in_both_colours(cls, journal, tmp_path, over_hub):
    numbers = itertools.count()

    def make(clock, **settings):
        if journal == "none":
            return cls(clock=clock, **settings)
        if journal == "memory":
            return cls(MemoryJournal(clock), **settings)
        if journal == "hub":
            return over_hub(cls, None, clock, **settings)
        where = SQLiteJournal(tmp_path / f"{next(numbers)}.db", durability="process", clock=clock)
        return (
            over_hub(cls, where, clock, **settings) if journal == "hub of sqlite" else cls(where, **settings)
        )

    assert len(check_coordinator(make)) == len(STORIES) >= 30


class Hasty(ClaimQueue):
    """A board that grants a task that is held, if it is asked for by name."""

    def claim_nowait(self, agent, *, task=None, **options):
        if task is not None and self.find(task).lease is not None:
            return self.find(task).lease
        return super().claim_nowait(agent, task=task, **options)


class Gentle(ClaimQueue):
    """Swallows a refusal."""

    def complete(self, lease, result=None, **options):
        try:
            return super().complete(lease, result, **options)
        except Exception:
            return None


class Shared(ClaimQueue):
    """A board that hands out its own payload."""

    def submit(self, task, **options):
        self.kept = task.payload
        return super().submit(task, **options)

    def claim_nowait(self, agent, **options):
        lease = super().claim_nowait(agent, **options)
        if lease is not None and isinstance(self.kept, dict):
            import attrs

            return attrs.evolve(lease, payload=self.kept)
        return lease


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Hasty, "a_task_has_one_holder"),
        (Gentle, "a_stale_holder_changes_nothing"),
        (Shared, "payloads_and_results_are_copies"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_coordinator_does_not_pass(broken, promise):
    with pytest.raises(ConformanceError) as caught:
        check_coordinator(broken)
    assert promise in caught.value.failures
    assert promise.replace("_", " ") in str(caught.value)
    assert "submitted" in str(caught.value)  # the story is told


def test_some_stories_only():
    assert check_coordinator(ClaimQueue, only=lambda name: "a_pause" in name) == [
        "a pause stops claims and nothing else"
    ]
    with pytest.raises(ValueError, match="only selects no story; there is 'a_task_has_one_holder'"):
        check_coordinator(ClaimQueue, only=lambda name: name == "a task has one holder")


def test_journals(tmp_path):
    kept = {}
    assert len(check_journal(lambda name: kept.setdefault(name, MemoryJournal()))) == 11
    assert len(check_journal(lambda name: SQLiteJournal(tmp_path / f"{name}.db"))) == 11


class Gappy(MemoryJournal):
    def append(self, after, bodies):
        import attrs

        return [attrs.evolve(entry, position=entry.position + 1) for entry in super().append(after, bodies)]


class Deaf(MemoryJournal):
    def append(self, after, bodies):
        return super().append(after, bodies)[-len(bodies) :] if bodies else []


class Forgetful(MemoryJournal):
    def close(self):
        self.entries.clear()


class Hasty2(MemoryJournal):
    """A journal that calls a snapshot whole that is not."""

    def save(self, position, part, piece):
        super().save(position, part, piece)
        self._whole = position


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Gappy, "positions_have_no_gap"),
        (Deaf, "an_append_returns_what_others_wrote_before"),
        (Forgetful, "what_was_written_is_there_after_closing"),
        (Hasty2, "a_snapshot_is_whole_or_not_there"),
    ],
)
def test_a_broken_journal_does_not_pass(broken, promise):
    kept = {}
    with pytest.raises(ConformanceError) as caught:
        check_journal(lambda name: kept.setdefault(name, broken()))
    assert promise in caught.value.failures


class Ahead(MemoryJournal):
    """A journal that shows a clock that its stamps do not follow."""

    def append(self, after, bodies):
        entries = super().append(after, bodies)
        self.entries[-len(bodies) :] = [
            entry._replace(stamp_ns=entry.stamp_ns - 10**9) for entry in self.entries[-len(bodies) :]
        ]
        return [entry._replace(stamp_ns=entry.stamp_ns - 10**9) for entry in entries]


class Torn(MemoryJournal):
    """A journal that writes where the caller stood, over whatever somebody else has written since."""

    def append(self, after, bodies):
        if len(self.entries) > 2:
            del self.entries[after:]
        return super().append(after, bodies)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [(Ahead, "the_clock_is_not_ahead_of_the_stamps"), (Torn, "writers_at_once_make_one_order")],
)
def test_a_journal_that_fails_beside_others_does_not_pass(broken, promise):
    kept = {}
    with pytest.raises(ConformanceError) as caught:
        check_journal(lambda name: kept.setdefault(name, broken()))
    assert promise in caught.value.failures


def test_what_may_go_wrong_is_seen_to_go_wrong():
    """A log in memory that is rewound and stalls, and a reply that is lost: each has its story that fails."""
    kept = {}

    def rewind(name, position):
        del kept[name].entries[position:]

    class Cut(MemoryJournal):
        loses = False

        def append(self, after, bodies):
            seen = super().append(after, bodies)
            if self.loses:  # and is written again under another name: nobody recognises it
                self.loses = False
                return super().append(after, [bodies[0].replace(b'"t', b'"u')])
            return seen

    def cut(name):
        kept[name].loses = True

    faults = JournalFaults(rewind=rewind, cut=cut)
    with pytest.raises(ConformanceError) as caught:
        check_journal(lambda name: kept.setdefault(name, Cut()), faults=faults)
    assert set(caught.value.failures) == {
        "a_lost_reply_doubles_nothing",
        "a_log_that_is_shorter_than_what_was_read_is_told",
        "a_log_that_has_grown_past_what_was_read_is_told",
        "a_board_whose_log_was_rewound_goes_on",
    }


def test_errors_other_than_assertions_count_too():
    class Empty(ClaimQueue):
        def submit(self, task, **options):
            raise KeyError("nothing here")

    with pytest.raises(ConformanceError, match="nothing here"):
        check_coordinator(Empty)
    assert Task("a").id == "a"
