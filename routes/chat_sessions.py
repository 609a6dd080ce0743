"""`/chat/{session}`: talk to a `chat_session`, and read it."""

import asyncio
import hashlib
import re
import time
import uuid
from functools import partial
from typing import Literal

import azure.functions as func
from azure.durable_functions import DurableOrchestrationClient as DurableClient
from azure.durable_functions import EntityId
from pydantic import BaseModel, Field

from durable_agents import AgentFunctionApp, HostingSettings, create_openai_client
from durable_agents.web import (
    IDEMPOTENCY,
    Contract,
    ProblemError,
    Resource,
    accepted,
    json_response,
    read_idempotency_key,
    read_json_object,
    read_model,
)
from entities.chat_session import ChatMessage, ChatTurn, chat_session, digest_of, read_turns

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MESSAGE = re.compile(r"([0-9]{10})-([0-9a-f]{32})")
_LONGEST_SECONDS = 3_600
_PAUSE_SECONDS = 0.05


class ChatBody(BaseModel):
    """What is said to the session."""

    message: str = Field(min_length=1, max_length=8_000, pattern=r"\S")


class ChatAnswer(BaseModel):
    """The answer to one message."""

    session_id: str
    message_id: str
    status: Literal["answered"]
    answer: str


class ChatAccepted(BaseModel):
    """The message is stored and at work; `links.answer` has its answer when there is one."""

    session_id: str
    message_id: str
    status: Literal["running"]
    links: dict[str, str]


class ChatEntry(BaseModel):
    """A message of a conversation and what came of it; the texts of one that was `dropped` are no longer kept."""

    message_id: str
    status: Literal["answered", "failed", "dropped"]
    message: str
    answer: str | None
    error: str | None


class ChatHistory(BaseModel):
    """A conversation, oldest message first."""

    session_id: str
    turns: list[ChatEntry]


class ChatDeletion(BaseModel):
    """A session that ends once it has taken the messages that came before."""

    session_id: str
    status: Literal["deleting"] = "deleting"


_ANSWERS: dict[int, tuple[type[BaseModel] | str, ...]] = {200: (ChatAnswer,), 202: (ChatAccepted,)}
_PROBLEMS = (410, 422, 502)


def add_chat_sessions(app: AgentFunctionApp, settings: HostingSettings) -> None:
    """Add the entity `chat_session`, with the model of the settings, and its routes."""
    app.add_entity(chat_session, connect=partial(create_openai_client, settings.model))
    routes = ChatRoutes(app, settings.AGENT_WAIT_SECONDS)
    say = Contract(_ANSWERS, bodies=(ChatBody,), parameters=(IDEMPOTENCY,), problems=_PROBLEMS)
    later = Contract(_ANSWERS, problems=_PROBLEMS)
    add = partial(app.router.add, resource=routes.resource)
    add("POST", "chat/{session}", routes.send_chat_message, contract=say)
    add("GET", "chat/{session}", routes.read_chat, contract=Contract({200: (ChatHistory,)}))
    add("DELETE", "chat/{session}", routes.delete_chat, contract=Contract({204: (), 202: (ChatDeletion,)}))
    add("GET", "chat/{session}/messages/{message}", routes.read_chat_message, contract=later)


