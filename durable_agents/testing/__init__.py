"""What tests of an app need.

`replay` plays an orchestration turn by turn, `replay_history` along a recorded history, `Api` asks the app on a host,
`ScriptedChatClient` is a model that answers what the test says, `OfflineChatClient` one by rules. In the module
`chat_server` is a model provider for an app on a host.
"""

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.testing.api import Api
from durable_agents.testing.replay import Replay, replay, replay_history
from durable_agents.testing.scripted_chat import ScriptedChatClient, ScriptError, asked, call_tool

__all__ = [
    "Api",
    "OfflineChatClient",
    "Replay",
    "ScriptError",
    "ScriptedChatClient",
    "asked",
    "call_tool",
    "replay",
    "replay_history",
]
