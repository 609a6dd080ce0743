"""A local server with the two routes of the runs API that the examples use, and the faults a killed host shows."""

from typing import Any

from aiohttp import web


class RunsServer:
    """Keeps runs by idempotency key and serves them at `url` while it is started.

    Attributes:
        started: The request body of every run, by its idempotency key: as many entries as runs were started.
        lose_answers: Drop the connection on the first start of each key, after the run was started.
        ending: The runtime status that every run reaches on its second status request.
    """

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.lose_answers = False
        self.ending = "Completed"
        self.port = 0
        self._seen: set[str] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/api/runs/email_triage", self._start_run)
        app.router.add_get("/api/runs/{instance_id}", self._get_run)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _start_run(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        first = key not in self.started
        self.started.setdefault(key, await request.json())
        if first and self.lose_answers:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"instance_id": key}, status=202)

    async def _get_run(self, request: web.Request) -> web.Response:
        instance_id = request.match_info["instance_id"]
        ended = instance_id in self._seen
        self._seen.add(instance_id)
        run: dict[str, Any] = {"runtime_status": "Running", "output": None, "error": None}
        if ended and self.ending == "Completed":
            verdict = {"is_spam": True, "confidence": 0.9, "reason": "It says [bold] so."}
            run = {
                "runtime_status": "Completed",
                "output": {"outcome": "quarantined", "verdict": verdict},
                "error": None,
            }
        elif ended:
            run = {"runtime_status": self.ending, "output": None, "error": "the model failed"}
        return web.json_response(run)
