from agent_framework import Content

from durable_agents.sessions.tool_results import trim_result, trim_text


def test_a_short_result_stays_as_it_is() -> None:
    for result in ("short", {"a": 1}, [Content.from_text("short")], None, 7):
        assert trim_result(result, 100) == result


def test_a_long_text_keeps_its_beginning_and_says_what_is_missing() -> None:
    assert trim_text("a" * 150, 100) == "a" * 100 + "\n[50 of 150 bytes left out. Ask for a smaller part.]"


def test_no_character_is_cut_in_half() -> None:
    assert trim_text("ä" * 10, 5) == "ää\n[16 of 20 bytes left out. Ask for a smaller part.]"


def test_the_limit_is_for_all_texts_of_a_result_together() -> None:
    image = Content.from_data(b"x" * 500, "image/png")
    first, second, third = trim_result([Content.from_text("a" * 80), image, Content.from_text("b" * 80)], 100)
    assert (first.text, second) == ("a" * 80, image)
    assert third.text.startswith("b" * 20 + "\n[60 of 80 bytes left out.")


def test_a_value_is_trimmed_as_the_json_the_model_would_read() -> None:
    assert str(trim_result({"numbers": list(range(1000))}, 100)).startswith('{"numbers": [0, 1, 2')
