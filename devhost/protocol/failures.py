"""The sentences in which the Functions host and the Durable Task extension report failures.

Recorded from Microsoft.Azure.WebJobs.Extensions.DurableTask 3.14.1, blanks included; where 3.19.0 says it otherwise, as
that says it.
"""

from __future__ import annotations

from collections.abc import Iterable

from devhost.protocol.json_text import compact

_CHANGED = "Was a change made to the orchestrator code after this instance had already started running?"


def orchestrator_failed(name: str, error: str) -> str:
    """Say that an orchestrator failed."""
    return f"Orchestrator function '{name}' failed: {error}"


def orchestrator_details(error: str) -> str:
    """Give the details that a parent orchestration sees behind the reason."""
    return f"Message: {error}, StackTrace: "


def activity_failed(name: str, error: str) -> str:
    """Say that an activity failed; `error` is `Type: message`."""
    return f"Activity function '{name}' failed: {error}"


def exception_details(message: str) -> str:
    """Give a failure's details as the JSON of a .NET exception."""
    return compact({"ClassName": "System.Exception", "Message": message})


def unknown_function(name: str, kind: str, known: Iterable[str]) -> str:
    """Say that no function of this kind ("orchestrator", "activity", "entity") has this name."""
    names = ", ".join(f"'{one}'" for one in sorted(known))
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. "
        f"Additional info: The following are the known {kind} functions: {names}."
    )


def custom_status_too_large(kilobytes: int) -> str:
    """Say that a custom status is over the limit."""
    return (
        "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. "
        f"The current payload size is {kilobytes} KB."
    )


def scheduled_another(task_id: int, kind: str, recorded: str, now_named: str) -> str:
    """Say that a replay scheduled a task of the same kind under another name."""
    return (
        f"Non-Deterministic workflow detected: A previous execution of this orchestration scheduled {kind} with "
        f"sequence number {task_id} named '{recorded}', but the current orchestration replay instead scheduled {kind} "
        f"named '{now_named}' with this sequence number.  {_CHANGED}"
    )


def scheduled_other_kind(task_id: int, kind: str, recorded: str, now_kind: str) -> str:
    """Say that a replay scheduled a task of another kind."""
    return (
        f"Non-Deterministic workflow detected: A previous execution of this orchestration scheduled {kind} with "
        f"sequence number {task_id} named '{recorded}', but the current replay execution instead scheduled {now_kind} "
        f"at this sequence number.  {_CHANGED}"
    )


def not_scheduled(task_id: int, kind: str, recorded: str) -> str:
    """Say that a replay no longer schedules a task that the history has."""
    return (
        f"Non-Deterministic workflow detected: A previous execution of this orchestration scheduled {kind} with "
        f"sequence ID {task_id} and name '{recorded}' (version ''), but the current replay execution hasn't (yet?) "
        f"scheduled this task. {_CHANGED}"
    )