class ChatRoutes:
    """The routes of chat sessions; a caller waits for an answer for at most `wait_seconds`."""

    def __init__(self, app: AgentFunctionApp, wait_seconds: float) -> None:
        self._app = app
        self._wait_seconds = wait_seconds

    def resource(self, req: func.HttpRequest) -> Resource:
        """Return the session: with App Service authentication, who is signed in has one of each name."""
        return Resource(session=self._entity_key(req))

    async def send_chat_message(self, req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        """Say something, and get the answer, or where to pick it up. A failed model call is 502, and is not repeated.

        A repeat under the same Idempotency-Key says nothing again: it gets what came of the first, also a failure.
        """
        session = _session_of(req)
        body, key = read_model(read_json_object(req), ChatBody), read_idempotency_key(req)
        message_id = uuid.uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]
        entity = self._entity_of(req)
        turn = await _find(client, entity, message_id)
        if turn is None:
            message = ChatMessage(message_id=message_id, message=body.message)
            await client.signal_entity(entity, "message", message.model_dump())
            deadline = time.monotonic() + self._wait_seconds
            while (turn := await _find(client, entity, message_id)) is None and time.monotonic() < deadline:
                await asyncio.sleep(_PAUSE_SECONDS)
        if turn is not None and turn.digest != digest_of(body.message):
            detail = "Another message was sent under this Idempotency-Key. Repeat that one, or choose a new key."
            raise ProblemError(422, "idempotency-key-reused", detail)
        return self._respond(req, session, message_id, turn, int(time.time()))

    async def read_chat_message(self, req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        """Answer with what came of an earlier message, or that it is still at work."""
        session, text = _session_of(req), req.route_params["message"]
        found = _MESSAGE.fullmatch(text)
        turn = None if found is None else await _find(client, self._entity_of(req), found[2])
        if found is None or (turn is None and abs(time.time() - int(found[1])) > _LONGEST_SECONDS):
            raise ProblemError(404, "unknown-message", f"Chat session {session!r} has no message {text!r}.")
        return self._respond(req, session, found[2], turn, int(found[1]))

    async def read_chat(self, req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        """Return a conversation, as far as it is kept."""
        session = _session_of(req)
        turns = await _turns_of(client, self._entity_of(req))
        if not turns:
            raise _unknown(session)
        return json_response(ChatHistory(session_id=session, turns=[_entry(turn) for turn in turns]))

    async def delete_chat(self, req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        """End a conversation, after the messages that came before; the next message with its name begins a new one."""
        session, entity = _session_of(req), self._entity_of(req)
        if not await _turns_of(client, entity):
            raise _unknown(session)
        await client.signal_entity(entity, "delete")
        deadline = time.monotonic() + self._wait_seconds
        while await _turns_of(client, entity):
            if time.monotonic() >= deadline:
                return accepted(ChatDeletion(session_id=session), self._app.link(req, "chat", session))
            await asyncio.sleep(_PAUSE_SECONDS)
        return func.HttpResponse(status_code=204)

    def _entity_key(self, req: func.HttpRequest) -> str:
        return self._app.access.own(req, _session_of(req))

    def _entity_of(self, req: func.HttpRequest) -> EntityId:
        return EntityId(chat_session.__name__, self._entity_key(req))

    def _respond(
        self, req: func.HttpRequest, session: str, message_id: str, turn: ChatTurn | None, sent_at: int
    ) -> func.HttpResponse:
        """Answer with a turn, or with where it will be. The time stands in that URL, so a made-up one is found out."""
        if turn is None:
            location = self._app.link(req, "chat", session, "messages", f"{sent_at:010}-{message_id}")
            links = {"answer": location}
            running = ChatAccepted(session_id=session, message_id=message_id, status="running", links=links)
            return accepted(running, location)
        if turn.status == "failed":
            detail = f"The message was not answered ({turn.error_code}). {turn.error}"
            members = {"error_code": turn.error_code, "retryable": turn.retryable, "message_id": message_id}
            raise ProblemError(502, "not-answered", detail, **members)
        if turn.status == "dropped":
            detail = "What came of the message is no longer kept: the conversation has become long."
            raise ProblemError(410, "no-longer-kept", detail)
        answer = turn.answer or ""
        return json_response(ChatAnswer(session_id=session, message_id=message_id, status="answered", answer=answer))


def _session_of(req: func.HttpRequest) -> str:
    session: str = req.route_params["session"]
    if _SESSION.fullmatch(session) is None:
        detail = "The session in the path must have 1 to 64 letters, digits, '_' and '-'."
        raise ProblemError(400, "invalid-session", detail)
    return session


def _unknown(session: str) -> ProblemError:
    detail = f"There is no chat session {session!r}, or its first message is still at work."
    return ProblemError(404, "unknown-session", detail)


async def _turns_of(client: DurableClient, entity: EntityId) -> list[ChatTurn]:
    stored = await client.read_entity_state(entity)
    return read_turns(stored.entity_state) if stored.entity_exists else []


async def _find(client: DurableClient, entity: EntityId, message_id: str) -> ChatTurn | None:
    return next((turn for turn in await _turns_of(client, entity) if turn.message_id == message_id), None)


def _entry(turn: ChatTurn) -> ChatEntry:
    return ChatEntry.model_validate(turn.model_dump(include=set(ChatEntry.model_fields)))
