"""The sentences users search for are the extension's."""

import json

from devhost.protocol import failures


def test_failed_activity_and_orchestrator_are_named() -> None:
    assert failures.activity_failed("fail", "ValueError: no") == "Activity function 'fail' failed: ValueError: no"
    assert failures.orchestrator_failed("main", "no") == "Orchestrator function 'main' failed: no"


def test_unknown_function_names_those_that_exist_in_order() -> None:
    assert failures.unknown_function("pubish", "activity", ["send", "publish"]) == (
        "The function 'pubish' doesn't exist, is disabled, or is not an activity function. "
        "Additional info: The following are the known activity functions: 'publish', 'send'."
    )


def test_details_are_the_json_of_an_exception_and_keep_every_character() -> None:
    message = 'Traceback:\n  "quoted" ž\n'
    assert json.loads(failures.exception_details(message)) == {
        "ClassName": "System.Exception",
        "Message": message,
    }


def test_details_for_a_parent_do_not_carry_the_protocols_label() -> None:
    assert failures.orchestrator_details("broke") == "Message: broke, StackTrace: "
