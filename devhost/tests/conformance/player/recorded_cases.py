"""Plays the recorded cases against a host."""

from concurrent.futures import ThreadPoolExecutor

from .cases import endings, events, lifecycle, outside, starting, status
from .play import Case, Json, Play
from .target import target_server
from .tidy import tidy

CASES: dict[str, Case] = {
    **endings.CASES,
    **starting.CASES,
    **status.CASES,
    **events.CASES,
    **lifecycle.CASES,
    **outside.CASES,
}


def play_cases(base: str, only: str = "", workers: int = 8, slowness: float = 1) -> dict[str, Json]:
    """Play the cases whose name contains `only`, so many at once, and return the tidied exchanges of each.

    `base` is the URL of a host of the reference app whose REFERENCE_SCRATCH names a folder that was empty at the start.
    """
    names = [name for name in CASES if only in name]
    with target_server() as target, ThreadPoolExecutor(workers) as pool:
        return dict(
            zip(
                names,
                pool.map(lambda name: _play(Play(base, target, slowness=slowness), CASES[name]), names),
                strict=True,
            )
        )


def _play(play: Play, case: Case) -> Json:
    try:
        case(play)
    except Exception as error:  # A host that answers nonsense must not end the other cases; the comparison shows it.
        play.note("the case itself", f"{type(error).__name__}: {error}")
    return [tidy(exchange, play) for exchange in play.exchanges]
