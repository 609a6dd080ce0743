"""The command line: `python -m devhost start`, `inspect` and `reset`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from devhost import event_loop, inspection_text
from devhost.app_settings import SettingsError
from devhost.check import check
from devhost.console_log import log_to_console
from devhost.host import Options, run_host
from devhost.hub.file import HubFileError, HubGoneError, HubVersionError, NotATaskHubError, damaged
from devhost.hub.lock import HubInUseError, HubLock
from devhost.hub.removal import check_is_task_hub, remove_hub
from devhost.hub.rows import Status
from devhost.hub.snapshot import OF_DAMAGE, HubSnapshot
from devhost.inspection import UnknownIdError, entity_id_prefix, inspect
from devhost.listing import listing
from devhost.otlp import LOCAL_COLLECTOR, export_to
from devhost.printable import printable, printable_lines
from devhost.sessions import Mode
from devhost.supervised import NO_EDIT_HELPS, obey
from devhost.web.server import PortInUseError, UnknownAddressError
from devhost.worker import AppLoadError

_DEFAULT_DB = Path(".devhost/state.db")
_DEFAULT_LIMIT = 50
_LAST_PORT = 65535
_OF_THE_CODE = (SettingsError, AppLoadError)
_REASONS = (
    *_OF_THE_CODE,
    HubFileError,
    HubGoneError,
    HubInUseError,
    HubVersionError,
    NotATaskHubError,
    PortInUseError,
    UnknownAddressError,
    UnknownIdError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 1 with the reason on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parsed, unknown = _parser().parse_known_args(arguments, argparse.Namespace(command_line=arguments))
    if unknown:
        parsed.parser.error(f"it knows no {' '.join(unknown)}")
    try:
        status: int = parsed.run(parsed)
    except _REASONS as ex:
        return _refuse(str(ex))
    return status


def _start(parsed: argparse.Namespace) -> int:
    app_root = Path(parsed.app_root).resolve()
    hub_path = None if parsed.ephemeral else _hub_path(parsed)
    options = Options(
        app_root=app_root,
        hub_path=hub_path,
        host=parsed.host,
        port=parsed.port,
        listener=parsed.listener,
        mode=parsed.mode,
        fast_timestamps=parsed.fast_timestamps,
        early_timers=parsed.early_timers,
        watches_deaths=True,
    )
    try:
        welcome = Path(parsed.welcome).read_text(encoding="utf-8") if parsed.welcome else ""
    except OSError as ex:
        return _refuse(f"The text of --welcome cannot be read: {ex}")
    if not app_root.is_dir():
        return _refuse(f"There is no folder {app_root}: name the app's folder with --app-root.")
    log_to_console(is_verbose=parsed.verbose)
    if parsed.reload and parsed.leash is None:
        return _reload(options, parsed.command_line)
    os.chdir(app_root)
    status, flush = 0, None
    try:
        if parsed.otlp is not None:
            flush = export_to(parsed.otlp, app_root)
        open_runs = _open_runs(hub_path) if hub_path is not None and os.path.exists(hub_path) else {}
        if parsed.check:
            status = _check(options)
        else:
            event_loop.run(_serve(options, welcome, open_runs, parsed.leash))
    except KeyboardInterrupt:
        pass
    except _REASONS as ex:
        status = _refuse(str(ex))
        if parsed.leash is not None and not isinstance(ex, _OF_THE_CODE):
            status = NO_EDIT_HELPS
    if flush is not None:
        flush()
    # Not a normal exit: it would wait for threads that the app has started, and close the file of a hub that is gone.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _reload(options: Options, arguments: Sequence[str]) -> int:
    if options.hub_path is None:
        return _refuse("--reload loses no run, and --ephemeral keeps none over a restart: leave one of them out.")
    from devhost.reload import Reloader  # what watches files is slow to import

    return Reloader(options.app_root, options.host, options.port, arguments).run()


def _open_runs(hub: Path) -> dict[str, int]:
    try:
        with HubSnapshot(hub) as snapshot:
            return snapshot.open_runs()
    except OF_DAMAGE as ex:
        raise HubFileError(damaged(hub, ex)) from ex


def _check(options: Options) -> int:
    found = check(options.app_root, options.hub_path, options.port, fast=options.fast_timestamps)
    for one in found:
        print(printable(one))
    print(f"{len(found)} found." if found else "Nothing is wrong with the app, nor with its open runs.")
    return 1 if found else 0


def _inspect(parsed: argparse.Namespace) -> int:
    path = _hub_path(parsed)
    try:
        with HubSnapshot(path) as snapshot:
            text = _inspected(parsed, snapshot)
    except OF_DAMAGE as ex:
        raise HubFileError(damaged(path, ex)) from ex
    try:
        print(text, flush=True)
    except BrokenPipeError:  # what it was piped into, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _inspected(parsed: argparse.Namespace, snapshot: HubSnapshot) -> str:
    if parsed.entities is not None:
        found = snapshot.entities(entity_id_prefix(parsed.entities), parsed.limit)
        return inspection_text.entities(found, as_json=parsed.json)
    if parsed.id is None:
        newest = snapshot.newest_instances(status=parsed.status, name=parsed.name, limit=parsed.limit)
        return inspection_text.instances([inspect(snapshot, one) for one in newest], as_json=parsed.json)
    if parsed.id.startswith("@"):
        state = snapshot.entity_state(entity_id_prefix(parsed.id))
        if state is None:
            raise UnknownIdError(f"There is no entity {parsed.id!r} with state. `inspect --entities` lists them.")
        return inspection_text.entity_state(state, as_json=parsed.json)
    instance = snapshot.instance(parsed.id)
    if instance is None:
        raise UnknownIdError(f"There is no instance {parsed.id!r}. `inspect` without an id lists them.")
    if parsed.history:
        return inspection_text.history(snapshot.history(instance.instance_id))
    return inspection_text.instance(inspect(snapshot, instance), as_json=parsed.json)


def _reset(parsed: argparse.Namespace) -> int:
    path = _hub_path(parsed)
    check_is_task_hub(path)
    with HubLock(path):
        if not parsed.yes:
            if not sys.stdin.isatty():
                return _refuse(f"There is no terminal to ask on: pass --yes to delete the task hub {path}.")
            print(f"This deletes the task hub {path} with all its runs and entities. Type 'yes' to go on: ", end="")
            if input().strip() != "yes":
                return _refuse("Nothing was deleted.")
        remove_hub(path)
    print(f"Deleted the task hub {path}.")
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to {_LAST_PORT}")
    return int(text)


def _collector(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL of a collector: give one such as {LOCAL_COLLECTOR}")
    return text.rstrip("/")


def _refuse(reason: str) -> int:
    print(printable_lines(f"devhost: {reason}"), file=sys.stderr)
    return 1


def _hub_path(parsed: argparse.Namespace) -> Path:
    return (Path(parsed.db) if parsed.db else Path(parsed.app_root) / _DEFAULT_DB).resolve()


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line, without the list of all flags before it."""

    def error(self, message: str) -> NoReturn:
        print(printable_lines(f"{self.prog}: {message} ({self.prog} --help lists the flags)"), file=sys.stderr)
        sys.exit(2)


