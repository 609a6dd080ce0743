"""The durable client binding has the recorded shape, and the SDK's own client builds its URLs from it."""

import json

import azure.durable_functions as df

from devhost.protocol.client_binding import RPC_PATH, WEBHOOK_PATH, ClientBinding
from devhost.tests.unit.recordings import TURNS

RECORDED = TURNS["durable client"]
BINDING = ClientBinding("http://127.0.0.1:7071", "http://127.0.0.1:7071", "RigHub", "Storage")


def test_binding_is_the_recorded_one_but_for_key_and_rpc_address() -> None:
    recorded = json.loads(json.dumps(RECORDED).replace("code={key}", "code=local"))
    recorded["rpcBaseUrl"] = f"http://127.0.0.1:7071{RPC_PATH}/"
    assert json.loads(BINDING.dump()) == recorded


def test_rpc_address_ends_with_a_slash_since_the_sdk_appends_to_it() -> None:
    assert json.loads(BINDING.dump())["rpcBaseUrl"].endswith("/")


def test_sdk_client_fills_the_instance_id_into_every_url() -> None:
    payload = df.DurableOrchestrationClient(BINDING.dump()).create_http_management_payload("r-42")
    assert payload["id"] == "r-42"
    urls = [url for name, url in payload.items() if name != "id"]
    assert len(urls) == 8
    assert all(url.startswith(f"http://127.0.0.1:7071{WEBHOOK_PATH}/instances/r-42") for url in urls)


def test_payload_is_under_the_url_its_caller_used() -> None:
    payload = BINDING.management_payload("r-42", "https://tunnel.example.com")
    assert all(url.startswith("https://tunnel.example.com/runtime/") for name, url in payload.items() if name != "id")


def test_payload_of_the_webhooks_has_no_rewind_url() -> None:
    assert json.loads(BINDING.dump())["managementUrls"].keys() - BINDING.management_payload("r", "http://x").keys() == {
        "rewindPostUri"
    }


def test_instance_id_is_escaped_in_urls_and_plain_beside_them() -> None:
    payload = BINDING.management_payload("a&b=ž", "http://x")
    assert payload["id"] == "a&b=ž"
    assert "/instances/a%26b%3D%C5%BE?" in payload["statusQueryGetUri"]
