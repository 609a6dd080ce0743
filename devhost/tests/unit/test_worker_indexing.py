"""What Azure's worker library makes of an app: its functions, and why one, or all of it, cannot be loaded."""

import pytest

from devhost.tests.unit.conftest import IndexApp
from devhost.tests.unit.worker_app import APP, App
from devhost.worker import AppLoadError


def test_functions_are_described_by_their_trigger_and_clients(index_app: IndexApp) -> None:
    _, functions, refused = index_app(
        APP
        + """
    @app.route(route="start/{name}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
    @app.durable_client_input(client_name="client")
    async def start(req: func.HttpRequest, client) -> func.HttpResponse:
        return func.HttpResponse("")

    @app.activity_trigger(input_name="who", activity="Greet")
    def hello(who: str) -> str:
        return who

    @app.orchestration_trigger(context_name="context")
    def main(context):
        return None

    @app.entity_trigger(context_name="context", entity_name="Shelf")
    def shelf(context):
        return None
    """
    )
    assert refused == []
    described = [(one.name, one.trigger_type, one.registered_name, one.parameter) for one in functions]
    assert described == [
        ("start", "httpTrigger", "start", "req"),
        ("hello", "activityTrigger", "Greet", "who"),
        ("main", "orchestrationTrigger", "main", "context"),
        ("shelf", "entityTrigger", "Shelf", "context"),
    ]
    start = functions[0]
    assert (start.route, start.methods, start.auth_level) == ("start/{name}", frozenset(["POST"]), "function")
    assert start.client_parameters == ("client",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1", "ValueError: Could not find top level function app instances"),
        ("import azure.functions as f\napp = f.FunctionApp()\nmore = f.FunctionApp()", "ValueError: More than one"),
        ("import azure.functions as f\napp = f.FunctionApp()\nalias = app", "ValueError: More than one"),
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("def broken(:", "SyntaxError: "),
        ("raise RuntimeError('a setting is missing')", "RuntimeError: a setting is missing"),
        (
            "import azure.functions as f\napp = f.FunctionApp()\n"
            "@app.function_name('same')\n@app.route('a')\ndef a(req: f.HttpRequest) -> str: ...\n"
            "@app.function_name('same')\n@app.route('b')\ndef b(req: f.HttpRequest) -> str: ...\n",
            "does not have a unique function name",
        ),
    ],
    ids=["no app", "two apps", "an alias", "import error", "syntax error", "raises", "one name twice"],
)
def test_app_that_cannot_be_loaded_is_refused_with_the_traceback(index_app: IndexApp, source: str, reason: str) -> None:
    with pytest.raises(AppLoadError) as refusal:
        index_app(source)
    text = str(refusal.value)
    assert text.splitlines()[0].endswith("function_app.py cannot be loaded.")
    assert "Traceback (most recent call last):" in text
    assert reason in text


async def test_one_function_that_cannot_be_loaded_is_refused_and_the_others_work(index_app: IndexApp) -> None:
    worker, functions, refused = index_app(
        APP
        + """
    @app.route(route="bad")
    def bad(request: func.HttpRequest) -> str:
        return "the parameter is not named req"

    @app.activity_trigger(input_name="who")
    def hello(who: str) -> str:
        return f"Hello {who}"
    """
    )
    assert [one.name for one in refused] == ["bad"]
    assert "req" in refused[0].reason and "function.json" in refused[0].reason
    assert await App(worker, functions).run("hello", '"you"') == '"Hello you"'