def _parser() -> _Parser:
    parser = _Parser(prog="devhost", description="Runs a durable Functions app on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_start(commands.add_parser("start", help="serve the app until Ctrl+C"))
    _add_inspect(commands.add_parser("inspect", help="show runs and entities, also while a host serves them"))
    _add_reset(commands.add_parser("reset", help="delete the task hub with all its runs"))
    return parser


def _add_start(start: argparse.ArgumentParser) -> None:
    start.set_defaults(run=_start, parser=start)
    start.add_argument("--app-root", default=".", help="folder of function_app.py and host.json (default: this one)")
    start.add_argument(
        "--port", type=_port, default=7071, help="port to listen on; 0 takes any free one (default: 7071)"
    )
    start.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    store = start.add_mutually_exclusive_group()
    store.add_argument("--db", help=f"file of the task hub (default: {_DEFAULT_DB} in the app's folder)")
    store.add_argument("--ephemeral", action="store_true", help="keep the task hub in memory; nothing survives")
    start.add_argument(
        "--otlp",
        nargs="?",
        const=LOCAL_COLLECTOR,
        type=_collector,
        metavar="URL",
        help=f"send spans and metrics to a collector, by OTLP over HTTP (without a URL: {LOCAL_COLLECTOR})",
    )
    start.add_argument("--welcome", help="text file to print once the host listens; {url} in it becomes the base URL")
    instead = start.add_mutually_exclusive_group()
    instead.add_argument("--reload", action="store_true", help="start anew whenever the app's code changes")
    instead.add_argument(
        "--check",
        action="store_true",
        help="serve nothing: say what is wrong with the app, and where open runs would leave their histories; status 1 "
        "if anything is",
    )
    # What a supervisor gives to the host that it has started.
    start.add_argument("--leash", type=int, help=argparse.SUPPRESS)
    start.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    modes = start.add_mutually_exclusive_group()
    modes.add_argument(
        "--replay", action="store_const", dest="mode", const=Mode.REPLAY, help="replay orchestrators on every turn"
    )
    modes.add_argument(
        "--verify",
        action="store_const",
        dest="mode",
        const=Mode.VERIFY,
        help="fail orchestrations that answer differently when replayed",
    )
    start.set_defaults(mode=Mode.LIVE)
    start.add_argument(
        "--sdk-timestamps",
        dest="fast_timestamps",
        action="store_false",
        help="read times in histories as the SDK does, which makes replays slower",
    )
    start.add_argument(
        "--early-timers", action="store_true", help="let timers fire up to a second early, as Azure Storage does"
    )
    start.add_argument(
        "--verbose", action="store_true", help="log every library's messages, names of loggers and whole tracebacks"
    )


def _add_inspect(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_inspect, parser=command)
    what = command.add_mutually_exclusive_group()
    what.add_argument("id", nargs="?", help="one instance, or one entity as @name@key (default: a table of instances)")
    what.add_argument("--entities", nargs="?", const="", metavar="PREFIX", help="a table of entities")
    command.add_argument(
        "--status", type=_status, metavar="STATUS", help=f"only instances that are {', '.join(Status)}"
    )
    command.add_argument("--name", help="only instances of this orchestration")
    command.add_argument("--limit", type=int, default=_DEFAULT_LIMIT, help="rows at most, newest first (%(default)s)")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--history", action="store_true", help="print the events of one instance, as tests replay them"
    )
    _add_hub(command)


def _add_reset(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_reset, parser=command)
    command.add_argument("--yes", action="store_true", help="do not ask")
    _add_hub(command)


def _add_hub(command: argparse.ArgumentParser) -> None:
    command.add_argument("--app-root", default=".", help="the app's folder (default: this one)")
    command.add_argument("--db", help=f"file of the task hub (default: {_DEFAULT_DB} in the app's folder)")


def _status(text: str) -> Status:
    return Status(text.capitalize())


async def _serve(options: Options, welcome: str, open_runs: Mapping[str, int], leash: int | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if leash is not None:
        obey(leash, partial(loop.call_soon_threadsafe, stopped.set))
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, stopped.set)
        except NotImplementedError:  # Windows: Ctrl+C arrives as KeyboardInterrupt
            break
    async with run_host(options) as host:
        print(listing(options, host, open_runs))
        if welcome:
            print("\n" + welcome.replace("{url}", host.base_url.replace("127.0.0.1", "localhost")).rstrip())
        print(f"\nListening on {host.base_url} (Ctrl+C stops)", flush=True)
        await stopped.wait()
        print("Stopping: running turns finish, everything else goes on at the next start.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
