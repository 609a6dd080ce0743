"""The support desk: who answers with which model, and what the tools say."""

import pytest
from pydantic import ValidationError

from agents.support_desk import (
    BILLING,
    CLASSIFIER,
    FRONT_DESK,
    GENERAL,
    TECHNICAL,
    Classification,
    create_support_desk,
    look_up_invoice,
    search_known_issues,
)
from durable_agents.testing import OfflineChatClient, ScriptedChatClient, asked, call_tool

INVOICE = "INV-1001 of 2026-02-03: 49.90 euros, paid on 2026-02-10."


def test_their_names_are_stored_in_sessions() -> None:
    desk = create_support_desk(OfflineChatClient(), OfflineChatClient())
    assert [agent.name for agent in desk] == [CLASSIFIER, BILLING, TECHNICAL, GENERAL, FRONT_DESK]
    assert (CLASSIFIER, FRONT_DESK) == ("SupportClassifier", "FrontDesk")
    assert (BILLING, TECHNICAL, GENERAL) == ("BillingSpecialist", "TechnicalSpecialist", "GeneralSpecialist")


async def test_each_has_its_model_its_tools_and_its_instructions() -> None:
    answers = ["billing", "technical"], [Classification(category="other", confidence=1, reason=""), "general", "desk"]
    strong, cheap = (ScriptedChatClient(*steps) for steps in answers)
    for agent in create_support_desk(strong, cheap):
        await agent.run("Well?")
    strong.check_finished()
    cheap.check_finished()
    assert [request.tools for request in strong.requests] == [["look_up_invoice"], ["search_known_issues"]]
    assert [request.tools for request in cheap.requests] == [[], ["search_library"], []]
    told = {str(request.options["instructions"]) for request in (*strong.requests, *cheap.requests)}
    assert len(told) == 5


async def test_the_classifier_answers_with_a_category() -> None:
    given = Classification(category="billing", confidence=0.9, reason="It names an invoice.")
    classifier = create_support_desk(OfflineChatClient(), ScriptedChatClient(given))[0]
    assert (await classifier.run("What about INV-1001?")).value == given


async def test_billing_looks_up_the_invoice() -> None:
    chat = ScriptedChatClient(
        asked("INV-1001", call_tool("look_up_invoice", invoice_number="INV-1001", customer_number="C-17")),
        asked(INVOICE, "It is paid."),
    )
    billing = create_support_desk(chat, OfflineChatClient())[1]
    assert (await billing.run("Is INV-1001 paid? Customer number: C-17")).text == "It is paid."
    chat.check_finished()


async def test_the_offline_model_uses_the_tools_too() -> None:
    desk = {agent.name: agent for agent in create_support_desk(OfflineChatClient(), OfflineChatClient())}
    assert "49.90" in (await desk[BILLING].run("What about invoice INV-1001?\n\nCustomer number: C-17")).text
    assert "KI-2" in (await desk[TECHNICAL].run("Search the known issues for a printer that is offline.")).text
    assert "warranty.txt" in (await desk[GENERAL].run("Search the library for warranty on batteries")).text


def test_an_invoice_is_shown_to_who_knows_both_numbers() -> None:
    assert look_up_invoice("inv-1001 ", "c-17") == INVOICE


@pytest.mark.parametrize(("invoice", "customer"), [("INV-1001", "C-23"), ("INV-9", "C-17"), ("", ""), ("INV-1001", "")])
def test_who_does_not_know_both_learns_nothing(invoice: str, customer: str) -> None:
    assert look_up_invoice(invoice, customer) == f"There is no invoice {invoice!r} of customer {customer!r}."


def test_the_issue_that_fits_best_comes_first() -> None:
    issues = search_known_issues("printer offline after the router").splitlines()
    assert issues[0].startswith("KI-2: ")
    assert search_known_issues("zebra") == "No known issue for 'zebra'."


@pytest.mark.parametrize("wrong", [{"confidence": 1.1}, {"category": "legal"}])
def test_a_classification_is_one_of_four_with_a_probability(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Classification.model_validate({"category": "other", "confidence": 1, "reason": "", **wrong})
