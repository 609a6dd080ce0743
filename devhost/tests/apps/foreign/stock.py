"""What the shop has of each article: a blueprint with an entity, its HTTP route and an async activity."""

import asyncio
import json
import os

import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()


@blueprint.entity_trigger(context_name="context")
def Stock(context: df.DurableEntityContext):  # noqa: N802  an entity is named like a class here
    """Count the pieces of one article: `add`, `take`, which fails when there are too few, and `clear`."""
    pieces = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            pieces += context.get_input()
        case "take":
            wanted = context.get_input()
            if wanted > pieces:
                raise ValueError(f"only {pieces} of {context.entity_key} left")
            pieces -= wanted
        case "clear":
            context.destruct_on_exit()
            return
    context.set_state(pieces)
    context.set_result(pieces)


@blueprint.route(route="stock/{article:alpha}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@blueprint.durable_client_input(client_name="client")
async def show_stock(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    found = await client.read_entity_state(df.EntityId("Stock", req.route_params["article"]))
    if not found.entity_exists:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(json.dumps(found.entity_state), mimetype="application/json")


@blueprint.route(route="stock/{article:alpha}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@blueprint.durable_client_input(client_name="client")
async def add_stock(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    await client.signal_entity(df.EntityId("Stock", req.route_params["article"]), "add", req.get_json())
    return func.HttpResponse(status_code=202)


@blueprint.activity_trigger(input_name="parcel")
async def print_label(parcel: dict) -> str:
    await asyncio.sleep(0.01)
    return f"{os.environ['CARRIER']}: {parcel['pieces']} piece(s) to {parcel['to']}"
