"""A small app for the tests of devhost: one short function for each behaviour that they look at."""

import base64
import json
import os
import sys
import time
import urllib.request
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="mirror/{part?}")
async def mirror(req: func.HttpRequest) -> func.HttpResponse:
    """Show the request as the function sees it."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": base64.b64encode(req.get_body()).decode(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"X-Method": req.method})


@app.route(route="only-get", methods=["GET"])
def only_get(req: func.HttpRequest) -> str:
    return "got"


@app.route(route="bytes", methods=["POST"])
def same_bytes(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), mimetype="application/octet-stream")


@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("two cookies")
    response.headers.add("Set-Cookie", "flavour=oat; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "size=big; Max-Age=60")
    return response


@app.route(route="broken")
def broken(req: func.HttpRequest) -> str:
    raise ValueError("a secret of the app")


@app.route(route="length", methods=["POST"])
def length(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.route(route="answers-none")
def answers_none(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route(route="answers-dict")
def answers_dict(req: func.HttpRequest):
    return {"a": 1}


@app.route(route="exits")
def exits(req: func.HttpRequest) -> str:
    sys.exit("the function has had enough")


@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> str:
    return "no key was asked for"


@app.activity_trigger(input_name="seconds")
def pause(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@app.activity_trigger(input_name="order")
def call_this_host(order: dict) -> str:
    """Note that it began, in a file, and later call a function of this very host."""
    with open(order["path"], "a", encoding="utf-8") as file:
        file.write("began\n")
    time.sleep(order["seconds"])
    with urllib.request.urlopen(f"http://{os.environ['WEBSITE_HOSTNAME']}/api/only-get", timeout=5) as answer:
        return answer.read().decode()


@app.activity_trigger(input_name="number")
def compute(number: int) -> int:
    """Let no other thread take its turn, for a millisecond or so."""
    return sum(n * n for n in range(20_000)) + number


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="name")
async def hello(name: str) -> str:
    return f"Hello {name}"


@app.activity_trigger(input_name="path")
def need_file(path: str) -> str:
    """Fail until the file is there, and count the attempts beside it."""
    with open(f"{path}.attempts", "a", encoding="ascii") as attempts:
        attempts.write("x")
    with open(path, encoding="utf-8") as file:
        return file.read()


@app.orchestration_trigger(context_name="context")
def echo(context: df.DurableOrchestrationContext):
    return context.get_input()


@app.orchestration_trigger(context_name="context")
def nest(context: df.DurableOrchestrationContext):
    """Return as many lists, each in another."""
    value: list = []
    for _ in range(context.get_input() - 1):
        value = [value]
    return value


@app.orchestration_trigger(context_name="context")
def not_finite(context: df.DurableOrchestrationContext):
    context.set_custom_status({"at": float("nan")})
    return [float("nan"), float("inf"), float("-inf")]


@app.orchestration_trigger(context_name="context")
def greet(context: df.DurableOrchestrationContext):
    greeting = yield context.call_activity("hello", context.get_input())
    return greeting


@app.orchestration_trigger(context_name="context")
def wait_for_go(context: df.DurableOrchestrationContext):
    context.set_custom_status("waiting")
    gone = yield context.wait_for_external_event("go")
    return gone


@app.orchestration_trigger(context_name="context")
def sleep_on_a_timer(context: df.DurableOrchestrationContext):
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=float(context.get_input())))
    return "woke up"


@app.orchestration_trigger(context_name="context")
def sleep_in_an_activity(context: df.DurableOrchestrationContext):
    slept = yield context.call_activity("pause", float(context.get_input()))
    return slept


@app.orchestration_trigger(context_name="context")
def have_this_host_called(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("call_this_host", context.get_input()))


@app.orchestration_trigger(context_name="context")
def compute_again_and_again(context: df.DurableOrchestrationContext):
    for number in range(context.get_input()):
        yield context.call_activity("compute", number)


@app.orchestration_trigger(context_name="context")
def fail_with(context: df.DurableOrchestrationContext):
    yield context.call_activity("fail", context.get_input())


@app.orchestration_trigger(context_name="context")
def read_file(context: df.DurableOrchestrationContext):
    greeting = yield context.call_activity("hello", "reader")
    content = yield context.call_activity("need_file", context.get_input())
    return [greeting, content]


@app.orchestration_trigger(context_name="context")
def read_files_with_retries(context: df.DurableOrchestrationContext):
    """Read several files at once, each tried three times, beside an activity without retries."""
    policy = df.RetryOptions(first_retry_interval_in_milliseconds=50, max_number_of_attempts=3)
    reading = [context.call_activity_with_retry("need_file", policy, path) for path in context.get_input()]
    greeting = context.call_activity("hello", "reader")
    contents = yield context.task_all([*reading, greeting])
    return contents


@app.orchestration_trigger(context_name="context")
def think_long(context: df.DurableOrchestrationContext):
    """Keep the turn busy for a moment, as no orchestrator should."""
    if not context.is_replaying:
        time.sleep(0.3)
    yield context.wait_for_external_event("go")
    return "gone"


@app.orchestration_trigger(context_name="context")
def put_book(context: df.DurableOrchestrationContext):
    shelf = df.EntityId("Shelf", context.get_input())
    context.signal_entity(shelf, "put", "first")
    books = yield context.call_entity(shelf, "put", "second")
    return books


@app.orchestration_trigger(context_name="context")
def use_http(context: df.DurableOrchestrationContext):
    answer = yield context.call_http("GET", context.get_input())
    return answer


@app.entity_trigger(context_name="context")
def Shelf(context: df.DurableEntityContext):  # noqa: N802  the capital shows that names ignore case
    books = context.get_state(list)
    if context.operation_name == "put":
        books.append(context.get_input())
        context.set_state(books)
    elif context.operation_name == "delete":
        context.destruct_on_exit()
    context.set_result(books)


@app.generic_trigger(arg_name="context", type="entityTrigger", entityName="Clerk")
@app.generic_input_binding(arg_name="client", type="durableClient")
async def Clerk(context: func.EntityContext, client: str) -> str:  # noqa: N802  the name of an entity
    """Start a run for each message; the SDK's own decorators give no entity a client, so this is how one gets it."""
    key = json.loads(context.body)["self"]["key"]
    started = await df.DurableOrchestrationClient(client).start_new("put_book", f"{key}-started", key)
    return df.Entity.create(lambda entity: entity.set_state(started))(context)
