"""The key by which an activity recognises what it has done before."""

from pydantic import BaseModel


class Keyed(BaseModel):
    """The input of an activity that acts outside: whatever is done under one key is done once.

    `OrchestrationContext.call` fills the key in: the same in every replay and retry and after a rewind, and that of no
    other execution, not even of the next run under the same instance id.
    """

    key: str = ""
