"""The commands about adverts (declare, refresh, withdraw, decline) and the queries about them."""

from __future__ import annotations

from ...commands.matching import Advertise, Agents, Offers, Refresh, Retire, WhyNot, Withdraw
from ...commands.shared import Refused, ReleaseAll
from ...errors import AdvertRefusedError, AgentGoneError
from ...requirements import parse
from ...values.adverts import Advert, Advertised, AgentRecord, Offer, Roster
from ...values.rules import LOAD
from ..state.ledger import Ledger, ns
from ..state.parts import Function
from ..state.same_content import as_check
from ..state.timeline import CALENDAR
from ..work.leases import on_offer
from ..work.openings import release_all
from .eligibility import FOR_GOOD, Capable
from .explain import why_not
from .members import GONE_INCARNATION, GONE_WHY, INCARNATION, ORDINAL, TTL_NS


def _part(ledger: Ledger) -> Capable:
    part = ledger.eligibility
    assert isinstance(part, Capable)
    return part


# -- commands -------------------------------------------------------------------------------


def advertise(ledger: Ledger, command: Advertise) -> Advertised | Refused:
    """Take in an advert; an unchanged one costs nothing."""
    part, advert = _part(ledger), command.advert
    agent, tables, undo = advert.agent, ledger.tables, ledger.undo
    raw, now, _ = ledger.timeline.reading
    old, (_, load, fading) = tables["adverts"].get(agent), tables["presence"].get(agent, (0, 0.0, False))
    if old is not None and advert.incarnation < old[INCARNATION]:
        return Refused(AdvertRefusedError(agent, advert.incarnation, old[INCARNATION]))
    gone = tables["gone"].get(agent)
    if gone is not None and gone[GONE_WHY] in FOR_GOOD and 0 < advert.incarnation <= gone[GONE_INCARNATION]:
        return Refused(AgentGoneError(agent, gone[GONE_WHY]))
    if old is not None and 0 < old[INCARNATION] < advert.incarnation and ledger.news.is_wanted:
        # its older start is told, in this process too; nobody waits for the new one yet
        ledger.news.gone.append((agent, AdvertRefusedError(agent, old[INCARNATION], advert.incarnation)))
    ttl_ns = max(1, ns(advert.ttl))
    said = (advert.capabilities, tuple(advert.attributes.items()), advert.slots, advert.accepts, ttl_ns)
    is_same = old is not None and repr(old[2:]) == repr(said)
    changed = not is_same or load != advert.load
    rejoins = old is not None and (fading or old[INCARNATION] != advert.incarnation)
    undo.put(tables["presence"], agent, (now + ttl_ns, advert.load, False))
    if old is None or not is_same or old[INCARNATION] != advert.incarnation:
        number = ledger.ordinal() if old is None else old[ORDINAL]
        undo.put(tables["adverts"], agent, (number, advert.incarnation, *said))
    status = "joined" if old is None else "rejoined" if rejoins else "changed" if changed else "renewed"
    if not is_same:
        reads = {atom.name for atom in parse(advert.accepts).atoms} - {LOAD} if advert.accepts else set()
        if reads <= set(part.index.reads):
            part.refit(ledger, agent)
        else:
            ledger.sort_again()  # a rule that reads a new attribute splits signatures: rare
    if not is_same or fading:
        part.ring_at(agent, now + ttl_ns)
    if not is_same:
        ledger.declines.forget_open(ledger, agent)
    if status != "renewed":
        part.tell(ledger, agent)
        ledger.emit("changed" if status == "changed" else "joined", None, agent)
    if not is_same or rejoins:
        for hook in ledger.on_advert:
            hook(ledger, agent)
    return Advertised(agent, status, raw + ttl_ns)  # type: ignore[arg-type]


def refresh(ledger: Ledger, command: Refresh) -> tuple[Advertised, ...]:
    """Renew adverts. O(1) each: the alarm follows lazily."""
    raw, now, _ = ledger.timeline.reading
    tables = ledger.tables
    adverts, presences = tables["adverts"], tables["presence"]
    answers = []
    for agent, incarnation in command.agents:
        row = adverts.get(agent)
        if row is None:
            gone = tables["gone"].get(agent)
            # after silence, the agent advertises again; an agent that was taken out stays out
            is_out = gone is not None and gone[GONE_WHY] in FOR_GOOD and incarnation <= gone[GONE_INCARNATION]
            answers.append(Advertised(agent, "retired" if is_out else "unknown"))
            continue
        if incarnation < row[INCARNATION]:
            answers.append(Advertised(agent, "refused"))
            continue
        _, load, fading = presences[agent]
        reported = load if command.load is None else command.load
        ledger.undo.put(presences, agent, (now + row[TTL_NS], reported, False))
        if fading or reported != load:
            part = _part(ledger)
            part.ring_at(agent, now + row[TTL_NS])
            part.tell(ledger, agent)
            ledger.emit("joined" if fading else "changed", None, agent)
            for hook in ledger.on_advert if fading else ():
                hook(ledger, agent)
        status = "rejoined" if fading else "renewed" if reported == load else "changed"
        answers.append(Advertised(agent, status, raw + row[TTL_NS]))  # type: ignore[arg-type]
    return tuple(answers)


