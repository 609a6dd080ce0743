"""The types of the settings, each with its check, and the words in which a value that fails it is reported.

A check says of a bad value what it is and what was expected, but never repeats one that may hold a secret.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import NoDecode

from durable_agents.characters.person_names import check_name, check_names

MAX_REVIEWERS = 10
LEAST_KEY_CHARACTERS = 32
NO_SIGNING_KEY = (
    "is missing or has another form. With COMPLETION_WEBHOOK_URLS, set it to 'whsec_' and the base64 of 24 to 64 "
    "random bytes: openssl rand -base64 32"
)
_HTTP_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_REDIS_URL = re.compile(r"rediss?://[^\s/?#]+[^\s]*")
_WEBHOOK_PREFIX = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")


def describe_bad_value(error: ErrorDetails, field: FieldInfo) -> str:
    """Return what pydantic found wrong with the value of a setting, in the words of this project."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "literal_error":
        return f"is {error['input']!r}. Expected one of {error['ctx']['expected'].replace(chr(39), '')}."
    least = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    most = [bound.le for bound in field.metadata if isinstance(bound, Le)]
    if least and most:
        kind = "a whole number" if field.annotation is int else "a number"
        return f"is {error['input']!r}. Expected {kind} from {least[0]:g} to {most[0]:g}."
    return f"cannot be used. {error['msg']}."


def reveal(secret: SecretStr | None) -> str | None:
    """Return the text of a secret."""
    return None if secret is None else secret.get_secret_value()


def check_url(text: str) -> str:
    """Return an absolute http or https URL as it is.

    Raises:
        ValueError: It is none.
    """
    if _HTTP_URL.fullmatch(text) is None:
        raise ValueError("is not a URL. Expected an absolute one that begins with https:// (or http://).")
    return text


def hidden(check: Callable[[str], object]) -> AfterValidator:
    """Return a validator that has `check` look at the text of a secret."""

    def validate(secret: SecretStr) -> SecretStr:
        check(secret.get_secret_value())
        return secret

    return AfterValidator(validate)


def signing_key_of(secret: str) -> bytes:
    """Return the key in the form of the Standard Webhooks specification, which receivers' libraries read too.

    Raises:
        ValueError: The secret has another form.
    """
    scheme, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if scheme != "whsec" or not 24 <= len(key) <= 64:
        raise ValueError(NO_SIGNING_KEY)
    return key


def _check_https_url(text: str) -> str:
    if _HTTP_URL.fullmatch(text) is None or not text.lower().startswith("https:"):
        raise ValueError("is not a URL. Expected an absolute one that begins with https://.")
    return text


def _check_redis_url(text: str) -> None:
    if _REDIS_URL.fullmatch(text) is None:
        raise ValueError("is not a Redis URL. Expected one like rediss://<host>:10000.")


def _check_link_key(text: str) -> None:
    if len(text) < LEAST_KEY_CHARACTERS:
        raise ValueError(f"has {len(text)} characters. Expected {LEAST_KEY_CHARACTERS} or more, at random.")


def _read_flag(value: object) -> object:
    if isinstance(value, str) and value.lower() not in ("true", "false"):
        raise ValueError(f"is {value!r}. Expected true or false.")
    return value


def _read_whole(value: object) -> object:
    # Pydantic would take "1.0" and "1_000" as well.
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) is None:
        raise PydanticCustomError("whole_number", "It is not a whole number")
    return value


def _read_days(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() == "never":
        return None
    try:
        days = float(value)
    except ValueError:
        days = 0.0
    if not 0 < days <= 36_500:
        raise ValueError(f"is {value!r}. Expected a number of days above 0, at most 36500, or never.")
    return timedelta(days=days)


def _read_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _check_reviewers(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_names(names)
        if len(names) > MAX_REVIEWERS:
            raise ValueError(f"there are {len(names)}")
    except ValueError as error:
        expected = f"Expected at most {MAX_REVIEWERS} different names, with commas"
        raise ValueError(f"is {','.join(names)!r}. {expected}: {error}.") from error
    return names


def _check_reviewer(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise ValueError(f"is {name!r}. Expected one name: it {error}.") from error


def _check_prefixes(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    given = tuple(prefix for prefix in prefixes if prefix)
    if not all(_WEBHOOK_PREFIX.fullmatch(prefix) for prefix in given):
        expected = "https://hooks.example.com/runs/, host in lower case, several separated by commas"
        raise ValueError(f"does not list the beginnings of URLs. Expected the form {expected}.")
    return tuple(prefix.removesuffix("/") + "/" for prefix in given)


Days = Annotated[timedelta | None, BeforeValidator(_read_days)]
"""A time in days, above 0; None for `never`."""

Flag = Annotated[bool, BeforeValidator(_read_flag)]
"""`true` or `false`, and nothing that merely looks like it."""

LocalFolder = Annotated[Path, AfterValidator(Path.absolute)]
"""A folder of this machine; a relative one is resolved when the app starts."""

HttpUrl = Annotated[str, AfterValidator(check_url)]
HttpsUrl = Annotated[str, AfterValidator(_check_https_url)]
"""For what an identity is sent to."""

LinkKey = Annotated[SecretStr, hidden(_check_link_key)]
RedisUrl = Annotated[SecretStr, hidden(_check_redis_url)]
Reviewer = Annotated[str, AfterValidator(_check_reviewer)]
Reviewers = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_list), AfterValidator(_check_reviewers)]
SecretUrl = Annotated[SecretStr, hidden(check_url)]
"""A URL that may hold a secret: a webhook's, a server's with a key in the query."""

SigningKey = Annotated[SecretStr, hidden(signing_key_of)]
UrlPrefixes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_list), AfterValidator(_check_prefixes)]
WholeNumber = Annotated[int, BeforeValidator(_read_whole)]
