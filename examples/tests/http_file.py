"""Run a file of HTTP requests as an editor does: variables, named requests, values from their answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

_VARIABLE = re.compile(r"@(\w+)\s*=\s*(.*)")
_NOTE = re.compile(r"# (@name|answers) (\w+)")
_REQUEST = re.compile(r"[A-Z]+ ")
_REFERENCE = re.compile(r"\{\{([^{}]+)\}\}")
_ANSWER = ".response.body.$."
_PATIENCE_SECONDS = 15


@dataclass
class HttpFileRequest:
    """One request of the file, its references not replaced. `status` is what it says it answers, None for success."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    name: str | None = None
    status: int | None = None


@dataclass
class HttpFile:
    """The requests of a file, in order, and its variables; later definitions hold from where they stand."""

    requests: list[HttpFileRequest]
    variables: dict[str, str]
    left_out: list[HttpFileRequest] = field(default_factory=list)
    _answers: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> HttpFile:
        """Read the file; `###` begins a request.

        Raises:
            ValueError: Something is no request line, header, variable or comment.
        """
        variables: dict[str, str] = {}
        requests = [_parse_request(block, variables) for block in re.split(r"^###.*$", text, flags=re.MULTILINE)]
        return cls([request for request in requests if request is not None], variables)

    def run(
        self, http: httpx.Client, is_possible: Callable[[HttpFileRequest], bool]
    ) -> Iterator[tuple[HttpFileRequest, httpx.Response]]:
        """Send the requests one after the other; variables may be changed in between.

        What is not possible, and what uses the answer of such a request, goes to `left_out`.
        """
        for request in self.requests:
            if is_possible(request) and not self._uses_what_was_left_out(request):
                yield request, self._send(request, http)
            else:
                self.left_out.append(request)

    def value(self, reference: str, http: httpx.Client) -> str:
        """Return what a reference stands for.

        A value that the answer of a GET does not have yet is waited for: it is sent again, as a reader would.
        """
        if _ANSWER not in reference:
            return self._replace(self.variables[reference], http)
        name, _, path = reference.partition(_ANSWER)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := _find(self._answers[name], path)) is None:
            (request,) = [request for request in self.requests if request.name == name]
            assert request.method == "GET" and time.monotonic() < deadline, f"{reference}: {self._answers[name]}"
            time.sleep(0.05)
            self._send(request, http)
        return str(found)

    def _uses_what_was_left_out(self, request: HttpFileRequest) -> bool:
        names = {reference.partition(_ANSWER)[0] for reference in _REFERENCE.findall(request.url + request.body)}
        return any(left_out.name in names for left_out in self.left_out)

    def _send(self, request: HttpFileRequest, http: httpx.Client) -> httpx.Response:
        url, body = self._replace(request.url, http), self._replace(request.body, http)
        response = http.request(request.method, url, headers=request.headers, content=body or None)
        if request.name is not None:
            self._answers[request.name] = response.json()
        return response

    def _replace(self, text: str, http: httpx.Client) -> str:
        return _REFERENCE.sub(lambda match: self.value(match[1].strip(), http), text)


def _parse_request(block: str, variables: dict[str, str]) -> HttpFileRequest | None:
    """Return the request of a block, None if it has only comments and variables."""
    notes: dict[str, str] = {}
    lines = block.strip().splitlines()
    while lines and not _REQUEST.match(lines[0]):
        line = lines.pop(0)
        if variable := _VARIABLE.fullmatch(line):
            variables[variable[1]] = variable[2]
        elif note := _NOTE.fullmatch(line):
            notes[note[1]] = note[2]
        elif line and not line.startswith("#"):
            raise ValueError(f"{line!r} is no request line, variable or comment.")
    if not lines:
        return None
    method, _, url = lines.pop(0).partition(" ")
    end = lines.index("") if "" in lines else len(lines)
    headers = dict(line.split(": ", 1) for line in lines[:end])
    status = int(notes["answers"]) if "answers" in notes else None
    return HttpFileRequest(method, url, headers, "\n".join(lines[end + 1 :]), notes.get("@name"), status)


def _find(answer: Any, path: str) -> Any:
    """Return the value at a path such as `approvals[0].links.decide`, or None if it is not there."""
    for step in re.findall(r"\w+", path):
        if isinstance(answer, list):
            answer = answer[int(step)] if int(step) < len(answer) else None
        else:
            answer = answer.get(step) if isinstance(answer, dict) else None
    return answer
