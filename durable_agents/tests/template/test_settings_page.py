"""docs/settings.md, the table of settings, has all that the library reads, and nothing that nobody reads."""

import re
from pathlib import Path

import pytest

from durable_agents import HostingSettings
from settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


@pytest.mark.skipif(not PAGE.exists(), reason="this project has no docs/settings.md")
def test_the_page_has_the_settings_that_there_are() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(HostingSettings.model_fields) <= told <= set(Settings.model_fields)
