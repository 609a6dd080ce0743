from agents.shop_assistant import NAME, create_shop_assistant
from durable_agents.testing import OfflineChatClient


def refuse(key: str, order_id: str, amount_cents: int) -> str:
    raise AssertionError("nobody has approved it")


async def test_a_refund_waits_for_a_human() -> None:
    response = await create_shop_assistant(OfflineChatClient(), refuse).run("Refund order A-17: 1250")
    (request,) = response.user_input_requests
    assert request.function_call is not None
    assert request.function_call.name == "refund_order"
    assert request.function_call.parse_arguments() == {"order_id": "A-17", "amount_cents": 1250}


async def test_other_messages_are_answered() -> None:
    response = await create_shop_assistant(OfflineChatClient(), refuse).run("Hello")
    assert "Hello" in response.text


def test_its_name_is_stored_in_sessions() -> None:
    assert NAME == "ShopAssistant"
