"""Small apps on disk for the tests: an orchestration around a few lines, and modules beside it."""

import textwrap
from pathlib import Path

from durable_agents.determinism.findings import Finding
from durable_agents.determinism.folders import check_folder

TYPED = """\
from pydantic import BaseModel
from durable_agents import AgentFunctionApp, Orchestration, OrchestrationContext, Steps
{above}

class Topic(BaseModel):
    topic: str = ""
    moment: str = ""

def story(context: OrchestrationContext, request: Topic) -> Steps[str]:
{body}
    answer = yield from context.ask("Writer", request.topic)
    return answer
"""
RAW = """\
import azure.durable_functions as df
from durable_agents import AgentFunctionApp
{above}
app = AgentFunctionApp()

@app.orchestration_trigger(context_name="context")
def story(context: df.DurableOrchestrationContext):
    request = context.get_input()
{body}
    return (yield context.call_activity("publish", request))

@app.activity_trigger(input_name="text")
def publish(text: str) -> str:
    return text
"""


def typed(body: str, above: str = "") -> str:
    """Return a module with an orchestration that begins with these lines."""
    return TYPED.format(body=_indented(body), above=textwrap.dedent(above).strip())


def raw(body: str, above: str = "") -> str:
    """Return a module with an app and an orchestration by decorator that begins with these lines."""
    return RAW.format(body=_indented(body), above=textwrap.dedent(above).strip())


def found_in(folder: Path, source: str, modules: dict[str, str] | None = None) -> list[Finding]:
    """Return what is found in an app of this module `story.py` and others."""
    for name, text in {"story.py": source, **(modules or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return check_folder(folder)


def marked(folder: Path, mark: str = "# !") -> set[tuple[str, int]]:
    """Return the files and lines that end with the mark."""
    return {
        (path.name, number)
        for path in folder.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith(mark)
    }


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
