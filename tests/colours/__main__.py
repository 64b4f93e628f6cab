"""Write what is made, or only say what is stale: see the package."""

from __future__ import annotations

import sys

from . import COMMAND, ROOT, stale

arguments = sys.argv[1:]
if arguments not in ([], ["--check"]):
    raise SystemExit(f"usage: {COMMAND} [--check]")
found = stale()
for path, text in found.items():
    if not arguments:
        path.write_text(text, encoding="utf-8")
    print("stale:" if arguments else "written:", path.relative_to(ROOT))
raise SystemExit(1 if arguments and found else 0)
