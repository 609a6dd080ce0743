"""Random orchestration programs with one possible outcome each, for the `program` orchestration of the reference app.

A program is a list of steps: act, retry, timer, sub, subretry, entity, signal, all, any, try, status, raise, again. Its
seed decides all of it, and it is built so that timing cannot change the outcome: at most one failing child in an `all`,
one short timer in an `any`.
"""

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from random import Random

from .play import Json, Play
from .tidy import tidy

Step = list[Json]
Program = list[Json]

_WORDS = (
    "alpha",
    "",
    "été",
    "日本",
    'quo"te',
    "back\\slash",
    "new\nline",
    "x" * 300,
    "{json: no}",
    "null",
    "7",
)


def generate(seed: int) -> Program:
    """Return the program of a seed; the same for ever, since its outcome is recorded."""
    writer = _Writer(Random(seed))
    steps = writer.program(2)
    if writer.random.random() < 0.3:
        steps += [["again"], *writer.program(1)]
    if writer.random.random() < 0.1:
        steps.append(["raise", "the end"])
    return steps


def play_programs(
    base: str, seeds: Iterable[int], workers: int = 8, patience: float = 0, slowness: float = 1
) -> dict[str, Json]:
    """Run the programs of these seeds, so many at once, and return status, output and custom status by seed.

    With `patience` (seconds) the host may be killed and started again meanwhile: requests are tried again.
    """

    def play(seed: int) -> tuple[str, Json]:
        one = Play(base, "{none}", patience, slowness)
        iid = one.start_sdk("program", {"steps": generate(seed), "results": []}, iid=one.id(f"program{seed}"))
        one.wait(iid, seconds=60 + patience, show=False)
        status = one.peek(iid)
        return str(seed), tidy({name: status.get(name) for name in ("runtimeStatus", "output", "customStatus")}, one)

    with ThreadPoolExecutor(workers) as pool:
        return dict(pool.map(play, seeds))


def without_attempts(outcomes: dict[str, Json]) -> dict[str, Json]:
    """Return the outcomes without how often a flaky activity was tried: where the host dies, it may run once more."""
    blurred: dict[str, Json] = json.loads(re.sub(r"ok after \d+", "ok after a while", json.dumps(outcomes)))
    return blurred


class _Writer:
    """Writes the steps of one program, drawing from its random numbers in a fixed order."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._keys = (f"k{number}" for number in range(10**6))

    def program(self, depth: int) -> Program:
        """Return one to five steps; `depth` is how deep sub-orchestrations and fan-outs may still nest."""
        steps: Program = []
        for _ in range(self.random.randint(1, 5)):
            kind = self._choose({"step": 8, "try": 1, "tryfail": 3, "status": 1, "signal": 1})
            if kind == "step":
                steps.append(self._step(depth, top=True))
            elif kind == "try":
                steps.append(["try", self._step(depth)])
            elif kind == "tryfail":
                steps.append(["try", self._failing(depth)])
            elif kind == "status":
                steps.append(["status", self._value()])
            else:
                steps.append(["signal", self.random.choice("ab"), "add", self.random.randint(1, 9)])
        return steps

    def _step(self, depth: int, top: bool = False) -> Step:
        """Return a step that cannot fail.

        `any` stands only at the top of a program, where the outcome names the winner by its place.
        """
        nested = 3 if depth else 0
        weights = {"act": 6, "kind": 3, "retry": 3, "timer": 2, "entity": 4, "all": nested, "sub": nested}
        kind = self._choose({**weights, "any": 2 if top else 0, "nothing": 1})
        if kind == "all":
            return ["all", [self._step(depth - 1) for _ in range(self.random.randint(0, 5))]]
        if kind == "sub":
            return ["sub", self.program(depth - 1), self.random.choice(["", next(self._keys)])]
        if kind == "any":
            return self._race()
        return self._single(kind)

    def _single(self, kind: str) -> Step:
        random = self.random
        if kind == "retry":
            return ["retry", "flaky", next(self._keys), random.choice([1, 20, 60]), random.randint(3, 5)]
        if kind == "timer":
            return ["timer", random.choice([-1000, 0, 5, 80])]
        if kind == "entity":
            key = random.choice("ab")
            return ["entity", key, *random.choice([("add", random.randint(1, 9)), ("get", None), ("add", 0)])]
        return ["act", {"act": "echo", "kind": "kind", "nothing": "nothing"}[kind], self._value()]

    def _race(self) -> Step:
        timers: list[Json] = [["timer", 4000 + 500 * number] for number in range(self.random.randint(0, 2))]
        timers.append(["timer", 50])
        self.random.shuffle(timers)
        return ["any", timers]

    def _failing(self, depth: int) -> Step:
        """Return a step that always fails."""
        random = self.random
        kind = random.choice(["act", "retry", "entity", "all", *(["sub", "subretry"] if depth else [])])
        text = random.choice(["plain", "two\nlines", "été", "a: b"])
        if kind == "act":
            return ["act", "fail", text]
        if kind == "retry":
            return ["retry", "fail", text, random.choice([1, 20]), random.randint(1, 3)]
        if kind == "entity":
            return ["entity", f"z{next(self._keys)}", "fail", None]
        if kind == "all":
            return ["all", self._with_a_failure(text)]
        inner = [*self.program(depth - 1), ["raise", text]]
        return ["sub", inner, ""] if kind == "sub" else ["subretry", inner, 5, random.randint(1, 3)]

    def _with_a_failure(self, text: str) -> list[Json]:
        """Return plain activities, one failing: a retry still going on behind a failed `all` would be a race."""
        steps: list[Json] = [["act", "echo", self._value()] for _ in range(self.random.randint(0, 3))]
        steps.insert(self.random.randint(0, len(steps)), ["act", "fail", text])
        return steps

    def _value(self) -> Json:
        random = self.random
        values: list[Json] = [
            random.choice(_WORDS),
            random.randint(-5, 10**12),
            round(random.random(), 6),
            True,
            False,
            None,
            [1, random.choice(_WORDS)],
            {"k": random.choice(_WORDS), "n": [None, {}]},
            [],
            {},
        ]
        return random.choice(values)

    def _choose(self, weights: dict[str, int]) -> str:
        return self.random.choices(list(weights), list(weights.values()))[0]
