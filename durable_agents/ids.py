"""The patterns of every id and name that comes from outside.

The durable client puts ids into URLs as they are, so a session id such as `x?op=reset&` would reset the session of
somebody else, and `..` would leave the resource. An id goes through here before it reaches the durable client.
"""

import re

AGENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
SESSION_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,128}")
INSTANCE_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,128}")
EVENT_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,128}")
CORRELATION_ID = re.compile(r"[0-9a-f]{40}")
RUN_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
STREAM_CURSOR = re.compile(r"[0-9]{1,15}-[0-9]{1,9}")
MCP_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
WORKFLOW_RUN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
HUMAN_REQUEST_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,128}")
# As a caller has it, with the way to a workflow inside a workflow.
QUALIFIED_REQUEST_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:~-]{1,400}")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def fits(pattern: re.Pattern[str], text: str) -> bool:
    """Say whether the whole of `text` is of this pattern."""
    return pattern.fullmatch(text) is not None


def check_run_id(text: str) -> str:
    """Return `text`, which names a run of an agent: made by this app or, in an orchestration, by the framework.

    Raises:
        ValueError: It does not look like one, or is longer than a session has room for.
    """
    if RUN_ID.fullmatch(text) is None:
        raise ValueError("A run's id has 1 to 100 letters, digits, '_', '.', ':', '/' and '-'.")
    return text


def check_agent_name(name: str) -> str:
    """Return `name`, for agents are functions of the host, which refuses other names only when it starts.

    Raises:
        ValueError: The name does not match.
    """
    if AGENT_NAME.fullmatch(name) is None:
        raise ValueError(f"Agent name {name!r} is not possible. Use a letter, then letters, digits, '_' and '-'.")
    return name
