"""The texts that `inspect` prints: plain tables, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from devhost.hub.rows import HistoryRow
from devhost.hub.snapshot import EntityRow
from devhost.inspection import Inspection, Step, Wait
from devhost.printable import printable, printable_lines

_LONGEST_PAYLOAD = 2000


def instances(found: Sequence[Inspection], *, as_json: bool) -> str:
    """Return a table of instances, or a JSON array."""
    if as_json:
        return _json([_summary(one) for one in found])
    if not found:
        return "No instances."
    return _table([("INSTANCE", "NAME", "STATUS", "CREATED", "UPDATED", "WAITS FOR"), *map(_row, found)])


def instance(one: Inspection, *, as_json: bool) -> str:
    """Return all about one instance: its state, what it waits for, and its timeline."""
    return _json(_details(one)) if as_json else "\n".join(_about(one))


def history(rows: Sequence[HistoryRow]) -> str:
    """Return the events of an instance as a JSON array."""
    return json.dumps([json.loads(row.event) for row in rows], indent=1)


def entities(found: Sequence[EntityRow], *, as_json: bool) -> str:
    """Return a table of entities, or a JSON array."""
    if as_json:
        return _json([asdict(one) for one in found])
    if not found:
        return "No entities."
    rows = [(one.entity_id, f"{one.size:,}", _time(one.updated)) for one in found]
    return _table([("ENTITY", "CHARACTERS OF STATE", "LAST OPERATION"), *rows])


def entity_state(state: str, *, as_json: bool) -> str:
    """Return an entity's state: as it is stored, or to read, with the JSON that its text may hold unfolded."""
    return printable_lines(state) if as_json else _json(_unfolded(state))


def _about(one: Inspection) -> Iterator[str]:
    instance = one.instance
    yield printable(f"{instance.instance_id}  {instance.name}  {instance.status}")
    yield f"  created        {_time(instance.created)}"
    yield f"  updated        {_time(instance.updated)}"
    for label, text in (
        ("input", instance.input),
        ("custom status", instance.custom_status),
        ("output", instance.output),
    ):
        if text is not None:
            yield f"  {label:<14} {_payload(text)}"
    if one.has_returned:
        yield "\nIts function has returned; it stays Running, as on Azure, until what it started has ended:"
    elif one.waits:
        yield "\nWaits for:"
    yield from (f"  {printable(_wait(wait))}" for wait in one.waits)
    if one.steps:
        yield "\nHistory:"
        yield _table([("BEGAN", "ENDED", "TOOK", "WHAT", "RESULT"), *map(_step, one.steps)], indent="  ")


def _row(one: Inspection) -> tuple[str, ...]:
    instance = one.instance
    waits = _wait(one.waits[0]) if one.waits else ""
    if len(one.waits) > 1:
        waits += f", and {len(one.waits) - 1} more"
    if one.has_returned:
        waits = f"has returned; {waits}"
    times = (_time(instance.created), _time(instance.updated))
    return (instance.instance_id, instance.name, instance.status, *times, waits)


def _step(step: Step) -> tuple[str, ...]:
    ended, took = "", ""
    if step.ended is not None and step.ended != step.began:
        ended, took = _clock(step.ended), _duration(step.ended - step.began)
    result = step.result or ("" if step.kind == "run" else "open")
    if step.due is not None and step.result != "fired":
        result += f", due {_time(step.due)}"
    if step.error:
        result += f": {step.error}"
    if step.max_attempts > 1:
        result += f" (attempt {step.attempts} of {step.max_attempts})"
    return (f"{step.began:%Y-%m-%d} {_clock(step.began)}", ended, took, f"{step.kind} {step.name}".rstrip(), result)


def _wait(wait: Wait) -> str:
    return wait.what if wait.due is None else f"{wait.what} until {_time(wait.due)}"


def _summary(one: Inspection) -> dict[str, Any]:
    instance = one.instance
    return {
        "instance_id": instance.instance_id,
        "name": instance.name,
        "status": instance.status,
        "created": instance.created,
        "updated": instance.updated,
        "has_returned": one.has_returned,
        "waits_for": [asdict(wait) for wait in one.waits],
    }


def _details(one: Inspection) -> dict[str, Any]:
    instance = one.instance
    payloads = {"input": instance.input, "output": instance.output, "custom_status": instance.custom_status}
    return (
        _summary(one)
        | {name: None if text is None else json.loads(text) for name, text in payloads.items()}
        | {"steps": [asdict(step) for step in one.steps]}
    )


def _unfolded(text: str) -> Any:
    """Return the value of a JSON text, or of the JSON text in it: the Python SDK writes JSON into JSON strings."""
    value = json.loads(text)
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _payload(text: str) -> str:
    """Return a JSON text to read, a JSON string without its quotes and with its lines."""
    value = json.loads(text)
    shown = value if isinstance(value, str) else text
    more = f" ... ({len(shown):,} characters; --json shows all)" if len(shown) > _LONGEST_PAYLOAD else ""
    return printable_lines(shown[:_LONGEST_PAYLOAD], indent=" " * 17) + more


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S.%f")[:-3]


def _duration(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def _table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Align columns by their widest cell."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def _json(value: Any) -> str:
    return printable_lines(json.dumps(value, indent=2, ensure_ascii=False, default=datetime.isoformat))
