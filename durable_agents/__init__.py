"""Durable AI agents on Azure Functions: what this library adds to Microsoft's `AgentFunctionApp`.

These are its public names; `durable_agents.testing` has what tests of an app need. All else is private.
"""

from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.http.contracts import Contract
from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.run_tools import create_run_tools
from durable_agents.settings.hosting import HostingSettings, SettingsError

__all__ = [
    "AgentFunctionApp",
    "Contract",
    "HostingSettings",
    "Orchestration",
    "SettingsError",
    "create_chat_client",
    "create_run_tools",
]
