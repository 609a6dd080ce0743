"""Each document has an app of its own, with its samples as they are pasted; these tests drive it through `/api`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devhost.testing.plugin import NewHost
from durable_agents.testing import Api

APPS = Path(__file__).parents[1] / "apps" / "documents"


@pytest.fixture(scope="module")
def document(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_host: NewHost
) -> Iterator[Api]:
    """The API of the app that the test file names in `DOCUMENT`."""
    name = request.module.DOCUMENT
    with new_host(tmp_path_factory.mktemp(name), APPS / name) as host:
        with host.client() as http:
            yield Api(http)
        host.stop()


@pytest.fixture
def waiting(document: Api) -> Callable[[str, object, str], str]:
    """Return `waiting(orchestration, input, event)`: start a run, and return its id when it waits for the event."""

    def start(orchestration: str, run_input: object, event: str) -> str:
        answer = document.http.post(f"/api/runs/{orchestration}", json=run_input)
        assert answer.status_code == 202, answer.text
        run_id: str = answer.json()["instance_id"]
        document.wait(run_id, lambda run: (run["waiting_for"] or {}).get("event_name") == event)
        return run_id

    return start


@pytest.fixture
def run(document: Api) -> Callable[..., object]:
    """Return `run(orchestration, input)`: start a run, wait for its end, and return its output."""

    def start(orchestration: str, run_input: object = None) -> object:
        answer = document.http.post(f"/api/runs/{orchestration}", params={"wait": 30}, json=run_input)
        assert answer.status_code == 200, answer.text
        assert answer.json()["runtime_status"] == "Completed", answer.text
        output: object = answer.json()["output"]
        return output

    return start
