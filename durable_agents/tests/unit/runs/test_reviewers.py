import azure.functions as func
import pytest

from durable_agents.http.problems import ProblemError
from durable_agents.owners import owner_named
from durable_agents.runs.reviewers import Reviewer, read_reviewer

SIGNED_IN = {"X-MS-CLIENT-PRINCIPAL-NAME": "ada@example.com", "X-MS-CLIENT-PRINCIPAL-ID": "7"}
OWNER = owner_named("\n7")


def request(headers: dict[str, str]) -> func.HttpRequest:
    return func.HttpRequest("POST", "https://app.example.com/api/approval/x", headers=headers, body=b"")


def test_who_is_signed_in_is_the_reviewer_whatever_the_body_says() -> None:
    reviewer = read_reviewer(request(SIGNED_IN), "bob", trusts_app_service=True)
    assert reviewer == Reviewer("ada@example.com", "7", verified=True, owner=OWNER)
    assert reviewer.identity == "id:7"
    assert Reviewer("7").identity != reviewer.identity


def test_the_headers_count_for_nothing_where_anybody_can_send_them() -> None:
    assert read_reviewer(request(SIGNED_IN), "bob", trusts_app_service=False) == Reviewer("bob")
    assert read_reviewer(request(SIGNED_IN), None, trusts_app_service=False) == Reviewer(None)


def test_who_is_not_signed_in_is_as_stated() -> None:
    name_only = {"X-MS-CLIENT-PRINCIPAL-NAME": "ada@example.com"}
    assert read_reviewer(request(name_only), "bob", trusts_app_service=True) == Reviewer("bob", may_be_anybody=True)
    by_link = read_reviewer(request(name_only), "bob", trusts_app_service=True, by_link=True)
    assert by_link == Reviewer("bob")


def test_a_user_without_a_name_goes_by_the_id() -> None:
    headers = {"X-MS-CLIENT-PRINCIPAL-ID": "7"}
    known = Reviewer("7", "7", verified=True, owner=OWNER)
    assert read_reviewer(request(headers), "bob", trusts_app_service=True) == known


@pytest.mark.parametrize("value", ["x" * 101, "a\tb", "ada\u3164"])
def test_an_identity_that_cannot_be_kept_is_refused(value: str) -> None:
    with pytest.raises(ProblemError, match="must be a name or an address"):
        read_reviewer(request({**SIGNED_IN, "X-MS-CLIENT-PRINCIPAL-NAME": value}), None, trusts_app_service=True)
