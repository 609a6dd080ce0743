"""The function app: everything that exists is listed here; nothing is discovered."""

import os
from functools import partial

from activities.call_model import call_model
from activities.cancel_order import cancel_order, find_order
from activities.escalate_for_review import escalate_for_review
from activities.file_digest import file_digest
from activities.handle_spam_email import handle_spam_email
from activities.issue_refund import issue_refund
from activities.list_publications import list_publications
from activities.pay_out import pay_out
from activities.publish_content import publish_content
from activities.send_email import send_email
from activities.use_tool import use_tool
from agents import editor, email_assistant, evaluator, librarian, researcher, shop_assistant, spam_detector, writer
from agents.digest_writer import create_digest_writer
from agents.investigators import create_investigators
from agents.research_team import create_research_team
from agents.support_desk import create_support_desk
from agents.voters import create_voters, voter_names
from durable_agents import AgentFunctionApp, Budget, Orchestration, create_chat_client, create_run_tools, review_policy
from orchestrations.agent_loop import agent_loop
from orchestrations.content_approval import content_approval
from orchestrations.content_refinement import content_refinement
from orchestrations.deep_research import deep_research
from orchestrations.document_publishing import document_publishing
from orchestrations.email_triage import email_triage
from orchestrations.model_voting import model_voting
from orchestrations.research_task import research_task
from orchestrations.scheduled_digest import scheduled_digest
from orchestrations.subtopic_research import subtopic_research
from orchestrations.support_routing import support_routing
from orchestrations.topic_research import topic_research
from routes.chat_sessions import add_chat_sessions
from settings import Settings
from workflows.claim_handling import claim_policies, create_claim_handling
from workflows.comment_moderation import create_comment_moderation
from workflows.email_routing import create_email_routing
from workflows.expense_reimbursement import create_expense_reimbursement, expense_policies
from workflows.expert_review import create_expert_review
from workflows.order_cancellation import create_order_cancellation

settings = Settings.from_environ(os.environ)
chat = create_chat_client(settings.model)
threshold, review, outbox = settings.SPAM_CONFIDENCE_THRESHOLD, settings.review, settings.outbox_dir
file_spam = partial(handle_spam_email, outbox_dir=outbox)
send = partial(send_email, mail=settings.mail, outbox_dir=outbox)
publish = partial(publish_content, publishing=settings.publishing)
refund = partial(issue_refund, folder=outbox / "refunds")
cancel = partial(cancel_order, outbox_dir=outbox)
pay = partial(pay_out, outbox_dir=outbox)

triage = Orchestration(email_triage, defaults={"spam_threshold": threshold})
revisions = {"max_revisions": settings.MAX_REVISIONS}
loop = Orchestration(agent_loop, fixed={"said": [], "iterations": 0})
approval = Orchestration(content_approval, defaults=revisions, fixed=review_policy(review))
refinement = Orchestration(content_refinement, defaults={"max_rounds": 4})
voting = Orchestration(model_voting, fixed={"voters": voter_names(settings.VOTING_MODELS)})
research = Orchestration(deep_research, budget=Budget(tokens=1_000_000, model_calls=200))
digest = Orchestration(scheduled_digest, fixed={"recipient": settings.DIGEST_RECIPIENT})

app = AgentFunctionApp(
    settings=settings,
    agents=[
        writer.create_writer(chat),
        spam_detector.create_spam_detector(chat),
        email_assistant.create_email_assistant(chat),
        researcher.create_researcher(chat),
        shop_assistant.create_shop_assistant(chat, refund),
        *create_support_desk(chat, create_chat_client(settings.model, model=settings.CHEAP_MODEL)),
        *create_research_team(chat),
        evaluator.create_evaluator(chat),
        *create_investigators(chat),
        *create_voters(partial(create_chat_client, settings.model), settings.VOTING_MODELS),
        create_digest_writer(chat),
        editor.create_editor(chat, create_run_tools(approval, ["topic"])),
        # Only where there is a server for it: without its tools it could not do anything.
        *([] if settings.mcp_server is None else [librarian.create_librarian(chat, settings.mcp_server)]),
    ],
    orchestrations=[
        *(triage, approval, refinement, support_routing, document_publishing),
        *(topic_research, subtopic_research, research_task, research, voting, digest, loop),
    ],
    workflows=[
        create_email_routing(chat, threshold, file_spam, send),
        create_comment_moderation(chat, publish),
        create_order_cancellation(find_order, cancel, send),
        create_expert_review(chat),
        create_expense_reimbursement(pay),
        create_claim_handling(chat, pay, send),
    ],
    request_policies=[expense_policies(), claim_policies()],
    mcp_tools=["Writer", "SpamDetector", "Researcher"],
)
app.add_activity(handle_spam_email, outbox_dir=outbox)
app.add_activity(send_email, once=True, mail=settings.mail, outbox_dir=outbox)
app.add_activity(escalate_for_review, review=review, outbox_dir=outbox)
app.add_activity(publish_content, publishing=settings.publishing)
app.add_activity(list_publications, publishing=settings.publishing)
app.add_activity(file_digest, outbox_dir=outbox)
app.add_activity(call_model, chat_client=create_chat_client(settings.model, calls_tools=False))
app.add_activity(use_tool)
if settings.DIGEST_HOURS:
    app.add_schedule(digest, settings.DIGEST_HOURS)
add_chat_sessions(app, settings)
