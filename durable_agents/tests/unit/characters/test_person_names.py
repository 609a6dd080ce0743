import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_agents.characters.invisible import is_invisible
from durable_agents.characters.person_names import check_name, check_names, find_person, identity_of

SPELLINGS = ["Zoë", "zoë", " ZOË ", unicodedata.normalize("NFD", "Zoë"), "\uff3aoë", "\u24e9OË"]


@pytest.mark.parametrize(("first", "second"), list(product(SPELLINGS, SPELLINGS)))
def test_spellings_of_a_name_are_one_person(first: str, second: str) -> None:
    assert identity_of(first) == identity_of(second)
    assert find_person(first, ["ada", second]) == second


def test_a_name_is_never_an_account_and_accounts_are_compared_as_they_are() -> None:
    names = ["7", "id:7", "name:7", "", "ada", "Id:7"]
    accounts = ["7", "id:7", "name:7", "", "A", "a"]
    assert {identity_of(name) for name in names}.isdisjoint(identity_of(None, account) for account in accounts)
    assert len({identity_of(None, account) for account in accounts}) == len(accounts)
    assert identity_of(None) == ""


@given(st.text(max_size=20))
def test_what_stands_for_a_person_stands_for_itself(name: str) -> None:
    identity = identity_of(name).removeprefix("name:")
    assert identity_of(identity) == f"name:{identity}"
    assert identity_of(name.upper().lower()) == identity_of(name.upper())


@given(st.text(max_size=200))
def test_a_name_that_is_taken_can_be_read_whole(name: str) -> None:
    try:
        taken = check_name(name)
    except ValueError:
        return
    assert 1 <= len(taken) <= 100
    assert not any(map(is_invisible, taken))
    assert identity_of(taken) == identity_of(name)


@pytest.mark.parametrize(
    "names",
    [
        ["ada", "bob", "ada@example.com"],
        ["José", "Zoë", "O'Brien", "X Æ A-12"],
        ["Игорь", "Ада"],
        ["山田さくら", "金城武", "김철수"],
        [],
    ],
)
def test_names_that_cannot_be_mistaken_are_taken(names: list[str]) -> None:
    check_names(names)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["ada", "Ada"], "are the same person"),
        (["ada", "ada "], "are the same person"),
        (["Zoë", unicodedata.normalize("NFD", "Zoë")], "are the same person"),
        (["ada", "\u0430da"], "cyrillic and latin can look alike"),
        (["\u0430da"], "cyrillic and latin can look alike"),
        (["Aca", "\u0410\u0441\u0430"], "cyrillic and latin can look alike"),
        (["Ian", "lan"], "look alike"),
        (["bob", "b0b"], "look alike"),
        (["ada-b", "ada\u2010b"], "looks like another character"),
        (["ada", "ada\u3164"], r"U\+3164, which nobody sees"),
        (["ada", ""], "1 to 100 characters"),
        (["\u5be9" * 40], "too long"),
    ],
    ids=ascii,
)
def test_names_of_whom_two_could_be_one_are_refused(names: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_names(names)
