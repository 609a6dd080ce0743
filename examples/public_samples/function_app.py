"""An app with the routes of the agent framework's public samples, for clients that move over from them.

python3 dev.py start --app-root examples/public_samples
"""

import os

from activities.escalate_for_review import escalate_for_review
from activities.handle_spam_email import handle_spam_email
from activities.publish_content import publish_content
from activities.send_email import send_email
from agents import email_assistant, researcher, spam_detector, writer
from durable_agents import AgentFunctionApp, Orchestration, create_chat_client, review_policy
from examples.public_samples.parallel_answers import parallel_answers
from examples.public_samples.public_sample_routes import PublicSampleRoutes
from examples.public_samples.text_refinement import text_refinement
from orchestrations.content_approval import content_approval
from orchestrations.email_triage import email_triage
from settings import Settings

settings = Settings.from_environ(os.environ)
chat = create_chat_client(settings.model)
revisions = {"max_revisions": settings.MAX_REVISIONS}
app = AgentFunctionApp(
    settings=settings,
    agents=[
        writer.create_writer(chat),
        spam_detector.create_spam_detector(chat),
        email_assistant.create_email_assistant(chat),
        researcher.create_researcher(chat),
    ],
    orchestrations=[
        Orchestration(text_refinement),
        Orchestration(parallel_answers),
        Orchestration(email_triage, defaults={"spam_threshold": settings.SPAM_CONFIDENCE_THRESHOLD}),
        Orchestration(content_approval, defaults=revisions, fixed=review_policy(settings.review)),
    ],
)
app.add_activity(handle_spam_email, outbox_dir=settings.outbox_dir)
app.add_activity(send_email, mail=settings.mail, outbox_dir=settings.outbox_dir)
app.add_activity(escalate_for_review, review=settings.review, outbox_dir=settings.outbox_dir)
app.add_activity(publish_content, publishing=settings.publishing)
samples = PublicSampleRoutes(app.orchestrations, app.links, app.access)
samples.register(app.router)
