"""The app of the library's tests, small and odd on purpose: nothing of the template is in it."""

import os

from durable_agents import AgentFunctionApp, HostingSettings, Orchestration, create_chat_client, review_policy
from durable_agents.tests.app import agents, effects
from durable_agents.tests.app.graphs import create_comment_moderation, create_email_routing
from durable_agents.tests.app.limits import read_limits
from durable_agents.tests.app.orchestrations import content_approval, email_triage

settings = HostingSettings.from_environ(os.environ)
chat = create_chat_client(settings.model)
triage = Orchestration(email_triage, defaults={"spam_threshold": 0.8})
approval = Orchestration(content_approval, defaults={"max_revisions": 3}, fixed=review_policy(settings.review))

app = AgentFunctionApp(
    settings=settings,
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
    **read_limits(os.environ),
)
for activity in (effects.quarantine, effects.send_reply, effects.publish, effects.escalate):
    app.add_activity(activity)
