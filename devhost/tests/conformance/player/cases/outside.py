"""What lies outside an orchestration: entities reached through the webhook and by signals, and HTTP calls."""

import time

from ..play import WEBHOOK, Case, Json, Play

_ENTITIES = f"{WEBHOOK}/entities"


def entity_by_webhook(play: Play) -> None:
    key = play.id("w")
    play.call("GET", f"{_ENTITIES}/Counter/{key}")
    play.call("POST", f"{_ENTITIES}/Counter/{key}?op=add", 5)
    time.sleep(2)
    play.call("GET", f"{_ENTITIES}/Counter/{key}")
    play.call("GET", f"{_ENTITIES}/COUNTER/{key}")
    play.call("POST", f"{_ENTITIES}/Counter/{key}?op=add", "5")
    time.sleep(2)
    play.call("GET", f"{_ENTITIES}/Counter/{key}")
    play.call("GET", f"{_ENTITIES}/COUNTER/{key}")
    play.call("POST", f"{_ENTITIES}/Counter/{key}?op=add", raw=b"{bad")
    play.call("POST", f"{_ENTITIES}/Counter/{key}?op=add", raw=b"3", ctype="text/plain")
    play.call("POST", f"{_ENTITIES}/Counter/{key}")
    play.call("POST", f"{_ENTITIES}/NoSuch/{key}?op=add", 1)
    play.call("DELETE", f"{_ENTITIES}/Counter/{key}")
    time.sleep(2)
    play.call("GET", f"{_ENTITIES}/Counter/{key}")


def entity_signal_from_orchestrator(play: Play) -> None:
    iid = play.start("entity_signal_then_end")
    play.wait(iid)
    time.sleep(2)
    play.call("GET", f"{_ENTITIES}/Counter/s-{iid}")


def call_http(play: Play) -> None:
    echo = f"{play.target}/echo"
    requests: dict[str, Json] = {
        "ok": {"uri": f"{play.target}/ok"},
        "missing": {"uri": f"{play.target}/missing"},
        "post": {"method": "POST", "uri": echo, "content": {"a": 1}, "headers": {"x-asked": "1"}},
        "text": {"method": "PUT", "uri": echo, "content": "plain"},
    }
    for label, request in requests.items():
        play.wait(play.start("call_http", request, iid=play.id(f"http-{label}")))


def call_http_202(play: Play) -> None:
    """Call what answers 202 and says where to look: the answer is final, nobody looks there."""
    play.wait(play.start("call_http", {"uri": f"{play.target}/slow202"}), seconds=12)


def call_http_refused(play: Play) -> None:
    play.wait(play.start("call_http", {"uri": "http://127.0.0.1:9/nobody"}))


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        entity_by_webhook,
        entity_signal_from_orchestrator,
        call_http,
        call_http_202,
        call_http_refused,
    )
}
