"""The samples on orchestrations of agents: one after the other, at the same time, and with a human in the loop."""

from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from agent_framework import Agent
from pydantic import BaseModel

from durable_agents import AgentFunctionApp
from durable_agents.testing import OfflineChatClient

chat = OfflineChatClient()
app = AgentFunctionApp(
    agents=[
        Agent(chat, f"You are the {name}.", name=name)
        for name in (
            "SpamDetectionAgent",
            "EmailAssistantAgent",
            "TechnicalResearchAgent",
            "MarketResearchAgent",
            "CompetitorResearchAgent",
            "SummaryAgent",
            "ContentGenerationAgent",
        )
    ]
)


class SpamDetectionResult(BaseModel):
    is_spam: bool
    reason: str


class EmailResponse(BaseModel):
    response: str


@app.orchestration_trigger(context_name="context")
def spam_detection_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Judge an e-mail, then file it or answer it."""
    email = context.get_input()
    judge = app.get_agent(context, "SpamDetectionAgent")
    judged = yield judge.run(
        messages=f"Is this e-mail spam? {email['content']}",
        session=judge.create_session(),
        options={"response_format": SpamDetectionResult},
    )
    if judged.value.is_spam:
        return (yield context.call_activity("handle_spam_email", judged.value.reason))
    assistant = app.get_agent(context, "EmailAssistantAgent")
    drafted = yield assistant.run(
        messages=f"Answer this e-mail: {email['content']}",
        session=assistant.create_session(),
        options={"response_format": EmailResponse},
    )
    return (yield context.call_activity("send_email", drafted.value.response))


@app.orchestration_trigger(context_name="context")
def research_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Have three agents look at a topic at the same time, and a fourth sum up what they say."""
    topic = context.get_input()
    questions = {
        "TechnicalResearchAgent": f"How does {topic} work?",
        "MarketResearchAgent": f"Who buys {topic}?",
        "CompetitorResearchAgent": f"Who else makes {topic}?",
    }
    tasks = [app.get_agent(context, name).run(messages=question) for name, question in questions.items()]
    results = yield context.task_all(tasks)
    found = "\n\n".join(result.text for result in results)
    summary = yield app.get_agent(context, "SummaryAgent").run(messages=f"Sum this up:\n{found}")
    return summary.text


@app.orchestration_trigger(context_name="context")
def content_approval_workflow(context: df.DurableOrchestrationContext) -> Any:
    """Write a text, and publish it if a human approves it within a day."""
    topic = context.get_input()
    draft = yield app.get_agent(context, "ContentGenerationAgent").run(messages=f"Write about {topic}")
    yield context.call_activity("notify_reviewer", draft.text)
    approval = context.wait_for_external_event("ApprovalDecision")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(hours=24))
    winner = yield context.task_any([approval, timeout])
    if winner == approval:
        timeout.cancel()
        if approval.result.get("approved"):
            return (yield context.call_activity("publish_content", draft.text))
        return "Content rejected"
    return (yield context.call_activity("escalate_for_review", draft.text))


@app.activity_trigger(input_name="reason")
def handle_spam_email(reason: str) -> str:
    return f"Filed as spam: {reason}"


@app.activity_trigger(input_name="reply")
def send_email(reply: str) -> str:
    return f"Sent: {reply}"


@app.activity_trigger(input_name="draft")
def notify_reviewer(draft: str) -> str:
    return "told"


@app.activity_trigger(input_name="draft")
def publish_content(draft: str) -> str:
    return f"Published: {draft}"


@app.activity_trigger(input_name="draft")
def escalate_for_review(draft: str) -> str:
    return "Escalated"


@app.route(route="reviews/{instance_id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def submit_review(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Give the decision to the run by the SDK's client, as a form of one's own would."""
    await client.raise_event(req.route_params["instance_id"], "ApprovalDecision", req.get_json())
    return func.HttpResponse(status_code=202)
