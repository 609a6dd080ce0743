"""How an orchestration is started, and what it sees of the input it is given."""

from ..play import WEBHOOK, Case, Json, Play


def input_by_webhook(play: Play) -> None:
    bodies: dict[str, Json] = {
        "none": None,
        "object": {"a": 1},
        "string": "text",
        "number": 7,
        "list": [1, 2],
        "true": True,
        "json in a string": '{"a": 1}',
    }
    for label, body in bodies.items():
        play.wait(play.start("what_input", body, iid=play.id("in-" + label.replace(" ", "-"))))
    play.wait(play.start("what_input", raw=b"null", iid=play.id("in-null")))
    play.wait(play.start("what_input", "", iid=play.id("in-empty-string")))


def input_by_sdk(play: Play) -> None:
    bodies: dict[str, Json] = {
        "none": None,
        "object": {"a": 1},
        "string": "text",
        "number": 7,
        "list": [1, 2],
        "true": True,
        "empty string": "",
        "empty object": {},
    }
    for label, body in bodies.items():
        play.wait(play.start_sdk("what_input", body, iid=play.id("sdk-" + label.replace(" ", "-"))))


def input_to_child(play: Play) -> None:
    bodies: dict[str, Json] = {"object": {"a": 1}, "string": "text", "number": 7, "list": [1, 2], "none": None}
    for label, body in bodies.items():
        play.wait(play.start_sdk("sub_input", body, iid=play.id(f"child-{label}")))


def start_answers(play: Play) -> None:
    play.call("POST", f"{WEBHOOK}/orchestrators/noop/{play.id('with-id')}", {"a": 1})
    play.call("POST", f"{WEBHOOK}/orchestrators/noop")
    play.call("POST", f"{WEBHOOK}/orchestrators/NOOP/{play.id('upper')}")
    play.wait(play.id("upper"))


def start_unknown(play: Play) -> None:
    play.call("POST", f"{WEBHOOK}/orchestrators/NoSuch/{play.id('x')}", {})
    play.wait(play.id("x"), seconds=5)
    play.call("POST", f"/api/start/NoSuch/{play.id('y')}", {})


def start_bad_body(play: Play) -> None:
    url = f"{WEBHOOK}/orchestrators/noop"
    play.call("POST", f"{url}/{play.id('bad')}", raw=b"{not json")
    play.call("POST", f"{url}/{play.id('text')}", raw=b'"x"', ctype="text/plain")
    play.call("POST", f"{url}/{play.id('notype')}", raw=b'{"a":1}', ctype="application/octet-stream")


def start_odd_id(play: Play) -> None:
    """Send ids the route lets through; characters that a storage provider refuses are its own affair."""
    for iid in ("a%20b", "%C3%A9", "a%2Fb"):
        play.call("POST", f"{WEBHOOK}/orchestrators/noop/{iid}", {})


def start_twice(play: Play) -> None:
    iid = play.start("wait_go")
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/orchestrators/wait_go/{iid}")
    play.call("POST", f"/api/start/wait_go/{iid}")
    play.raise_event(iid, "go", 1, keep=False)
    play.wait(iid)
    play.call("POST", f"{WEBHOOK}/orchestrators/noop/{iid}")
    play.wait(iid)


def create_and_wait(play: Play) -> None:
    url = f"{WEBHOOK}/orchestrators"
    play.call("POST", f"{url}/chain/{play.id('caw')}?timeout=15&pollingInterval=1")
    play.call("POST", f"{url}/fail_later/{play.id('cawf')}?timeout=15&pollingInterval=1")
    play.call("POST", f"{url}/wait_go/{play.id('cawt')}?timeout=2&pollingInterval=1")
    play.call("POST", f"{url}/noop/{play.id('cawb')}?timeout=1&pollingInterval=5")
    play.call("POST", f"{url}/noop/{play.id('cawx')}?timeout=x&pollingInterval=1")
    play.start_sdk("chain", iid=play.id("sdkwait"))
    play.call("POST", f"/api/sdk/wait/{play.id('sdkwait')}")


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        input_by_webhook,
        input_by_sdk,
        input_to_child,
        start_answers,
        start_unknown,
        start_bad_body,
        start_odd_id,
        start_twice,
        create_and_wait,
    )
}
