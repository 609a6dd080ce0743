"""An agent that a run asks twice, in an app that writes each span into a file as soon as it has ended."""

import os
from collections.abc import Sequence
from pathlib import Path

from agent_framework import Agent
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from pydantic import BaseModel

from durable_agents import AgentFunctionApp, HostingSettings, OrchestrationContext, Steps, create_chat_client

FILE = Path(os.environ["OUTBOX_DIR"]) / "spans.jsonl"


class FileExporter(SpanExporter):
    """Writes a line for each span."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        with FILE.open("a", encoding="utf-8") as file:
            file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
        return SpanExportResult.SUCCESS


class Topic(BaseModel):
    topic: str


class Answers(BaseModel):
    answers: list[str]


def ask_twice(context: OrchestrationContext, request: Topic) -> Steps[Answers]:
    """Ask the agent twice."""
    first = yield from context.ask("Clerk", f"One on {request.topic}")
    second = yield from context.ask("Clerk", f"Two on {request.topic}")
    return Answers(answers=[first, second])


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(FileExporter()))
trace.set_tracer_provider(provider)
settings = HostingSettings.from_environ(os.environ)
clerk = Agent(create_chat_client(settings.model), "Answer.", name="Clerk")
app = AgentFunctionApp([clerk], settings=settings, orchestrations=[ask_twice])
