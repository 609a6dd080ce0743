"""Reading status and history, querying instances, and what the Python SDK's client makes of the answers."""

from ..play import WEBHOOK, Answer, Case, Json, Play


def status_answers(play: Play) -> None:
    play.call("GET", f"{WEBHOOK}/instances/{play.id('nobody')}")
    iid = play.start("status_kept", {"in": 1})
    play.wait(iid, customStatus={"stage": 1})
    play.call("GET", f"{WEBHOOK}/instances/{iid}?showInput=false")
    play.raise_event(iid, "go", raw=b"null", keep=False)
    play.running(iid)
    play.call("GET", f"{WEBHOOK}/instances/{iid}")
    play.raise_event(iid, "go2", 1, keep=False)
    play.wait(iid)


def status_of_failure(play: Play) -> None:
    iid = play.start("fail_later")
    play.wait(iid)
    play.call("GET", f"{WEBHOOK}/instances/{iid}?returnInternalServerErrorOnFailure=true")


def history_of_chain(play: Play) -> None:
    iid = play.start("chain", {"in": 1})
    play.wait(iid, query="?showHistory=true&showHistoryOutput=true")
    play.call("GET", f"{WEBHOOK}/instances/{iid}?showHistory=true")
    play.call("GET", f"{WEBHOOK}/instances/{iid}?showHistory=true&showHistoryOutput=true&showInput=false")


def history_of_everything(play: Play) -> None:
    for name, body in (("catch_activity", None), ("race", 1), ("sub_catch", None), ("retry_ok", None)):
        iid = play.start_sdk(name, body)
        play.wait(iid, query="?showHistory=true&showHistoryOutput=true")
    iid = play.start("wait_go")
    play.running(iid)
    play.raise_event(iid, "go", {"k": 1}, keep=False)
    play.wait(iid, query="?showHistory=true&showHistoryOutput=true")


def sdk_client(play: Play) -> None:
    iid = play.start_sdk("wait_go")
    play.running(iid)
    for call in (
        f"status/{iid}",
        f"payload/{iid}",
        "status/nobody",
        f"raise/{iid}?name=other",
        f"suspend/{iid}",
    ):
        play.call("POST", f"/api/sdk/{call}")
    play.wait(iid, until=("Suspended",))
    play.call("POST", f"/api/sdk/resume/{iid}")
    play.wait(iid, until=("Running",))
    play.call("POST", f"/api/sdk/raise/{iid}?name=go", {"k": 1})
    play.wait(iid)
    for call in (
        f"raise/{iid}?name=go",
        "raise/nobody?name=go",
        f"terminate/{iid}",
        "terminate/nobody",
        f"suspend/{iid}",
        "suspend/nobody",
        f"status/{iid}?history=1",
        f"restart/{iid}?new=1",
        "restart/nobody",
        f"purge/{iid}",
        "purge/nobody",
        "signal?entity=Counter&key=z&op=add",
        "read?entity=Counter&key=absent",
        "signal?entity=NoSuch&key=z&op=add",
    ):
        play.call("POST", f"/api/sdk/{call}", 1 if call.startswith("signal") else None)


def query(play: Play) -> None:
    for number in range(5):
        play.wait(play.start("noop", iid=play.id(f"q{number}")), show=False)
    mine = "instanceIdPrefix=q"
    page_of_two = f"{WEBHOOK}/instances?{mine}&top=2&runtimeStatus=Completed"
    first = play.call("GET", page_of_two, keep=False)
    has_token = "x-ms-continuation-token" in first.headers
    rows = _rows(first)
    keys: Json = sorted(rows[0]) if rows and isinstance(rows[0], dict) else None
    play.note("first page of 2", [len(rows), has_token, keys])
    token = {"x-ms-continuation-token": first.headers.get("x-ms-continuation-token", "")}
    more = _rows(play.call("GET", page_of_two, headers=token, keep=False))
    play.note("second page", [len(more), more != rows])
    play.call("GET", f"{WEBHOOK}/instances?instanceIdPrefix=no-such-run")
    play.call("GET", f"{WEBHOOK}/instances?runtimeStatus=Nonsense&{mine}xx")
    play.call("GET", f"{WEBHOOK}/instances?createdTimeFrom=nonsense&{mine}xx")
    play.call("GET", f"{WEBHOOK}/instances?top=nonsense&{mine}xx")


def _rows(answer: Answer) -> list[Json]:
    if not isinstance(answer.body, list):
        raise TypeError(f"the query was answered with {answer.status} and {answer.body!r} where a list was expected")
    return answer.body


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        status_answers,
        status_of_failure,
        history_of_chain,
        history_of_everything,
        sdk_client,
        query,
    )
}
