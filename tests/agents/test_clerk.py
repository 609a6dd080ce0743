import pytest

from agents.clerk import ASK_HUMAN, LOOP_TOOLS, RETRIES, calculate


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("3 + 4", "7"),
        (" 3 * (19.90 + 4) ", "71.69999999999999"),
        ("-7 // 2", "-4"),
        ("7 % 4 - +1", "2"),
        ("2 ** 10 / 4", "256.0"),
        ("2 ** -1", "0.5"),
        ("1_000 * 2", "2000"),
    ],
)
def test_it_calculates(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "x",
        "1 +",
        "1 / 0",
        "1e308 * 10",
        "9 ** 9 ** 9",
        "10 ** 99 * 10 ** 99",
        "(-8) ** 0.5",
        "0 ** -1",
        "True + 1",
        "'a' * 3",
        "1 << 4",
        "~1",
        "1 if 2 else 3",
        "__import__('os')",
        "abs(1)",
        "[1][0]",
        "1 < 2",
        "1\n2",
        "\0",
        "1" * 150,
        "(" * 199 + "1",
        "-" * 199 + "1 + x",
        "1 + " * 100 + "1",
    ],
)
def test_what_is_no_arithmetic_is_refused_with_the_reason(expression: str) -> None:
    assert "cannot be calculated: " in calculate(expression)


def test_its_tools_have_names_and_descriptions_for_the_model() -> None:
    names = [tool.name for tool in LOOP_TOOLS]
    assert names == ["search_library", "count_words", "calculate", "ask_human"]
    assert all(tool.description for tool in LOOP_TOOLS)
    assert set(RETRIES) <= set(names)
    # Nobody but the loop can ask.
    assert ASK_HUMAN.func is None
