"""`functionTimeout` of host.json is read as the Functions host reads it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.app_settings import SettingsError, load_host_settings


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("00:10:00", timedelta(minutes=10)),
        ("00:00:01", timedelta(seconds=1)),
        ("1:30", timedelta(hours=1, minutes=30)),
        ("2.00:00:00", timedelta(days=2)),
        ("-1", None),
        (-1, None),
    ],
)
def test_limits(tmp_path: Path, value: object, limit: timedelta | None) -> None:
    (tmp_path / "host.json").write_text(json.dumps({"functionTimeout": value}))
    assert load_host_settings(tmp_path, {}).function_timeout == limit


def test_half_an_hour_when_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{}")
    assert load_host_settings(tmp_path, {}).function_timeout == timedelta(minutes=30)


@pytest.mark.parametrize("value", ["", "soon", "00:00:00", "24:00:00", "00:61:00", "-00:01:00", 600, None])
def test_what_is_no_limit_is_refused(tmp_path: Path, value: object) -> None:
    (tmp_path / "host.json").write_text(json.dumps({"functionTimeout": value}))
    with pytest.raises(SettingsError, match=r"functionTimeout is .*; it must be hours:minutes:seconds"):
        load_host_settings(tmp_path, {})
