"""The command line: `python -m devhost start`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from devhost.app_settings import SettingsError
from devhost.host import Options, run_host
from devhost.hub.lock import HubInUseError
from devhost.hub.store import HubVersionError
from devhost.listing import listing
from devhost.sessions import Mode
from devhost.web.server import PortInUseError
from devhost.worker import AppLoadError

_DEFAULT_DB = Path(".devhost/state.db")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 1 with the reason on stderr."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    app_root = Path(parsed.app_root).resolve()
    hub_path = None if parsed.ephemeral else (Path(parsed.db) if parsed.db else app_root / _DEFAULT_DB).resolve()
    options = Options(app_root=app_root, hub_path=hub_path, host=parsed.host, port=parsed.port, mode=parsed.mode)
    welcome = Path(parsed.welcome).read_text(encoding="utf-8") if parsed.welcome else ""
    _log_to_console(parsed.verbose)
    os.chdir(app_root)
    try:
        asyncio.run(_serve(options, welcome))
    except (SettingsError, AppLoadError, HubInUseError, HubVersionError, PortInUseError) as ex:
        print(f"devhost: {ex}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    # Not a normal exit: it would wait for activities still busy on the thread pool. They are in the task hub.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="devhost", description="Runs a durable Functions app on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    start = commands.add_parser("start", help="serve the app until Ctrl+C")
    start.add_argument("--app-root", default=".", help="folder of function_app.py and host.json (default: this one)")
    start.add_argument("--port", type=int, default=7071, help="port to listen on; 0 takes any free one (default: 7071)")
    start.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    store = start.add_mutually_exclusive_group()
    store.add_argument("--db", help=f"file of the task hub (default: {_DEFAULT_DB} in the app's folder)")
    store.add_argument("--ephemeral", action="store_true", help="keep the task hub in memory; nothing survives")
    start.add_argument("--welcome", help="text file to print once the host listens; {url} in it becomes the base URL")
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
    start.add_argument("--verbose", action="store_true", help="log every library's messages")
    return parser


async def _serve(options: Options, welcome: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, stopped.set)
        except NotImplementedError:  # Windows: Ctrl+C arrives as KeyboardInterrupt
            break
    async with run_host(options) as host:
        print(listing(options, host))
        if welcome:
            print("\n" + welcome.replace("{url}", host.base_url.replace("127.0.0.1", "localhost")).rstrip())
        print(f"\nListening on {host.base_url} (Ctrl+C stops)", flush=True)
        await stopped.wait()
        print("Stopping: running turns finish, everything else goes on at the next start.", flush=True)


def _log_to_console(verbose: bool) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    if not verbose:
        for name in ("azure", "azure.functions", "agent_framework", "httpx", "asyncio"):
            logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
