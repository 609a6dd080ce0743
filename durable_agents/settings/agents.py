"""What a turn of an agent may do."""

from dataclasses import dataclass, field

from durable_agents.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What one turn of an agent may do, and how much of a session is kept.

    Attributes:
        retry_attempts: How often a model call is tried in all when the provider fails for a passing reason.
        retry_seconds: The time after which no further attempt begins.
        stall_seconds: How long the model may be silent before the attempt counts as timed out.
        compaction_bytes: The stored size above which the older turns of a session are replaced by a summary.
        keep_turns: How many recent turns stay as they are when that happens.
        tool_result_bytes: What one tool result may have; the rest is left out with a note.
        approval_hours: How long a turn waits for a human who has to approve a tool call.
    """

    retry_attempts: int = 3
    retry_seconds: float = 30.0
    stall_seconds: float = 120.0
    compaction_bytes: int = 50_000
    keep_turns: int = 6
    tool_result_bytes: int = 16_384
    approval_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class McpServerSettings:
    """A server of tools that speaks MCP over streamable HTTP, with a bearer token or without; `url` may hold a secret.

    Connecting, handshake and list of tools included, may take `connect_seconds`, one tool call `call_seconds`.
    """

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    connect_seconds: float = 10.0
    call_seconds: float = 60.0


def read_agents(env: Environment) -> AgentSettings:
    return AgentSettings(
        retry_attempts=env.integer("AGENT_RETRY_ATTEMPTS", default=3, least=1, most=10),
        retry_seconds=env.number("AGENT_RETRY_SECONDS", default=30.0, least=0, most=600),
        stall_seconds=env.number("AGENT_STALL_SECONDS", default=120.0, least=0.1, most=3_600),
        compaction_bytes=env.integer("SESSION_COMPACTION_BYTES", default=50_000, least=1_000, most=500_000),
        keep_turns=env.integer("SESSION_KEEP_TURNS", default=6, least=1, most=1_000),
        tool_result_bytes=env.integer("TOOL_RESULT_BYTES", default=16_384, least=200, most=262_144),
        approval_hours=env.number("TOOL_APPROVAL_HOURS", default=24.0, least=0, most=24 * 365),
    )


def read_mcp_server(env: Environment) -> McpServerSettings | None:
    url, token = env.url("MCP_SERVER_URL"), env.text("MCP_SERVER_TOKEN")
    connect_seconds = env.number("MCP_CONNECT_SECONDS", default=10.0, least=0.1, most=120)
    call_seconds = env.number("MCP_CALL_SECONDS", default=60.0, least=0.1, most=600)
    if url is None and token is not None:
        env.problem("MCP_SERVER_URL", "is missing, and MCP_SERVER_TOKEN is set. Set both, or remove the token.")
    return None if url is None else McpServerSettings(url, token, connect_seconds, call_seconds)
