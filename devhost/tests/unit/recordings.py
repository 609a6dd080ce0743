"""Whole turns as recorded from Microsoft's Durable Task extension: what it sent to the worker, what that answered."""

import json
from pathlib import Path
from typing import Any

TURNS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "conformance" / "recordings" / "turns.json").read_text(encoding="utf-8")
)
"""By title: an orchestration's name, `entity ...` or `activity ...`; and `durable client`, which is the binding."""

ORCHESTRATIONS = [title for title in TURNS if not title.startswith(("entity ", "activity ", "durable client"))]
