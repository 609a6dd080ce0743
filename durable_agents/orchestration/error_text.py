"""What callers may see of the error of a run."""


def first_line(text: object) -> str | None:
    """Return the first line of an error, None of None: the host puts stack traces into the others."""
    return None if text is None else str(text).strip().partition("\n")[0].strip()
