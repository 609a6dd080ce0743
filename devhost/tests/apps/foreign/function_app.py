"""A shop: a Durable Functions app as anyone might have written it, of which devhost knows nothing."""

import json
import logging
from collections import Counter
from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func
from stock import blueprint

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(blueprint)

attempts = Counter()


@app.route(route="orders/{number:int:min(1)}", methods=["PUT"])
@app.durable_client_input(client_name="client")
async def place_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new("order", f"order-{req.route_params['number']}", req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.route(route="orders/{number:int:min(1)}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def show_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    status = await client.get_status(f"order-{req.route_params['number']}")
    return func.HttpResponse(
        json.dumps({"status": status.runtime_status.name, "stage": status.custom_status, "result": status.output}),
        mimetype="application/json",
    )


@app.route(route="visits/{page?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def count_visit(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    await client.raise_event("visits", "visit", req.route_params.get("page", "front"))
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def order(context: df.DurableOrchestrationContext):
    """Take the articles from stock, charge, wait for the packer, ship; give everything back when no card works."""
    wanted = context.get_input()
    articles = {name: df.EntityId("Stock", name) for name in wanted["articles"]}
    yield context.task_all([context.call_entity(articles[name], "take", n) for name, n in wanted["articles"].items()])
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=20, max_number_of_attempts=3)
    try:
        receipt = yield context.call_activity_with_retry("charge", retry, wanted["card"])
    except Exception:
        for name, pieces in wanted["articles"].items():
            context.signal_entity(articles[name], "add", pieces)
        return {"outcome": "card refused"}
    context.set_custom_status("waits for the packer")
    packed = context.wait_for_external_event("packed")
    too_late = context.create_timer(context.current_utc_datetime + timedelta(hours=2))
    first = yield context.task_any([packed, too_late])
    if first is too_late:
        return {"outcome": "never packed"}
    too_late.cancel()
    context.set_custom_status("ships")
    parcels = [{"to": wanted["to"], "pieces": pieces} for pieces in wanted["articles"].values()]
    labels = yield context.call_sub_orchestrator("ship", parcels, f"{context.instance_id}-shipment")
    return {"outcome": "shipped", "receipt": receipt, "labels": labels}


@app.orchestration_trigger(context_name="context")
def ship(context: df.DurableOrchestrationContext):
    """Print a label for each parcel, all at the same time."""
    labels = yield context.task_all([context.call_activity("print_label", parcel) for parcel in context.get_input()])
    return labels


@app.orchestration_trigger(context_name="context")
def visits(context: df.DurableOrchestrationContext):
    """Count visits for ever, a generation for each."""
    seen = context.get_input() or {}
    context.set_custom_status(seen)
    page = json.loads((yield context.wait_for_external_event("visit")))
    seen[page] = seen.get(page, 0) + 1
    yield context.call_activity("write_down", seen)
    context.continue_as_new(seen)


@app.orchestration_trigger(context_name="context")
def misprint(context: df.DurableOrchestrationContext):
    """Names an activity by a number, which no host can make sense of."""
    yield context.call_activity(7)


@app.orchestration_trigger(context_name="context")
def ask_the_tax_office(context: df.DurableOrchestrationContext):
    """Make a request as the managed identity that the app has on Azure."""
    token = df.ManagedIdentityTokenSource("https://management.core.windows.net")
    answer = yield context.call_http("GET", "https://taxes.example/rate", token_source=token)
    return answer


@app.activity_trigger(input_name="card")
def charge(card: str) -> str:
    """Charge a card: `slow-*` is refused twice before it works, `bad-*` always."""
    attempts[card] += 1
    if card.startswith("bad") or (card.startswith("slow") and attempts[card] < 3):
        raise RuntimeError(f"the bank refused {card}, attempt {attempts[card]}")
    return f"charged {card} at attempt {attempts[card]}"


@app.activity_trigger(input_name="seen")
def write_down(seen: dict) -> None:
    logging.info("visits so far: %s", seen)


@app.queue_trigger(arg_name="message", queue_name="deliveries", connection="AzureWebJobsStorage")
@app.durable_client_input(client_name="client")
async def take_delivery(message: func.QueueMessage, client: df.DurableOrchestrationClient) -> None:
    """Needs a host with the Storage extension."""
    article, pieces = message.get_body().decode().split(":")
    await client.signal_entity(df.EntityId("Stock", article), "add", int(pieces))
