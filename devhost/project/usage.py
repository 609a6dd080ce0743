"""What is wrong with a command line, in a sentence."""


class UsageError(Exception):
    """The command cannot be done as it was typed, or not in this project; nothing was changed."""


def no_flags(flags: list[str]) -> None:
    """Raise `UsageError` when there are flags."""
    if flags:
        raise UsageError(f"it takes no arguments, but got: {' '.join(flags)}")
