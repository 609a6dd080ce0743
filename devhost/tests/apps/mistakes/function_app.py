"""An app whose code fails, in each of the ways in which code of an app is run."""

import logging
import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
log = logging.getLogger("mistakes")
prices = {"tea": 3}


def price_of(article):
    return prices[article]


@app.route(route="prices/{article}")
def show_price(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(price_of(req.route_params["article"])))


@app.activity_trigger(input_name="article")
def look_up(article: str) -> int:
    log.info("looks up %s", article)
    return price_of(article)


@app.activity_trigger(input_name="seconds")
async def hold_up(seconds: float) -> None:
    time.sleep(seconds)


@app.orchestration_trigger(context_name="context")
def call(context: df.DurableOrchestrationContext):
    """Call the activity of the input, and wait for the event `go` before."""
    log.info("waits")
    yield context.wait_for_external_event("go")
    log.info("calls")
    name, value = context.get_input()
    yield context.call_activity(name, value)


@app.orchestration_trigger(context_name="context")
def add_up(context: df.DurableOrchestrationContext):
    """Take a price for a number that it is not."""
    yield context.call_activity("look_up", "tea")
    return price_of("coffee")


def looks_up(context: df.DurableOrchestrationContext):
    price = yield context.call_activity("look_up", "tea")
    return price


@app.orchestration_trigger(context_name="context")
def forget(context: df.DurableOrchestrationContext):
    """Forget the `from` of `yield from`."""
    price = yield looks_up(context)
    return price


@app.orchestration_trigger(context_name="context")
def order(context: df.DurableOrchestrationContext):
    """Signal an entity what it cannot do."""
    context.signal_entity(df.EntityId("Shelf", "a"), "take", 1)
    yield context.call_entity(df.EntityId("Shelf", "a"), "count")


@app.entity_trigger(context_name="context")
def Shelf(context: df.DurableEntityContext) -> None:  # noqa: N802  # the name of an entity
    if context.operation_name == "take":
        raise ValueError("the shelf is empty")
    context.set_result(0)
