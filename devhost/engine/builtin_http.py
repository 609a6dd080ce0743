"""The host's own activity behind `context.call_http`."""

from __future__ import annotations

import json
import os

import aiohttp
from multidict import MultiMapping

from devhost.protocol.json_text import compact

# The errors whose number is the operating system's, whose words Azure gives; not those of names and TLS.
_OF_THE_SYSTEM = (OSError, ConnectionRefusedError, ConnectionResetError, ConnectionAbortedError, TimeoutError)
_LEFT_OUT = ("content-type", "content-length")


class HttpActivityError(Exception):
    """The request could not be made."""


class HttpActivity:
    """Makes the HTTP requests of orchestrations. An answer of any status is a result; 202 is not followed up."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def run(self, request_text: str) -> str:
        """Send the request and return `{"statusCode", "headers", "content"}` as JSON text.

        Raises:
            HttpActivityError: No answer came, or the request asks for a managed identity's token.
        """
        request = json.loads(request_text)
        if request.get("tokenSource"):
            raise HttpActivityError(
                f"The call to {request['uri']} asks for a managed identity's token, which there is only on Azure. "
                "Call it from an activity that uses DefaultAzureCredential, or leave the token source out locally."
            )
        if self._session is None:
            self._session = aiohttp.ClientSession()
        headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
        content = request.get("content")
        if content is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                request["method"], request["uri"], data=content, headers=headers, allow_redirects=False
            ) as response:
                text = await response.text()
                return compact({"statusCode": response.status, "headers": _headers(response.headers), "content": text})
        except aiohttp.ClientConnectorError as ex:
            number = ex.os_error.errno if type(ex.os_error) in _OF_THE_SYSTEM else None
            reason = os.strerror(number) if number else str(ex.os_error)
            raise HttpActivityError(f"{reason} ({ex.host}:{ex.port})") from ex
        except (aiohttp.ClientError, TimeoutError, ValueError) as ex:
            raise HttpActivityError(f"{type(ex).__name__}: {ex}") from ex

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _headers(headers: MultiMapping[str]) -> dict[str, str | list[str]]:
    """Return them as .NET does: a header that came several times has the list of its values."""
    kept = [name for key, name in {name.lower(): name for name in headers}.items() if key not in _LEFT_OUT]
    return {name: values if len(values := headers.getall(name)) > 1 else values[0] for name in kept}
