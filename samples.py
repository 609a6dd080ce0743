"""The samples beyond those of function_app.py, listed: each pattern of docs/patterns.md, and each form of a graph.

Without this file, and the lines of function_app.py that begin with `samples.`, the app is yours alone.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agent_framework import Agent, SupportsChatGetResponse, Workflow

from activities.call_model import call_model
from activities.cancel_order import cancel_order, find_order
from activities.file_digest import file_digest
from activities.list_publications import list_publications
from activities.pay_out import pay_out
from activities.send_email import send_email
from activities.use_tool import use_tool
from agents.digest_writer import create_digest_writer
from agents.evaluator import create_evaluator
from agents.investigators import create_investigators
from agents.research_team import create_research_team
from agents.support_desk import create_support_desk
from agents.voters import create_voters, voter_names
from durable_agents import AgentFunctionApp, Budget, Orchestration, RequestPolicy, create_chat_client
from orchestrations.agent_loop import agent_loop
from orchestrations.content_refinement import content_refinement
from orchestrations.deep_research import deep_research
from orchestrations.document_publishing import document_publishing
from orchestrations.model_voting import model_voting
from orchestrations.research_task import research_task
from orchestrations.scheduled_digest import scheduled_digest
from orchestrations.subtopic_research import subtopic_research
from orchestrations.support_routing import support_routing
from orchestrations.topic_research import topic_research
from routes.chat_sessions import add_chat_sessions
from settings import Settings
from workflows.claim_handling import claim_policies, create_claim_handling
from workflows.expense_reimbursement import create_expense_reimbursement, expense_policies
from workflows.expert_review import create_expert_review
from workflows.order_cancellation import create_order_cancellation

# What needs no strong model runs on this one, on Azure the name of its deployment; None: on that of all others.
CHEAP_MODEL: str | None = None
# Each of these votes, one that comes twice has two votes. Without any, that of all others votes, at three temperatures.
VOTING_MODELS: tuple[str, ...] = ()
# Hours of the day in UTC. Without any there is no timer, and the digest is written when somebody starts it.
DIGEST_HOURS: tuple[int, ...] = ()
# Who gets it by mail; None: it is a file in the outbox.
DIGEST_RECIPIENT: str | None = None


def create_agents(settings: Settings, chat: SupportsChatGetResponse[Any]) -> list[Agent[Any]]:
    """Create the agents that the patterns ask."""
    return [
        *create_support_desk(chat, create_chat_client(settings.model, model=CHEAP_MODEL)),
        *create_research_team(chat),
        *create_investigators(chat),
        *create_voters(partial(create_chat_client, settings.model), VOTING_MODELS),
        create_evaluator(chat),
        create_digest_writer(chat),
    ]


def list_orchestrations() -> list[Orchestration | Callable[..., Any]]:
    """Return the patterns, with what this deployment says to them."""
    return [
        document_publishing,
        support_routing,
        topic_research,
        subtopic_research,
        research_task,
        Orchestration(deep_research, budget=Budget(tokens=1_000_000, model_calls=200)),
        Orchestration(content_refinement, defaults={"max_rounds": 4}),
        Orchestration(model_voting, fixed={"voters": voter_names(VOTING_MODELS)}),
        Orchestration(agent_loop, fixed={"said": [], "iterations": 0}),
        Orchestration(scheduled_digest, fixed={"recipient": DIGEST_RECIPIENT}),
    ]


def create_workflows(settings: Settings, chat: SupportsChatGetResponse[Any]) -> list[Workflow]:
    """Create the graphs; what they do outside goes where this deployment says."""
    send = partial(send_email, mail=settings.mail, outbox_dir=settings.outbox_dir)
    cancel = partial(cancel_order, outbox_dir=settings.outbox_dir)
    pay = partial(pay_out, outbox_dir=settings.outbox_dir)
    return [
        create_order_cancellation(find_order, cancel, send),
        create_expert_review(chat),
        create_expense_reimbursement(pay),
        create_claim_handling(chat, pay, send),
    ]


def list_policies() -> list[Mapping[type, RequestPolicy]]:
    """Return who answers what the graphs ask, and until when."""
    return [expense_policies(), claim_policies()]


def add_activities(app: AgentFunctionApp, settings: Settings) -> None:
    """Add the activities of the patterns, the hours of the digest, and the routes of the chat."""
    app.add_activity(list_publications, publishing=settings.publishing)
    app.add_activity(file_digest, outbox_dir=settings.outbox_dir)
    app.add_activity(call_model, chat_client=create_chat_client(settings.model, calls_tools=False))
    app.add_activity(use_tool)
    if DIGEST_HOURS:
        app.add_schedule(scheduled_digest, DIGEST_HOURS)
    add_chat_sessions(app, settings)
