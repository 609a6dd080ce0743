"""The reference app, in the process of the test."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).resolve().parent / "app" / "function_app.py"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """The functions that the reference app registers; what they write goes into a folder of the module's own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REFERENCE_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        spec = importlib.util.spec_from_file_location("reference_app", APP)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.app.get_functions()
