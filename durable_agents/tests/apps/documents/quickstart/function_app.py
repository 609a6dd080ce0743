"""The samples of the quick start that are hosted by Azure Functions: patterns, streams, and what keeps a run sound."""

from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from agent_framework import Agent, AgentResponse, AgentResponseUpdate
from agent_framework_durabletask import AgentCallbackContext, AgentResponseCallbackProtocol
from azure.durable_functions import DurableOrchestrationContext
from pydantic import BaseModel

from durable_agents import AgentFunctionApp
from durable_agents.testing import OfflineChatClient

WRITER = "WriterAgent"
NAMES = (WRITER, "Joker", "Physicist", "Chemist", "Mathematician", "SpamDetector", "EmailAssistant")
chat = OfflineChatClient()


class StreamResponseHandler(AgentResponseCallbackProtocol):
    """Keeps what agents say while they say it, as a stream in Redis would."""

    def __init__(self) -> None:
        self.streams: dict[str, list[str]] = {}

    async def on_streaming_response_update(self, update: AgentResponseUpdate, context: AgentCallbackContext) -> None:
        self.streams.setdefault(context.correlation_id, []).append(update.text)

    async def on_agent_response(self, response: AgentResponse, context: AgentCallbackContext) -> None:
        self.streams.setdefault(context.correlation_id, []).append("<complete>")


streams = StreamResponseHandler()
app = AgentFunctionApp(agents=[Agent(chat, f"You are {name}.", name=name) for name in NAMES], default_callback=streams)


class Classification(BaseModel):
    is_spam: bool
    confidence: float


@app.orchestration_trigger(context_name="context")
def writer_orchestration(context: DurableOrchestrationContext) -> Any:
    """Write a sentence, then improve it in the same conversation."""
    writer = app.get_agent(context, WRITER)
    session = writer.create_session()
    initial = yield writer.run(messages="Write one sentence about learning.", session=session)
    refined = yield writer.run(messages=f"Make this better: {initial.text}", session=session)
    return refined.text


@app.orchestration_trigger(context_name="context")
def parallel_orchestration(context: DurableOrchestrationContext) -> Any:
    """Ask three experts at the same time."""
    topic = context.get_input()
    experts = {"Physics": "Physicist", "Chemistry": "Chemist", "Mathematics": "Mathematician"}
    tasks = [app.get_agent(context, name).run(f"What is {topic} in {field}?") for field, name in experts.items()]
    results = yield context.task_all(tasks)
    return "\n\n".join(f"{field}: {result.text}" for field, result in zip(experts, results, strict=True))


@app.orchestration_trigger(context_name="context")
def conditional_orchestration(context: DurableOrchestrationContext) -> Any:
    """Block an e-mail that is surely spam, answer any other."""
    email = context.get_input()
    classified = yield app.get_agent(context, "SpamDetector").run(
        messages=f"Classify this e-mail: {email}", options={"response_format": Classification}
    )
    if classified.value.is_spam and classified.value.confidence > 0.8:
        return {"action": "blocked", "reason": "spam detected"}
    response = yield app.get_agent(context, "EmailAssistant").run(messages=f"Answer: {email}")
    return {"action": "replied", "draft": response.text}


@app.orchestration_trigger(context_name="context")
def hitl_orchestration(context: DurableOrchestrationContext) -> Any:
    """Write a draft, and go on as a human says, within a day."""
    writer = app.get_agent(context, WRITER)
    draft = yield writer.run("Write a blog post about AI")
    approval = context.wait_for_external_event("approval_received")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(hours=24))
    winner = yield context.task_any([approval, timeout])
    if winner == timeout:
        return {"status": "escalated", "reason": "approval timeout"}
    # A timer that goes on would keep the run from ending.
    timeout.cancel()
    if approval.result.get("approved"):
        return {"status": "published", "content": draft.text}
    revised = yield writer.run(f"Revise this, because {approval.result.get('feedback')}: {draft.text}")
    return {"status": "revised", "content": revised.text}


@app.orchestration_trigger(context_name="context")
def escalation(context: DurableOrchestrationContext) -> Any:
    """Wait for an approval, for as long as the input says, and escalate without one."""
    approval = context.wait_for_external_event("approval")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(seconds=context.get_input()["seconds"]))
    winner = yield context.task_any([approval, timeout])
    if winner == timeout:
        return (yield context.call_activity("send_escalation_email"))
    timeout.cancel()
    return "approved"


@app.activity_trigger(input_name="data")
def send_escalation_email(data: str) -> str:
    return "escalated"


processed: dict[str, dict] = {}


@app.activity_trigger(input_name="data")
def process_data(data: dict) -> dict:
    """Work once for a key."""
    if data["id"] not in processed:
        processed[data["id"]] = {"id": data["id"], "number": len(processed) + 1}
    return processed[data["id"]]


@app.orchestration_trigger(context_name="context")
def processing(context: df.DurableOrchestrationContext) -> Any:
    """Do the same twice, by reference."""
    first = yield context.call_activity("process_data", {"id": context.get_input()})
    second = yield context.call_activity("process_data", {"id": context.get_input()})
    return [first, second]


@app.activity_trigger(input_name="data")
def count_streams(data: str) -> list:
    return [sum("<complete>" in parts for parts in streams.streams.values()), sum(map(len, streams.streams.values()))]


@app.orchestration_trigger(context_name="context")
def stream_count(context: df.DurableOrchestrationContext) -> Any:
    """Tell how many answers were streamed to their end, and in how many pieces."""
    return (yield context.call_activity("count_streams"))
