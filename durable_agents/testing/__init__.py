"""What tests of an app need.

`replay` plays an orchestration turn by turn, `replay_history` along a recorded history, `Api` asks the app on a host,
`OfflineChatClient` is a model by rules.
"""

from durable_agents.chat_clients.offline.client import OfflineChatClient
from durable_agents.testing.api import Api
from durable_agents.testing.replay import Replay, replay, replay_history

__all__ = ["Api", "OfflineChatClient", "Replay", "replay", "replay_history"]
