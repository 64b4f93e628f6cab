"""
The address of a board in PostgreSQL: `postgresql://user@host/database#board`.

The part after `#` names the board (by default "main"); libpq would refuse unknown query keys. The address
that is shown never contains a password.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from ...values.checks import check_name

SCHEMES = ("postgresql://", "postgres://")
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_SECRET_KEYS = frozenset({"password", "sslpassword", "passfile", "sslkey"})


@attrs.frozen
class Address:
    """The address for libpq, the board's name, and the address that may be shown."""

    dsn: str = attrs.field(repr=False)
    board: str
    shown: str


def address_of(text: str) -> Address:
    """
    Parse an address.

    Args:
        text: `postgresql://[user[:password]@][host[:port]][,...]/database[?parameters][#board]`.

    Raises:
        ValueError: it is not such an address; the message names the part, and never a password.

    Example:
        >>> address_of("postgresql://ann:secret@db.example/agents#night-shift").shown
        'postgresql://ann@db.example/agents#night-shift'

    """
    try:
        parts = urlsplit(text)
    except ValueError:  # its message would show the password
        raise ValueError(
            "the address cannot be taken apart; write postgresql://user@host/database#board"
        ) from None
    if _BAD_PERCENT.search(text):  # nor should libpq's message
        raise ValueError("a '%' in the address must be followed by two hexadecimal digits, as in %25")
    if f"{parts.scheme}://" not in SCHEMES:
        raise ValueError(
            f"the address of a board in PostgreSQL begins with {SCHEMES[0]!r}, not {text[:14]!r}"
        )
    board = check_name(parts.fragment or "main", "the board's name, after '#',")
    if not parts.path.strip("/"):
        raise ValueError("the address names no database; write postgresql://user@host/DATABASE#board")
    user, at, hosts = parts.netloc.rpartition("@")
    shown_user = user.partition(":")[0] + at
    known = [(key, value) for key, value in parse_qsl(parts.query) if key not in _SECRET_KEYS]
    shown = urlunsplit(("postgresql", shown_user + hosts, parts.path, urlencode(known), board))
    return Address(urlunsplit(parts._replace(fragment="")), board, shown)