def withdraw(ledger: Ledger, command: Withdraw) -> bool | Refused:
    """Take an advert back."""
    row = ledger.tables["adverts"].get(command.agent)
    if row is None:
        return False
    if command.incarnation is not None and command.incarnation < row[INCARNATION]:
        return Refused(AdvertRefusedError(command.agent, command.incarnation, row[INCARNATION]))
    _part(ledger).drop(ledger, command.agent, "withdrawn")
    return True


def retire(ledger: Ledger, command: Retire) -> bool:
    """
    Take an agent out: its advert goes for good, for this start of the agent, and what it holds is given back.
    """
    part, agent = _part(ledger), command.agent
    was_here = agent in ledger.tables["adverts"]
    if was_here:
        part.drop(ledger, agent, "retired", command.reason)
    elif agent in ledger.tables["gone"]:
        _, _, *rest = ledger.tables["gone"][agent]
        part.note_gone(ledger, agent, ("retired", *rest))
    back = release_all(ledger, ReleaseAll(agent))
    return was_here or back > 0


# -- queries --------------------------------------------------------------------------------


def record_of(ledger: Ledger, part: Capable, agent: str) -> AgentRecord:
    """Build the value of an agent that has an advert."""
    _, incarnation, capabilities, attributes, slots, accepts, ttl_ns = ledger.tables["adverts"][agent]
    deadline, load, fading = ledger.tables["presence"][agent]
    raw, now, _ = ledger.timeline.reading
    held = part.held(ledger, agent)
    advert = Advert(agent, capabilities, dict(attributes), slots, load, accepts, ttl_ns / 1e9, incarnation)
    _, until = ledger.tables["streaks"].get(agent, (0, 0))
    return AgentRecord(
        agent,
        "fading" if fading or deadline <= now else "live",
        advert,
        held,
        part.load(agent),
        max(0, until - now) / 1e9,
        raw + deadline - now,
        ledger.declines.limited_ns(ledger, agent) / 1e9,
        next((told["proofs"] for hook in ledger.on_about if "proofs" in (told := hook(ledger, agent))), {}),
    )


def agents(ledger: Ledger, query: Agents) -> Roster:
    """
    Find agents: live before fading, then most preferences met, best standing, least loaded, least capable.
    """
    part = _part(ledger)
    index, requirement = part.index, parse(query.requires or "")
    found, _ = index.masks(requirement.root)
    asked = [atom.name.removeprefix("proven.") for atom in requirement.atoms]
    preferred = [index.masks(parse(text).root) for text in query.prefer]
    ranked = []
    for name in index.names_in(found):
        if query.names is not None and name not in query.names:
            continue
        record, member = record_of(ledger, part, name), index.members[name]
        met = sum(bool(true & member.bit) for true, _ in preferred)
        rank = (
            record.state != "live",
            -met,
            -_standing(ledger, part, name, asked),
            record.load,
            member.weight,
            name,
        )
        ranked.append((rank, record))
    ranked.sort(key=lambda pair: pair[0])
    return Roster(tuple([record for _, record in ranked[: query.count]]), ledger.cursor)


def _standing(ledger: Ledger, part: Capable, agent: str, asked: list[str]) -> int:
    """
    Return what to expect of an agent's results, in tenths, because finer differences are noise.

    It is the agent's worst requested capability that was ever judged; if none was, everything together.
    """
    seen = [part.skills.of_one(ledger, agent, name) for name in asked]
    known: list[float] = [mean for mean in seen if mean is not None]
    if known:
        return round(10 * min(known))
    expected: float = ledger.reputation.of(ledger, agent).mean
    quality = ledger.reputation.quality(ledger, agent)
    return round(10 * expected * (1.0 if quality is None else quality.mean))


def offers(ledger: Ledger, query: Offers) -> tuple[Offer, ...]:
    """List what an agent could claim now, in the order in which it would get it."""
    if ledger.paused or ledger.held_back(query.agent) is not None:
        return ()
    now = ledger.timeline.reading[CALENDAR]
    told = []
    for row in on_offer(ledger, query.agent, query.count):
        spec = as_check(row.spec) if row.spec.id in ledger.checking.opinions.rows else row.spec
        uses = None if spec.uses is None else dict(spec.uses)
        waited_ns = max(0, now - row.ready_ns)
        told.append(Offer(spec.id, spec.kind, spec.priority, spec.requires, uses, waited_ns))
    return tuple(told)


COMMANDS: dict[type, Function] = {
    Advertise: advertise,
    Refresh: refresh,
    Retire: retire,
    Withdraw: withdraw,
}
QUERIES: dict[type, Function] = {Agents: agents, Offers: offers, WhyNot: why_not}
