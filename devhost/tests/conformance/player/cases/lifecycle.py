"""Suspend, resume, terminate, restart, purge; and routes that do not exist."""

import time

from ..play import WEBHOOK, Case, Play


def suspended_before_it_waits(play: Play) -> None:
    """Suspend while an activity runs: its result is held until the instance is resumed."""
    iid = play.start("first_wins", iid=play.id("held"))
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/suspend")
    play.wait(iid, until=("Suspended",), show=False)
    time.sleep(4)
    play.call("GET", f"{WEBHOOK}/instances/{iid}")
    play.call("POST", f"{WEBHOOK}/instances/{iid}/resume")
    play.wait(iid)


def suspend_resume(play: Play) -> None:
    iid = play.start("wait_go")
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/suspend?reason=later")
    play.wait(iid, until=("Suspended",))
    play.call("POST", f"{WEBHOOK}/instances/{iid}/suspend?reason=again")
    play.raise_event(iid, "go", 5)
    time.sleep(1)
    play.call("GET", f"{WEBHOOK}/instances/{iid}")
    play.call("POST", f"{WEBHOOK}/instances/{iid}/resume?reason=now")
    play.wait(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/suspend")
    play.call("POST", f"{WEBHOOK}/instances/{iid}/resume")
    play.call("POST", f"{WEBHOOK}/instances/nobody/suspend")
    play.call("POST", f"{WEBHOOK}/instances/nobody/resume")


def terminate(play: Play) -> None:
    iid = play.start("wait_go")
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/terminate?reason=en%20ough")
    play.wait(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/terminate?reason=twice")
    play.call("POST", f"{WEBHOOK}/instances/nobody/terminate")
    iid = play.start("wait_go", iid=play.id("noreason"))
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/terminate")
    play.wait(iid)


def terminate_parent(play: Play) -> None:
    iid = play.start("sub_waits")
    play.running(iid)
    play.running(f"kid-{iid}")
    play.call("POST", f"{WEBHOOK}/instances/{iid}/terminate?reason=stop")
    play.wait(iid)
    time.sleep(1)
    play.call("GET", f"{WEBHOOK}/instances/kid-{iid}")


def terminate_child(play: Play) -> None:
    iid = play.start("sub_waits")
    play.running(iid)
    play.running(f"kid-{iid}")
    play.call("POST", f"{WEBHOOK}/instances/kid-{iid}/terminate?reason=stop")
    play.wait(iid)


def restart(play: Play) -> None:
    iid = play.start("what_input", {"a": 1})
    play.wait(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/restart?restartWithNewInstanceId=false")
    play.wait(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/restart")
    play.call("POST", f"{WEBHOOK}/instances/nobody/restart")
    iid = play.start("wait_go")
    play.running(iid)
    play.call("POST", f"{WEBHOOK}/instances/{iid}/restart?restartWithNewInstanceId=false")


def purge(play: Play) -> None:
    iid = play.start("noop")
    play.wait(iid)
    play.call("DELETE", f"{WEBHOOK}/instances/{iid}")
    play.call("GET", f"{WEBHOOK}/instances/{iid}")
    play.call("DELETE", f"{WEBHOOK}/instances/{iid}")
    play.call("DELETE", f"{WEBHOOK}/instances")
    play.call("DELETE", f"{WEBHOOK}/instances?createdTimeFrom=nonsense")
    long_ago = "createdTimeFrom=2001-01-01T00:00:00Z&createdTimeTo=2001-01-02T00:00:00Z"
    play.call("DELETE", f"{WEBHOOK}/instances?{long_ago}&runtimeStatus=Completed")


def wrong_routes(play: Play) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/nothing"),
        ("PUT", "/instances/x"),
        ("POST", "/instances/x"),
        ("POST", "/instances/x/explode"),
        ("GET", "/orchestrators/noop"),
        ("POST", "/orchestrators"),
        ("DELETE", "/orchestrators/noop"),
        ("GET", "/entities/Counter/a/b"),
        ("POST", "/instances/x/raiseEvent"),
    ):
        play.call(method, WEBHOOK + path, 1 if method == "POST" else None)


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        suspended_before_it_waits,
        suspend_resume,
        terminate,
        terminate_parent,
        terminate_child,
        restart,
        purge,
        wrong_routes,
    )
}
