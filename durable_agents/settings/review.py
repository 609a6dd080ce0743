"""How drafts get to their reviewers, and what is approved to its readers."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from durable_agents.characters.person_names import check_name, check_names
from durable_agents.settings.environment import Environment

MAX_REVIEWERS = 10
_LEAST_KEY_CHARACTERS = 32
_CONTAINER_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """How human reviewers are asked. The webhook URL is a credential: whoever knows it can post to it.

    Without `reviewers`, nobody is named: whoever may decide at all decides. With them, only their decisions count.
    """

    webhook_url: str | None = field(default=None, repr=False)
    approval_timeout_hours: float = 24.0
    max_revisions: int = 3
    reviewers: tuple[str, ...] = ()
    required_approvals: int = 1
    second_reviewer: str | None = None
    escalation_timeout_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class ApprovalLinkSettings:
    """How the links in review requests are made: where this app is reached, and the keys that sign them.

    Without a `key`, one is kept in `key_file`. Links signed with `previous_key` are still accepted.
    """

    base_url: str
    key_file: Path
    key: str | None = field(default=None, repr=False)
    previous_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DraftSettings:
    """Where drafts are kept for their reviewers: in Blob Storage if `blob_account_url` is set, else in `directory`."""

    blob_account_url: str | None
    container: str
    directory: Path
    managed_identity_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class PublishingSettings:
    """Where approved content goes: to Blob Storage when `blob_account_url` is set, else into `directory`."""

    blob_account_url: str | None
    container: str
    directory: Path
    managed_identity_client_id: str | None = None


def read_review(env: Environment) -> ReviewSettings:
    reviewers = _read_reviewers(env)
    required = env.integer("REQUIRED_APPROVALS", default=1, least=1, most=MAX_REVIEWERS)
    if required > max(len(reviewers), 1):
        env.problem("REQUIRED_APPROVALS", f"is {required}, and REVIEWERS names {len(reviewers)}. Name as many or more.")
    return ReviewSettings(
        webhook_url=env.url("REVIEW_WEBHOOK_URL"),
        approval_timeout_hours=env.number("APPROVAL_TIMEOUT_HOURS", default=24.0, least=0, most=24 * 365),
        max_revisions=env.integer("MAX_REVISIONS", default=3, least=0, most=100),
        reviewers=reviewers,
        required_approvals=required,
        second_reviewer=_read_second_reviewer(env),
        escalation_timeout_hours=env.number("ESCALATION_TIMEOUT_HOURS", default=24.0, least=0, most=24 * 365),
    )


def _read_reviewers(env: Environment) -> tuple[str, ...]:
    text = env.text("REVIEWERS")
    names = () if text is None else tuple(name.strip() for name in text.split(","))
    try:
        check_names(names)
        if len(names) > MAX_REVIEWERS:
            raise ValueError(f"there are {len(names)}")
    except ValueError as error:
        expected = f"Expected at most {MAX_REVIEWERS} different names, with commas"
        env.problem("REVIEWERS", f"is {text!r}. {expected}: {error}.")
    return names


def _read_second_reviewer(env: Environment) -> str | None:
    name = env.text("SECOND_REVIEWER")
    try:
        return None if name is None else check_name(name)
    except ValueError as error:
        env.problem("SECOND_REVIEWER", f"is {name!r}. Expected one name: it {error}.")
        return None


def read_approval_links(env: Environment) -> ApprovalLinkSettings:
    """Return where links lead and what signs them; in Azure, several machines must know the same key."""
    in_azure = env.is_in_azure
    # The host says at which address it is reached, on this machine and in Azure.
    host = env.text("WEBSITE_HOSTNAME") or "localhost:7071"
    key, previous_key = env.text("APPROVAL_LINK_KEY"), env.text("APPROVAL_LINK_PREVIOUS_KEY")
    for name, value in {"APPROVAL_LINK_KEY": key, "APPROVAL_LINK_PREVIOUS_KEY": previous_key}.items():
        if value is not None and len(value) < _LEAST_KEY_CHARACTERS:
            env.problem(name, f"has {len(value)} characters. Expected {_LEAST_KEY_CHARACTERS} or more, at random.")
    if key is None and in_azure:
        env.problem("APPROVAL_LINK_KEY", f"is missing. In Azure, set it to {_LEAST_KEY_CHARACTERS} random characters.")
    return ApprovalLinkSettings(
        base_url=(env.url("PUBLIC_BASE_URL") or f"{'https' if in_azure else 'http'}://{host}").rstrip("/"),
        key_file=env.folder("STATE_DIR", default=".agents") / "approval-link.key",
        key=key,
        previous_key=previous_key,
    )


def read_drafts(env: Environment, publishing: PublishingSettings) -> DraftSettings:
    """Return where drafts are kept: in the account of the articles, if there is one, else on this machine only."""
    if publishing.blob_account_url is None and env.is_in_azure:
        expected = "the blob endpoint of a storage account, https://<account>.blob.core.windows.net"
        env.problem("PUBLISH_BLOB_ACCOUNT_URL", f"is missing. In Azure, set it to {expected}.")
    return DraftSettings(
        blob_account_url=publishing.blob_account_url,
        container=_read_container(env, "DRAFT_CONTAINER", default="drafts"),
        directory=env.folder("STATE_DIR", default=".agents") / "drafts",
        managed_identity_client_id=publishing.managed_identity_client_id,
    )


def read_publishing(env: Environment) -> PublishingSettings:
    return PublishingSettings(
        blob_account_url=env.url("PUBLISH_BLOB_ACCOUNT_URL"),
        container=_read_container(env, "PUBLISH_CONTAINER", default="published"),
        directory=env.folder("PUBLISH_DIR", default="published"),
        managed_identity_client_id=env.text("AZURE_CLIENT_ID"),
    )


def _read_container(env: Environment, name: str, *, default: str) -> str:
    container = env.text(name) or default
    if not _CONTAINER_NAME.fullmatch(container):
        expected = "3 to 63 lower-case letters and digits, with single hyphens between them"
        env.problem(name, f"is {container!r}. Expected {expected}.")
    return container
