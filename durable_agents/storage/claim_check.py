"""Claim check: what is too large for a history stays beside it, and a reference to it travels.

A payload is JSON text under its own digest, in the folder of the run whose history refers to it. It is never changed,
so whoever reads it, in a replay too, finds what was written or fails. It goes with its run.
"""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import datetime
from threading import Lock
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from durable_agents.ids import INSTANCE_ID, fits
from durable_agents.seal import NoSealKeyError, Seal
from durable_agents.settings.groups import Folder
from durable_agents.storage.once_blobs import BlobCredential
from durable_agents.storage.once_files import stem_of
from durable_agents.storage.once_results import once
from durable_agents.storage.outbox_files import find_folders, put_once, read_file, remove_folder

Kind: TypeAlias = Literal["activity", "orchestration"]

REFERENCE, CALLER = "$payload", "$caller"
"""The members under which a history has a reference, and the run that an activity or a child is called by."""

_SHA256 = r"^[0-9a-f]{64}$"
# The folder of a run whose id is no file name; which run that is, nobody can say.
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_CHARACTERS_BESIDE = 16_000
_REMEMBERED_CHARACTERS = 32_000_000


class PayloadError(Exception):
    """A payload that a history refers to is missing, or is not what was written."""


class _Sealed(BaseModel):
    """What only this app can have written: its seal says so, and is made for its other members in their order."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run: str
    seal: str = Field(pattern=_SHA256)


class _Caller(_Sealed):
    """The run that has called an activity or a child, and reads a reference where one comes back."""


class _Reference(_Sealed):
    """A payload of `run`, by its digest."""

    sha256: str = Field(pattern=_SHA256)
    bytes: int


SealedT = TypeVar("SealedT", bound=_Sealed)


class ClaimCheck:
    """Puts payloads of more than `largest_bytes` aside, and gets them back; with None, it only gets them back.

    Nobody else can write a reference: it is sealed, and without the seal, what looks like one is data.
    """

    def __init__(
        self, folder: Folder, seal: Seal, largest_bytes: int | None, credential: BlobCredential | None = None
    ) -> None:
        self._folder = folder
        self._seal = seal
        self._largest_bytes = largest_bytes
        self._credential = credential
        self._readers: set[tuple[Kind, str]] = set()
        self._remembered = _Texts(_REMEMBERED_CHARACTERS)

    def add_reader(self, kind: Kind, name: str) -> None:
        """Say that what is registered under this name gets its payloads through here, so that it may be sent one."""
        self._readers.add((kind, name.casefold()))

    def is_reader(self, kind: Kind, name: str) -> bool:
        """Say whether what is registered under this name may be sent a reference."""
        return self._largest_bytes is not None and (kind, name.casefold()) in self._readers

    def shorten(self, run: str, value: Any, *, beside: Collection[str] = (), is_repeated: bool = False) -> Any:
        """Return the value, or a reference if it is too large: it is then kept under the run. Safe to run twice.

        The members named by `beside` stay where they can be read without it, if they are small. `is_repeated` says that
        this was done before, in the turn that is replayed; it is done again unless this process remembers that.

        Raises:
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused the write.
            OSError: The folder cannot be written.
        """
        if self._largest_bytes is None or len(_text_of(value)) <= self._largest_bytes:
            return value
        return self._refer(run, value, beside=beside, is_repeated=is_repeated)

    def call(
        self, run: str, value: Any, caller: str | None, *, beside: Collection[str] = (), is_repeated: bool = False
    ) -> Any:
        """Return what is sent in the place of the value, as `shorten` has it, with the name of its caller beside it.

        While nothing can be sealed, the value is sent as it is, and what comes back is as it is too.
        """
        if caller is None or self._largest_bytes is None:
            return self.shorten(run, value, beside=beside, is_repeated=is_repeated)
        has_room = isinstance(value, dict) and CALLER not in value
        shorten = self.shorten if has_room else self._refer
        try:
            mark = self._sealed(CALLER, run=caller)
        except NoSealKeyError:
            return value
        return {**shorten(run, value, beside=beside, is_repeated=is_repeated), CALLER: mark}

    def caller_of(self, value: Any) -> str | None:
        """Return the run that `call` has named as the caller, or None."""
        caller = self._read(_Caller, CALLER, value)
        return None if caller is None else caller.run

    def restore(self, run: str, value: Any, *, keeps: bool = False) -> Any:
        """Return the value itself, in the place of what `shorten` or `call` has made of it.

        `run` is the one whose history has it. If it `keeps` the payload of another run, a child or a parent, it has it
        when the other is deleted.

        Raises:
            PayloadError: The payload is missing, or is not what was written.
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
            OSError: The folder cannot be used.
        """
        if self.caller_of(value) is not None:
            value = {name: member for name, member in value.items() if name != CALLER}
        reference = self._read(_Reference, REFERENCE, value)
        if reference is None:
            return value
        payload = json.loads(self._find(run, reference, keeps))
        others = {name: member for name, member in value.items() if name != REFERENCE}
        return {**payload, **others} if others else payload

    def forget(self, run: str) -> None:
        """Remove the payloads of a run. Safe to run twice.

        Raises:
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
            OSError: The folder cannot be removed.
        """
        self._remembered.forget(run)
        remove_folder(self._folder_of(run), self._credential)

    def find_runs(self, until: datetime) -> list[str]:
        """Return the runs that have payloads, all written before `until`, and an id that their folder is named with.

        Raises:
            azure.core.exceptions.AzureError: Blob Storage cannot be reached or refused it.
            OSError: The folder cannot be read.
        """
        names = find_folders(self._folder, until, self._credential)
        return [name for name in names if fits(INSTANCE_ID, name) and not _DIGEST.fullmatch(name)]

    def once(self, caller: str | None, activity: str, key: str, act: Callable[[], Any]) -> Any:
        """Return what the activity returned when it was first done under this key, or else what `act` does; see `once`.

        The result goes with the run that calls if the key begins with its id, as those do that the library makes; under
        any other key it stays.
        """
        belongs = caller is not None and key.startswith(f"{caller}-")
        # No run has this folder: the name of one begins with a letter or a digit.
        folder = self._folder_of(str(caller)) if belongs else self._folder / "_results"
        name = f"{activity}-{hashlib.sha256(key.encode()).hexdigest()}"
        return json.loads(once(folder, name, lambda: _text_of(act()).encode(), self._credential))

    def _folder_of(self, run: str) -> Folder:
        return self._folder / stem_of(run)

    def _read(self, model: type[SealedT], member: str, value: Any) -> SealedT | None:
        if not isinstance(value, dict) or member not in value:
            return None
        try:
            found = model.model_validate(value[member])
        except ValidationError:
            return None
        is_ours = self._seal.fits(member, _text_of(found.model_dump(exclude={"seal"})), found.seal)
        return found if is_ours else None

    def _sealed(self, member: str, **members: str | int) -> dict[str, Any]:
        return {**members, "seal": self._seal.of(member, _text_of(members))}

    def _refer(self, run: str, value: Any, *, beside: Collection[str], is_repeated: bool) -> dict[str, Any]:
        others = {name: one for name, one in value.items() if name in beside} if isinstance(value, dict) else {}
        if len(_text_of(others)) > _MOST_CHARACTERS_BESIDE:
            others = {}
        text = _text_of({name: value[name] for name in value if name not in others} if others else value)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if not is_repeated or self._remembered.find(run, digest) is None:
            self._keep(run, digest, text)
        return {REFERENCE: self._sealed(REFERENCE, run=run, sha256=digest, bytes=len(text)), **others}

    def _find(self, run: str, reference: _Reference, keeps: bool) -> str:
        for owner in dict.fromkeys((run, reference.run)):
            text = self._remembered.find(owner, reference.sha256) or self._load(owner, reference)
            if text is None:
                continue
            if keeps and owner != run:
                self._keep(run, reference.sha256, text)
            return text
        raise PayloadError(
            f"Run {run!r} refers to a payload of {reference.bytes} bytes that is missing: sha256 {reference.sha256} of "
            f"run {reference.run!r}. It was deleted, or the app is told to look elsewhere than it has written."
        )

    def _load(self, owner: str, reference: _Reference) -> str | None:
        content = read_file(self._folder_of(owner), reference.sha256, ".json", self._credential)
        if content is None:
            return None
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            raise PayloadError(
                f"A payload of run {owner!r} is not what was written: its sha256 is not {reference.sha256} any more."
            )
        text = content.decode()
        self._remembered.add(owner, reference.sha256, text)
        return text

    def _keep(self, run: str, digest: str, text: str) -> None:
        put_once(self._folder_of(run), digest, ".json", text.encode(), self._credential)
        self._remembered.add(run, digest, text)


class _Texts:
    """The payloads that this process has used last, by run and digest: a replay would read each of them again."""

    def __init__(self, most_characters: int) -> None:
        self._most_characters = most_characters
        self._texts: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._characters = 0
        self._lock = Lock()

    def find(self, run: str, digest: str) -> str | None:
        with self._lock:
            if (run, digest) in self._texts:
                self._texts.move_to_end((run, digest))
            return self._texts.get((run, digest))

    def add(self, run: str, digest: str, text: str) -> None:
        with self._lock:
            if (run, digest) not in self._texts:
                self._texts[run, digest] = text
                self._characters += len(text)
            while self._characters > self._most_characters:
                self._characters -= len(self._texts.popitem(last=False)[1])

    def forget(self, run: str) -> None:
        with self._lock:
            for key in [key for key in self._texts if key[0] == run]:
                self._characters -= len(self._texts.pop(key))


def _text_of(value: Any) -> str:
    """Return the JSON text of a value, ASCII only: a character is a byte. Its members keep their order."""
    return json.dumps(value, separators=(",", ":"))
