"""The samples of the overview: an agent in one line, agents in a row, and four graphs in one app."""

from typing import Any

import azure.durable_functions as df
from agent_framework import (
    Agent,
    AgentExecutorResponse,
    Case,
    Default,
    Executor,
    WorkflowBuilder,
    WorkflowContext,
    executor,
    handler,
    response_handler,
)
from pydantic import BaseModel

from durable_agents import AgentFunctionApp
from durable_agents.testing import OfflineChatClient

chat = OfflineChatClient()


# A chain of executors that take text; the graph has no name.
@executor(id="store_email")
async def store_email(email_text: str, ctx: WorkflowContext[str]) -> None:
    ctx.set_state("current_email", email_text)
    await ctx.send_message(email_text)


@executor(id="process_email")
async def process_email(email_text: str, ctx: WorkflowContext[str]) -> None:
    await ctx.send_message(f"Processed: {email_text[:50]}...")


@executor(id="finalize")
async def finalize(result: str, ctx: WorkflowContext[None, str]) -> None:
    await ctx.yield_output(f"Complete: {result}")


chain = (
    WorkflowBuilder(start_executor=store_email)
    .add_edge(store_email, process_email)
    .add_edge(process_email, finalize)
    .build()
)

# Two agents at the same time.
sentiment_agent = Agent(client=chat, name="SentimentAnalysisAgent", instructions="You judge the mood of a text.")
keyword_agent = Agent(client=chat, name="KeywordExtractionAgent", instructions="You find the keywords of a text.")


@executor(id="input_router")
async def input_router(doc: str, ctx: WorkflowContext[str]) -> None:
    await ctx.send_message(doc)


@executor(id="prepare_for_output")
async def prepare_for_output(analyses: list[AgentExecutorResponse], ctx: WorkflowContext[None, str]) -> None:
    await ctx.yield_output("\n\n".join(f"[{one.executor_id}]: {one.agent_response.text}" for one in analyses))


fan = (
    WorkflowBuilder(start_executor=input_router)
    .add_fan_out_edges(source=input_router, targets=[sentiment_agent, keyword_agent])
    .add_fan_in_edges(sources=[sentiment_agent, keyword_agent], target=prepare_for_output)
    .build()
)


# A branch on what an agent says, with the agent first.
class SpamDetectionResult(BaseModel):
    is_spam: bool
    reason: str


spam_agent = Agent(
    client=chat,
    name="SpamDetectionAgent",
    instructions="You find spam. Return JSON with is_spam and reason.",
    default_options={"response_format": SpamDetectionResult},
)
email_agent = Agent(client=chat, name="EmailAssistantAgent", instructions="You answer e-mails.")


class SpamHandlerExecutor(Executor):
    @handler
    async def handle(self, response: AgentExecutorResponse, ctx: WorkflowContext[None, str]) -> None:
        result = SpamDetectionResult.model_validate_json(response.agent_response.text)
        await ctx.yield_output(f"Email marked as spam: {result.reason}")


class EmailSenderExecutor(Executor):
    @handler
    async def handle(self, response: AgentExecutorResponse, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(f"Email sent: {response.agent_response.text}")


def is_spam_detected(message: Any) -> bool:
    if not isinstance(message, AgentExecutorResponse):
        return False
    return SpamDetectionResult.model_validate_json(message.agent_response.text).is_spam


email_sender = EmailSenderExecutor(id="email_sender")
branch = (
    WorkflowBuilder(start_executor=spam_agent)
    .add_switch_case_edge_group(
        spam_agent,
        [
            Case(condition=is_spam_detected, target=SpamHandlerExecutor(id="spam_handler")),
            Default(target=email_agent),
        ],
    )
    .add_edge(email_agent, email_sender)
    .build()
)


# A human in the loop; the handlers say what they take.
class HumanApprovalResponse(BaseModel):
    approved: bool
    reviewer_notes: str = ""


content_analyzer_agent = Agent(client=chat, name="ContentAnalyzerAgent", instructions="You moderate content.")


class InputRouterExecutor(Executor):
    def __init__(self) -> None:
        super().__init__(id="moderation")

    @handler
    async def route_input(self, input_text: str, ctx: WorkflowContext[str]) -> None:
        await ctx.send_message(input_text)


class HumanReviewExecutor(Executor):
    def __init__(self) -> None:
        super().__init__(id="human_review_executor")

    @handler
    async def request_review(self, data: AgentExecutorResponse, ctx: WorkflowContext[str]) -> None:
        request = {"content": data.agent_response.text, "prompt": "May this be published?"}
        await ctx.request_info(request_data=request, response_type=HumanApprovalResponse)

    @response_handler
    async def handle_approval_response(
        self, original_request: dict, response: HumanApprovalResponse, ctx: WorkflowContext[str]
    ) -> None:
        status = "approved" if response.approved else "rejected"
        await ctx.send_message(f"Content {status}: {response.reviewer_notes}")


class PublishExecutor(Executor):
    def __init__(self) -> None:
        super().__init__(id="publish_executor")

    @handler
    async def handle_result(self, result: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(result)


router, review = InputRouterExecutor(), HumanReviewExecutor()
loop = (
    WorkflowBuilder(start_executor=router)
    .add_edge(router, content_analyzer_agent)
    .add_edge(content_analyzer_agent, review)
    .add_edge(review, PublishExecutor())
    .build()
)


class Ask(Executor):
    """Asks for answers that are no models."""

    @handler
    async def ask(self, article: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.request_info({"buy": article}, bool, request_id="buy")
        await ctx.request_info({"why": article}, str, request_id="why")

    @response_handler
    async def decide(self, request: dict, answer: bool, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(f"{request['buy']}: {answer}")

    @response_handler
    async def explain(self, request: dict, answer: str, ctx: WorkflowContext[None, str]) -> None:
        await ctx.yield_output(f"{request['why']}: {answer}")


purchase = WorkflowBuilder(name="purchase", start_executor=Ask("ask")).build()

# One line makes the agent durable; `workflow=` and `workflows=` may stand beside each other.
publisher = Agent(chat, "You write documents about any topic.", name="DocumentPublisher")
app = AgentFunctionApp(
    agents=[publisher, Agent(chat, "You research.", name="ResearchAgent")],
    workflow=chain,
    workflows=[fan, branch, loop, purchase],
)


@app.orchestration_trigger(context_name="context")
def document_publishing_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Research a topic, write about it, publish it."""
    topic = context.get_input()["topic"]
    research_agent, writer_agent = app.get_agent(context, "ResearchAgent"), app.get_agent(context, "DocumentPublisher")
    research = yield research_agent.run(messages=f"Find out about {topic}", session=research_agent.create_session())
    document = yield writer_agent.run(
        messages=f"Write about {topic}. Findings: {research.text}", session=writer_agent.create_session()
    )
    return (yield context.call_activity("publish_document", {"title": topic, "content": document.text}))


@app.activity_trigger(input_name="document")
def publish_document(document: dict) -> str:
    return f"Published {document['title']!r} with {len(document['content'])} characters"
