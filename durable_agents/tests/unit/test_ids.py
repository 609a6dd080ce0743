import pytest

from durable_agents.ids import IDEMPOTENCY_KEY, INSTANCE_ID, SESSION_ID, WORKFLOW_RUN_ID, check_agent_name, fits


@pytest.mark.parametrize("text", ["a", "A-1_b.c", "0", "x" * 128, "...", ".a"])
def test_possible_session_ids(text: str) -> None:
    assert fits(SESSION_ID, text)
    assert fits(INSTANCE_ID, text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "x?op=reset&", "q#frag", "p%41", "a/b", "a b", "ä", "a\n", "@a@b", "x" * 129, "a\x00"]
)
def test_ids_that_would_change_a_url_are_impossible(text: str) -> None:
    assert not fits(SESSION_ID, text)
    assert not fits(INSTANCE_ID, text)


def test_a_child_run_has_a_colon_in_its_id() -> None:
    assert fits(INSTANCE_ID, "0f3c:1")
    assert not fits(SESSION_ID, "0f3c:1")


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("mail-7", True),
        ("a.b_c", True),
        ("x" * 100, True),
        ("x" * 101, False),
        (".", False),
        ("a:b", False),
        ("", False),
    ],
)
def test_ids_that_callers_give_to_runs_of_workflows(text: str, possible: bool) -> None:
    assert fits(WORKFLOW_RUN_ID, text) is possible


@pytest.mark.parametrize(("key", "possible"), [("k", True), ("~!@/" * 32, True), ("", False), ("a b", False)])
def test_idempotency_keys(key: str, possible: bool) -> None:
    assert fits(IDEMPOTENCY_KEY, key) is possible


@pytest.mark.parametrize("name", ["", "1st", "two words", "a.b", "x/y"])
def test_an_impossible_agent_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not possible"):
        check_agent_name(name)
