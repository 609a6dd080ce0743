from devhost.bench import table
from devhost.bench.contenders import DBOS, DEVHOST, IN_MEMORY, SESSIONS_OFF
from devhost.bench.figures import AtMost, Line, TimesBetter


def test_a_row_shows_medians_spreads_ratios_and_whether_the_targets_are_reached() -> None:
    values = {DEVHOST: [2.0, 1.0, 3.0], IN_MEMORY: [8.0, 8.0, 8.0], DBOS: [4.0, 4.0, 4.0]}
    line = Line("chain of 10", "ms", values, (TimesBetter(4, IN_MEMORY), TimesBetter(2.3, DBOS)))
    assert cells(table.ratios([line])) == [
        "chain of 10, ms",
        "2.0 (1.0 to 3.0)",
        "8.0",
        "4.0",
        "4.0 (2.7 to 8.0)",
        "2.0 (1.3 to 4.0)",
        "4 times in-memory, 2.3 times DBOS",
        "**no**",
    ]


def test_who_took_no_part_is_a_dash() -> None:
    line = Line("commits", "", {DEVHOST: [1.1]}, (AtMost(1.2, ""),))
    assert cells(table.ratios([line])) == ["commits", "1.1", "-", "-", "-", "-", "at most 1.2", "yes"]


def test_the_variants_that_took_part_stand_beside_each_other() -> None:
    text = table.variants([Line("chain", "ms", {DEVHOST: [1.0], SESSIONS_OFF: [2.0], DBOS: [3.0]})])
    assert text.splitlines() == [
        "| measure | sessions on | sessions off |",
        "| --- | --- | --- |",
        "| chain, ms | 1.0 | 2.0 |",
    ]


def test_a_ratio_to_next_to_nothing_is_not_spelt_out() -> None:
    line = Line("idle", "%", {DEVHOST: [0.003], DBOS: [20.0]})
    assert cells(table.ratios([line]))[5] == "over 100"


def cells(text: str) -> list[str]:
    """Return the cells of a table's only row."""
    _header, _rule, row = text.splitlines()
    return row.strip("| ").split(" | ")
