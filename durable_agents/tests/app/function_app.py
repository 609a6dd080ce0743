"""The app of the library's tests, small and odd on purpose: nothing of the template is in it."""

import os

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, create_chat_client
from durable_agents.tests.app import agents, effects
from durable_agents.tests.app.graphs import create_comment_moderation, create_email_routing
from durable_agents.tests.app.orchestrations import (
    ContentApprovalInput,
    EmailTriageInput,
    content_approval,
    email_triage,
)

settings = HostingSettings.from_environ(os.environ)
chat, review = create_chat_client(settings.model), settings.review
policy = {
    "approval_timeout_hours": review.approval_timeout_hours,
    "reviewers": list(review.reviewers),
    "required_approvals": review.required_approvals,
    "second_reviewer": review.second_reviewer,
    "escalation_timeout_hours": review.escalation_timeout_hours,
}
triage = Orchestration(email_triage, EmailTriageInput, {"spam_threshold": 0.8})
approval = Orchestration(content_approval, ContentApprovalInput, {"max_revisions": 3}, policy)

app = AgentFunctionApp(
    settings,
    agents=[
        agents.create_writer(chat),
        agents.create_spam_detector(chat),
        agents.create_email_assistant(chat),
        agents.create_researcher(chat),
        agents.create_shop_assistant(chat, effects.OUTBOX / "refunds"),
        agents.create_editor(chat, approval),
        *agents.create_librarians(chat),
    ],
    orchestrations=[triage, approval],
    workflows=[create_email_routing(chat), create_comment_moderation(chat)],
    mcp_tools=["Writer", "SpamDetector", "Researcher"],
)
for activity in (effects.quarantine, effects.send_reply, effects.publish, effects.escalate):
    app.add_activity(activity)
