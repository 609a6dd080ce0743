import pytest
from pydantic import ValidationError

from activities.handle_spam_email import QuarantineReceipt, SpamReport
from activities.send_email import EmailReceipt, OutgoingEmail
from durable_agents.testing import OfflineChatClient
from workflows.email_routing import IncomingEmail, RoutedEmail, create_email_routing

SPAM = "You won the lottery! Claim your prize now."


class Outside:
    """What the graph does outside, noted down."""

    def __init__(self) -> None:
        self.filed: list[SpamReport] = []
        self.sent: list[OutgoingEmail] = []

    def handle_spam_email(self, report: SpamReport) -> QuarantineReceipt:
        self.filed.append(report)
        return QuarantineReceipt(location=f"{report.key}.json")

    def send_email(self, email: OutgoingEmail) -> EmailReceipt:
        self.sent.append(email)
        return EmailReceipt(transport="outbox", message_id="m", location=f"{email.key}.eml")

    async def route(self, body: str, spam_threshold: float = 0.8, headers: dict[str, str] | None = None) -> RoutedEmail:
        """Run the graph in this process."""
        graph = create_email_routing(OfflineChatClient(), spam_threshold, self.handle_spam_email, self.send_email)
        email = IncomingEmail(sender="ada@example.com", subject="Hello", body=body, headers=headers or {})
        result = await graph.run(email)
        (routed,) = result.get_outputs()
        assert isinstance(routed, RoutedEmail)
        return routed


@pytest.fixture
def outside() -> Outside:
    return Outside()


async def test_spam_is_filed_with_what_is_known_of_it(outside: Outside) -> None:
    routed = await outside.route(SPAM)
    (report,) = outside.filed
    assert (routed.outcome, routed.location) == ("quarantined", f"{report.key}.json")
    assert (report.sender, report.subject, report.body) == ("ada@example.com", "Hello", SPAM)
    assert report.confidence > 0.8
    assert "lottery" in report.reason
    assert outside.sent == []


async def test_any_other_email_is_answered_by_the_agent(outside: Outside) -> None:
    routed = await outside.route("Where is my order?")
    (email,) = outside.sent
    assert (routed.outcome, routed.location) == ("replied", f"{email.key}.eml")
    assert email.recipient == "ada@example.com"
    assert "Where is my order?" in email.body
    assert outside.filed == []


async def test_spam_that_is_not_sure_enough_is_answered(outside: Outside) -> None:
    assert (await outside.route(SPAM, spam_threshold=0.99)).outcome == "replied"


async def test_what_a_machine_sent_is_filed_if_it_is_spam_and_not_answered(outside: Outside) -> None:
    by_machine = {"Auto-Submitted": "auto-generated"}
    assert (await outside.route("Where is my order?", headers=by_machine)).outcome == "ignored"
    assert (await outside.route(SPAM, headers=by_machine)).outcome == "quarantined"
    assert outside.sent == []


async def test_each_run_has_a_key_of_its_own(outside: Outside) -> None:
    await outside.route("Hello")
    await outside.route("Hello")
    assert len({email.key for email in outside.sent}) == 2


@pytest.mark.parametrize("sender", ["ada", "a@b, c@d", "a@b\r\nBcc: c@d", "=?utf-8?q?a=40b=2C?=c@d", ""])
def test_a_sender_is_one_mailbox(sender: str) -> None:
    with pytest.raises(ValidationError):
        IncomingEmail(sender=sender)
