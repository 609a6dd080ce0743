"""Durable payloads are plain JSON: none makes an object, whatever it says of itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions.models.utils.df_serialization import df_dumps, df_loads
from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.meta import Datum

from durable_agents.payloads import read_payloads_as_plain_json


class Deed:
    """Does what its JSON says, as a class of any loaded library might."""

    @classmethod
    def from_json(cls, data: str) -> "Deed":
        Path(data).mkdir()
        return cls()

    def to_json(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def _plain() -> None:
    read_payloads_as_plain_json()


@pytest.mark.parametrize("name", ["Deed", "Nothing", 7])
@pytest.mark.parametrize("module", [__name__, "no.such.module", None])
@pytest.mark.parametrize("expected", [None, dict, Deed])
def test_an_envelope_of_a_class_is_a_dict(tmp_path: Path, name: Any, module: Any, expected: type | None) -> None:
    envelope = {"__class__": name, "__module__": module, "__data__": str(tmp_path / "done")}
    for value in (envelope, [{"deep": envelope}]):
        assert df_loads(json.dumps(value), expected_type=expected) == value
    assert ActivityTriggerConverter.decode(Datum(json.dumps(envelope), "json"), trigger_metadata=None) == envelope
    assert not (tmp_path / "done").exists()


def test_an_object_is_not_written_as_an_envelope_that_nobody_would_read() -> None:
    with pytest.raises(TypeError, match=r"A Deed is no plain JSON, as durable payloads are\. Pass a dict"):
        df_dumps({"deep": Deed()})
