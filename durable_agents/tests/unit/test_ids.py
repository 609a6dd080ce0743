import pytest

from durable_agents.ids import check_agent_name, is_idempotency_key, is_instance_id, is_session_id, is_workflow_run_id


@pytest.mark.parametrize("text", ["a", "A-1_b.c", "0", "x" * 128, "...", ".a"])
def test_possible_session_ids(text: str) -> None:
    assert is_session_id(text)
    assert is_instance_id(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "x?op=reset&", "q#frag", "p%41", "a/b", "a b", "ä", "a\n", "@a@b", "x" * 129, "a\x00"]
)
def test_ids_that_would_change_a_url_are_impossible(text: str) -> None:
    assert not is_session_id(text)
    assert not is_instance_id(text)


def test_a_child_run_has_a_colon_in_its_id() -> None:
    assert is_instance_id("0f3c:1")
    assert not is_session_id("0f3c:1")


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
    assert is_workflow_run_id(text) is possible


@pytest.mark.parametrize(("key", "possible"), [("k", True), ("~!@/" * 32, True), ("", False), ("a b", False)])
def test_idempotency_keys(key: str, possible: bool) -> None:
    assert is_idempotency_key(key) is possible


@pytest.mark.parametrize("name", ["", "1st", "two words", "a.b", "x/y"])
def test_an_impossible_agent_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not possible"):
        check_agent_name(name)
