"""
Replies reduced to plain tuples: what the real and the naive machine must agree on.
"""

from ants_coord.commands.shared import Lost, Refused, Renewed
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Lease, Outcome, TaskState, Ticket


def plain(reply):
    """Reduce a reply of either side to what both must agree on."""
    match reply:
        case Refused(error):
            return ("refused", type(error).__name__, getattr(error, "reason", None))
        case Lease():
            kept = (reply.task, reply.token, reply.agent, reply.attempt, reply.expires_ns, reply.names)
            notes = [(one.agent, one.attempt, one.at_ns, one.note) for one in reply.notes]
            return ("lease", *kept, reply.payload, reply.inputs, notes)
        case Ticket(id=task, created=created, state=state):
            return ("ticket", task, created, str(state))
        case Outcome():
            kept = (reply.result, reply.by, reply.attempts, reply.late)
            return ("outcome", reply.task, str(reply.state), *kept)
        case Renewed(token, expires):
            return ("renewed", token, expires)
        case Lost(token, reason):
            return ("lost", token, reason)
        case TaskState():
            return str(reply)
        case tuple():
            return [plain(one) for one in reply]
    return None if isinstance(reply, Settings) else reply


def ns(seconds):
    return round(seconds * 1e9)


def refused(name, reason=None):
    return ("refused", name, reason)
