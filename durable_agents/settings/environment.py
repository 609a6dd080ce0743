"""Read environment variables by type, and collect what is wrong with them."""

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

# How Azure writes a reference to a secret into an app setting.
_KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
_HTTP_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)


class Environment:
    """Environment variables, read by type. A bad one is added to `problems` and a stand-in is returned."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def problem(self, name: str, what: str) -> None:
        line = f"Setting {name!r} {what}"
        if line not in self.problems:
            self.problems.append(line)

    @property
    def is_in_azure(self) -> bool:
        """Whether the app runs in Azure."""
        return self.text("WEBSITE_INSTANCE_ID") is not None or self.text("WEBSITE_SITE_NAME") is not None

    def text(self, name: str) -> str | None:
        value = self._variables.get(name, "").strip() or None
        if value is not None and value.startswith(_KEY_VAULT_REFERENCE):
            # Azure hands out the reference itself when it cannot resolve it. As a key, anybody could guess it.
            expected = (
                "Check that the secret exists and the app's identity may read it; docs/deployment.md has the rest."
            )
            self.problem(name, f"is a Key Vault reference that was not resolved. {expected}")
        return value

    def required(self, name: str, expected: str) -> str:
        value = self.text(name)
        if value is None:
            self.problem(name, f"is missing. Set it to {expected}, or choose another MODEL_PROVIDER.")
        return value or ""

    def url(self, name: str) -> str | None:
        """Return an absolute http or https URL. Its text is kept out of messages: it may hold a secret."""
        value = self.text(name)
        if value is not None and not _HTTP_URL.fullmatch(value):
            self.problem(name, "is not a URL. Expected an absolute one that begins with https:// (or http://).")
        return value

    def https_url(self, name: str) -> str | None:
        """Return an absolute https URL, for what an identity is sent to."""
        value = self.text(name)
        if value is not None and not (_HTTP_URL.fullmatch(value) and value.lower().startswith("https:")):
            self.problem(name, "is not a URL. Expected an absolute one that begins with https://.")
        return value

    def required_url(self, name: str, example: str) -> str:
        return self.required(name, example) and (self.url(name) or "")

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            self.problem(name, f"is {value!r}. Expected a number from {least:g} to {most:g}.")
        return number

    def days(self, name: str, *, default: timedelta, most: float) -> timedelta | None:
        """Return a positive number of days; `never` gives None."""
        value = self.text(name)
        if value is None or value.lower() == "never":
            return None if value else default
        try:
            days = float(value)
        except ValueError:
            days = math.nan
        if not 0 < days <= most:
            self.problem(name, f"is {value!r}. Expected a number of days above 0, at most {most:g}, or never.")
            return default
        return timedelta(days=days)

    def schedule(self, name: str, *, default: str) -> str:
        """Return a cron expression with seconds."""
        schedule = self.text(name) or default
        if len(schedule.split()) != 6:
            expected = f"a cron expression of six fields, seconds first: {default!r}"
            self.problem(name, f"is {schedule!r}. Expected {expected}.")
        return schedule

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            self.problem(name, f"is {value!r}. Expected a whole number from {least} to {most}.")
            return default
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name)
        if value is not None and value.lower() not in ("true", "false"):
            self.problem(name, f"is {value!r}. Expected true or false.")
        return default if value is None else value.lower() == "true"

    def folder(self, name: str, *, default: str) -> Path:
        return Path(self.text(name) or default).absolute()
