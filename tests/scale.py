"""
How much of each test is run: `ANTS_COORD_PROFILE` is quick, full or deep.

The profiles differ in counts only, never in kind: quick is what everybody waits
for, full is what has to pass before a release, deep searches for hours.
"""

import os
from typing import TypeVar

T = TypeVar("T")
PROFILES = ("quick", "full", "deep")
PROFILE = os.environ.get("ANTS_COORD_PROFILE") or "quick"

if PROFILE not in PROFILES:
    raise ValueError(f"ANTS_COORD_PROFILE is {PROFILE!r}; it must be one of {', '.join(PROFILES)}")


def of(quick: T, full: T, deep: T) -> T:
    """Return the value for the profile that runs."""
    return (quick, full, deep)[PROFILES.index(PROFILE)]
