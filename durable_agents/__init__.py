"""Durable AI agents on Azure Functions: what this library adds to Microsoft's `AgentFunctionApp`.

These are its public names; `durable_agents.testing` has what tests of an app need. All else is private.
"""

__version__ = "0.2.0"

from agent_framework_azurefunctions import WorkflowHitlContext

from durable_agents.activities.keyed import Keyed
from durable_agents.activities.review_channel import ReviewMessage, ReviewReceipt, tell_reviewers
from durable_agents.app import AgentFunctionApp
from durable_agents.chat_clients.factory import create_chat_client
from durable_agents.chat_clients.openai_clients import OpenAIModel, create_openai_client
from durable_agents.http.contracts import Contract
from durable_agents.limits import PurgeSchedules, StreamLimits, TurnLimits
from durable_agents.orchestration.approval_requests import AuditEntry, cut
from durable_agents.orchestration.ask import AgentError, AnswerError
from durable_agents.orchestration.attempts import Retry
from durable_agents.orchestration.context import FOREVER, OrchestrationContext, StepTimeoutError
from durable_agents.orchestration.registry import Orchestration
from durable_agents.orchestration.review import Review, ReviewPolicy, review_policy
from durable_agents.orchestration.spending import Budget, BudgetError, Usage
from durable_agents.orchestration.steps import First, Step, Steps
from durable_agents.runs.run_tools import create_run_tools
from durable_agents.runs.schedules import Slot
from durable_agents.sessions.failures import describe_failure
from durable_agents.settings.groups import Folder, McpServerSettings, ReviewSettings
from durable_agents.settings.hosting import HostingSettings, SettingsError
from durable_agents.storage.found_files import FoundFile, find_files
from durable_agents.storage.once_blobs import BlobCredential
from durable_agents.storage.outbox_files import put_once
from durable_agents.workflows.request_policies import RequestPolicy

__all__ = [
    "FOREVER",
    "AgentError",
    "AgentFunctionApp",
    "AnswerError",
    "AuditEntry",
    "BlobCredential",
    "Budget",
    "BudgetError",
    "Contract",
    "First",
    "Folder",
    "FoundFile",
    "HostingSettings",
    "Keyed",
    "McpServerSettings",
    "OpenAIModel",
    "Orchestration",
    "OrchestrationContext",
    "PurgeSchedules",
    "RequestPolicy",
    "Retry",
    "Review",
    "ReviewMessage",
    "ReviewPolicy",
    "ReviewReceipt",
    "ReviewSettings",
    "SettingsError",
    "Slot",
    "Step",
    "StepTimeoutError",
    "Steps",
    "StreamLimits",
    "TurnLimits",
    "Usage",
    "WorkflowHitlContext",
    "create_chat_client",
    "create_openai_client",
    "create_run_tools",
    "cut",
    "describe_failure",
    "find_files",
    "put_once",
    "review_policy",
    "tell_reviewers",
]
