"""The patterns of agents as durable functions, where models and tools are called by activities."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from durable_agents import AgentFunctionApp

app = AgentFunctionApp()


@app.orchestration_trigger(context_name="context")
def prompt_chaining_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Outline, draft, refine."""
    outline = yield context.call_activity("generate_outline_agent", context.get_input())
    draft = yield context.call_activity("write_draft_agent", outline)
    return (yield context.call_activity("refine_draft_agent", draft))


@app.orchestration_trigger(context_name="context")
def routing_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Find out what a question is about, and hand it to who knows."""
    request = context.get_input()
    category = yield context.call_activity("classify_request_agent", request["message"])
    experts = {"billing": "billing_agent", "technical": "technical_support_agent"}
    return (yield context.call_activity(experts.get(category, "general_inquiry_agent"), request))


@app.orchestration_trigger(context_name="context")
def parallel_research_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Look into every topic of a list at the same time, and put it together."""
    request = context.get_input()
    tasks = [context.call_activity("research_subtopic_agent", subtopic) for subtopic in request["subtopics"]]
    research = yield context.task_all(tasks)
    return (yield context.call_activity("synthesize_agent", {"topic": request["topic"], "research": research}))


@app.orchestration_trigger(context_name="context")
def orchestrator_workers_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Have a model plan the tasks, and an orchestration of its own do each."""
    request = context.get_input()
    subtasks = yield context.call_activity("plan_research_agent", request["topic"])
    workers = [context.call_sub_orchestrator("research_worker_orchestration", subtask) for subtask in subtasks]
    results = yield context.task_all(workers)
    return (yield context.call_activity("synthesize_agent", {"topic": request["topic"], "research": results}))


@app.orchestration_trigger(context_name="context")
def research_worker_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Do one task."""
    return (yield context.call_activity("research_subtopic_agent", context.get_input()))


@app.orchestration_trigger(context_name="context")
def evaluator_optimizer_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """Write and judge until it is good, five times at most."""
    request, content, feedback = context.get_input(), "", ""
    for _ in range(5):
        given = {"prompt": request["prompt"], "previous_content": content, "feedback": feedback}
        content = yield context.call_activity("generate_content_agent", given)
        evaluation = yield context.call_activity("evaluate_content_agent", content)
        if evaluation["meets_quality_bar"]:
            return content
        feedback = evaluation["feedback"]
    return content


@app.orchestration_trigger(context_name="context")
def agent_loop_orchestration(context: df.DurableOrchestrationContext) -> Any:
    """The loop of an agent: a model, its tools, a human; begun anew every ten rounds."""
    state = context.get_input() or {"messages": [], "iteration": 0}
    while state["iteration"] < 100:
        response = yield context.call_activity("call_llm_agent", state["messages"])
        state["messages"].append(response["message"])
        if response.get("tool_calls"):
            calls = [context.call_activity("execute_tool", call) for call in response["tool_calls"]]
            state["messages"].extend((yield context.task_all(calls)))
        elif response.get("needs_human_input"):
            said = yield context.wait_for_external_event("HumanInput")
            state["messages"].append({"role": "user", "content": said})
        else:
            return response["final_answer"]
        state["iteration"] += 1
        if state["iteration"] % 10 == 0:
            context.continue_as_new(state)
            return None
    return "Max iterations reached."


@app.entity_trigger(context_name="context")
def chat_agent_entity(context: df.DurableEntityContext) -> None:
    """A conversation kept by an entity of one's own."""
    state = context.get_state(lambda: {"messages": []})
    if context.operation_name == "message":
        said = context.get_input()
        state["messages"].append({"role": "user", "content": said})
        answer = f"You said {said}."
        state["messages"].append({"role": "assistant", "content": answer})
        context.set_state(state)
        context.set_result(answer)


@app.route(route="chats/{chat}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def send_chat_message(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    entity = df.EntityId("chat_agent_entity", req.route_params["chat"])
    await client.signal_entity(entity, "message", req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def chat(context: df.DurableOrchestrationContext) -> Any:
    """Say something to that entity, and return what it answers."""
    given = context.get_input()
    entity = df.EntityId("chat_agent_entity", given["chat"])
    return (yield context.call_entity(entity, "message", given["message"]))


@app.activity_trigger(input_name="topic")
def generate_outline_agent(topic: str) -> str:
    return f"outline of {topic}"


@app.activity_trigger(input_name="outline")
def write_draft_agent(outline: str) -> str:
    return f"draft by {outline}"


@app.activity_trigger(input_name="draft")
def refine_draft_agent(draft: str) -> str:
    return f"refined {draft}"


@app.activity_trigger(input_name="message")
def classify_request_agent(message: str) -> str:
    return next((word for word in ("billing", "technical") if word in message), "other")


@app.activity_trigger(input_name="request")
def billing_agent(request: dict) -> str:
    return "billing"


@app.activity_trigger(input_name="request")
def technical_support_agent(request: dict) -> str:
    return "technical"


@app.activity_trigger(input_name="request")
def general_inquiry_agent(request: dict) -> str:
    return "general"


@app.activity_trigger(input_name="topic")
def plan_research_agent(topic: str) -> list:
    return [f"{topic} {number}" for number in (1, 2, 3)]


@app.activity_trigger(input_name="topic")
def research_subtopic_agent(topic: str) -> str:
    return f"about {topic}"


@app.activity_trigger(input_name="found")
def synthesize_agent(found: dict) -> str:
    return f"{found['topic']}: {', '.join(found['research'])}"


@app.activity_trigger(input_name="given")
def generate_content_agent(given: dict) -> str:
    return f"{given['previous_content']}{given['prompt']}"


@app.activity_trigger(input_name="content")
def evaluate_content_agent(content: str) -> dict:
    return {"meets_quality_bar": len(content) >= 9, "feedback": "longer"}


@app.activity_trigger(input_name="messages")
def call_llm_agent(messages: list) -> dict:
    """Ask a human first, call tools for a while, then answer."""
    message = {"role": "assistant", "content": str(len(messages))}
    if not messages:
        return {"message": message, "needs_human_input": True}
    if len(messages) < 30:
        return {"message": message, "tool_calls": [{"name": "look", "at": len(messages)}]}
    return {"message": message, "final_answer": {"said": messages[1]["content"], "messages": len(messages)}}


@app.activity_trigger(input_name="call")
def execute_tool(call: dict) -> dict:
    return {"role": "tool", "content": call["at"]}
