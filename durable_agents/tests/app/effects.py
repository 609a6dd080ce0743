"""What the app does outside, once for each key: files in OUTBOX_DIR."""

import os
from pathlib import Path

from pydantic import BaseModel

from durable_agents import Keyed
from durable_agents.storage.once_files import write_once

OUTBOX = Path(os.environ.get("OUTBOX_DIR", "outbox"))
PUBLISHED = OUTBOX / "published"


class Letter(Keyed):
    """A reply that is sent, or an e-mail that is filed with the reason."""

    address: str
    subject: str = ""
    body: str = ""
    reason: str = ""


class Article(Keyed):
    title: str
    content: str


class Receipt(BaseModel):
    location: str


def quarantine(letter: Letter) -> Receipt:
    return Receipt(
        location=str(write_once(OUTBOX / "quarantine", letter.key, ".json", letter.model_dump_json().encode()))
    )


def send_reply(letter: Letter) -> Receipt:
    text = f"To: {letter.address}\nSubject: {letter.subject}\n\n{letter.body}\n"
    return Receipt(location=str(write_once(OUTBOX, letter.key, ".eml", text.encode())))


def publish(article: Article) -> Receipt:
    text = f"# {article.title}\n\n{article.content}\n"
    return Receipt(location=str(write_once(PUBLISHED, article.key, ".md", text.encode())))


def escalate(article: Article) -> Receipt:
    return Receipt(
        location=str(write_once(OUTBOX / "escalated", article.key, ".json", article.model_dump_json().encode()))
    )
