"""What looks wrong and is right: nothing must be found in these."""

# ruff: noqa: E501  # a source is one piece

from durable_agents.tests.unit.determinism.project import raw, typed

NEAR_MISSES = {
    "the clock of the run": typed("at = context.now.isoformat()"),
    "the clock of a raw run": raw("at = context.current_utc_datetime"),
    "ids of the run": typed("key = context.new_id()"),
    "ids of a raw run": raw("key = str(context.new_uuid())"),
    "time spans": typed("late = context.now + timedelta(hours=1)", "from datetime import timedelta"),
    "a time that is given": typed("at = datetime.fromisoformat(request.moment)", "from datetime import datetime"),
    "a constant time": typed("at = START.isoformat()", "from datetime import UTC, datetime\nSTART = datetime(2026, 1, 1, tzinfo=UTC)"),
    "ids made from what is given": typed("key = uuid.uuid5(uuid.NAMESPACE_URL, request.topic)", "import uuid"),
    "an id that is read": typed("key = UUID(request.topic)", "from uuid import UUID"),
    "a digest": typed("key = hashlib.sha256(request.topic.encode()).hexdigest()", "import hashlib"),
    "numbers from a seed": typed("n = random.Random(7).random()", "import random"),
    "numbers from a seed, step by step": typed("numbers = random.Random(7)\nn = numbers.choice([1, 2])", "import random"),
    "a parameter called time": typed("at = late(5)", "def late(time):\n    return time.time if False else time + 1"),
    "a variable called time": typed("time = context.now\nat = time.isoformat()", "import time"),
    "a field called random": typed("n = Dice(random=1).random", "class Dice(BaseModel):\n    random: int"),
    "a loop over times": typed("ats = [time for time in (1, 2)]", "import time"),
    "a name that another module's clock has": typed("at = now()", "def now():\n    return 5"),
    "the log of the run": typed('context.log.info("Hello.")'),
    "a log that replays skip": raw('if not context.is_replaying:\n    logger.info("Hello.")', "import logging\nlogger = logging.getLogger(__name__)"),
    "print that replays skip": raw('if not context.is_replaying and request:\n    print("Hello.")'),
    "a log in the other branch": raw('if context.is_replaying:\n    pass\nelse:\n    logging.info("Hello.")', "import logging"),
    "a logging helper that replays skip": raw(
        "if not context.is_replaying:\n    tell()", "import logging\ndef tell():\n    logging.info('Hello.')"
    ),
    "names of files": typed('name = str(PurePath("a") / "b") + Path("x.txt").suffix + os.path.join("a", "b")', "import os\nfrom pathlib import Path, PurePath"),
    "parts of a URL": typed("host = urlsplit(request.topic).hostname", "from urllib.parse import urlsplit"),
    "JSON": typed("text = json.dumps({'a': 1})", "import json"),
    "a pattern": typed("found = WORDS.findall(request.topic)", "import re\nWORDS = re.compile('x')"),
    "a table that nobody changes": typed('text = TEXTS["a"]', 'TEXTS = {"a": "b"}'),
    "a table that is filled at import": typed('text = TEXTS["a"]', 'TEXTS = {}\nTEXTS["a"] = "b"'),
    "a list of its own": typed("seen = []\nseen.append(1)\nseen[0] = 2"),
    "a list of a helper's own": typed("n = gather()", "def gather():\n    found = []\n    found.append(1)\n    return found"),
    "a list that a helper is given": typed("seen = []\nadd_to(seen)", "def add_to(seen):\n    seen.append(1)"),
    "a default that nobody changes": typed("n = size()", "def size(names=()):\n    return len(names)"),
    "a model of its own": typed('note = Note()\nnote.text = "x"\nnote.lines.append("y")', "class Note(BaseModel):\n    text: str = ''\n    lines: list[str] = []"),
    "a field that is given": typed(
        "letter = Letter(key=context.new_id())",
        "import uuid\nfrom pydantic import Field\nclass Letter(BaseModel):\n    key: str = Field(default_factory=lambda: str(uuid.uuid4()))",
    ),
    "a method that nobody calls here": typed(
        "note = Note()",
        "import time\nclass Note(BaseModel):\n    def age(self) -> float:\n        return time.time()",
    ),
    "an activity that is called by way of the context": raw(
        "yield context.call_activity(store, 1)",
        "from pathlib import Path\n",
    ).replace("@app.activity_trigger", "@app.activity_trigger(input_name='n')\ndef store(n: int) -> int:\n    return Path('x').write_text('')\n\n@app.activity_trigger", 1),
    "an activity of the typed context": typed(
        "yield from context.call(store, request)",
        "import time\nclass Stored(BaseModel):\n    at: float\ndef store(topic) -> Stored:\n    time.sleep(1)\n    return Stored(at=time.time())",
    ),
    "a child": typed("yield from context.run(other, request)", "def other(context: OrchestrationContext, request: BaseModel) -> Steps[int]:\n    yield from context.sleep(1)\n    return 1"),
    "an entity": raw("pass").replace(
        "@app.activity_trigger",
        "@app.entity_trigger(context_name='context')\ndef clock(context: df.DurableEntityContext):\n    import time\n    context.set_state(time.time())\n\n@app.activity_trigger",
        1,
    ),
    "a timer that is cancelled": raw(
        """
        go = context.wait_for_external_event("Go")
        late = context.create_timer(context.current_utc_datetime)
        winner = yield context.task_any([go, late])
        if winner == late:
            return "too late"
        late.cancel()
        """
    ),
    "a timer that is cancelled in any case": raw(
        """
        go = context.wait_for_external_event("Go")
        late = context.create_timer(context.current_utc_datetime)
        try:
            yield context.task_any([go, late])
        finally:
            if not late.is_completed:
                late.cancel()
        """
    ),
    "a timer that is no racer": raw("yield context.create_timer(context.current_utc_datetime)"),
    "timers that are cancelled in a loop": raw(
        """
        timers = [context.create_timer(context.current_utc_datetime) for _ in range(3)]
        yield context.task_any(timers)
        for timer in timers:
            timer.cancel()
        """
    ),
    "a timer that a helper cancels": raw(
        """
        late = context.create_timer(context.current_utc_datetime)
        yield context.task_any([context.wait_for_external_event("Go"), late])
        stop(late)
        """,
        "def stop(timer):\n    timer.cancel()",
    ),
    "new tasks for each race": raw(
        """
        for _ in range(3):
            go = context.wait_for_external_event("Go")
            late = context.create_timer(context.current_utc_datetime)
            if (yield context.task_any([go, late])) == go:
                late.cancel()
        """
    ),
    "tasks as they end": raw(
        """
        tasks = [context.call_activity("publish", n) for n in range(3)]
        while tasks:
            tasks.remove((yield context.task_any(tasks)))
        """
    ),
    "races in two branches": raw(
        """
        go = context.wait_for_external_event("Go")
        if request:
            yield context.task_any([go, context.call_activity("publish", 1)])
        else:
            yield context.task_any([go, context.call_activity("publish", 2)])
        """
    ),
    "an activity by its name": raw("yield context.call_activity(publish.__name__, 1)"),
    "an activity, whatever its case": raw('yield context.call_activity("PUBLISH", 1)'),
    "an activity by the name that it is registered by": raw('yield context.call_activity("print", 1)').replace(
        '@app.activity_trigger(input_name="text")', '@app.activity_trigger(input_name="text", activity="print")'
    ).replace('call_activity("publish", request)', 'call_activity("print", request)'),
    "one of a list": raw(
        'for step in STEPS:\n    yield context.call_activity(step, 1)', 'STEPS = ("publish", "notify_reviewer")'
    ),
    "a choice from a table": raw('yield context.call_activity(STEPS[request["kind"]], 1)', 'STEPS = {"a": "publish"}'),
    "a choice that is checked": raw(
        'if request["step"] not in STEPS:\n    return "no"\nyield context.call_activity(request["step"], 1)', 'STEPS = ("publish",)'
    ),
    "a choice of a literal": typed(
        'plan = yield from context.ask("Writer", "Who?", Plan)\nyield from context.ask(plan.agent, "Go.")',
        "from typing import Literal\nclass Plan(BaseModel):\n    agent: Literal['Writer', 'Editor']",
    ),
    "names that the deployment fixes": typed(
        "steps = [context.ask(name, 'Well?') for name in request.names]\nyield from context.all(steps)"
    ).replace('moment: str = ""', "names: list[str]")
    + "\nVOTERS = ['Writer', 'Editor']\nvoting = Orchestration(story, fixed={'names': VOTERS})\n",
    "a name that a part is given": typed(
        "answers = yield from context.all([part(context, name) for name in TEXTS])",
        "TEXTS = {'Writer': 'a', 'Editor': 'b'}\n"
        "def part(context: OrchestrationContext, name: str) -> Steps[str]:\n"
        "    return (yield from context.ask(name, TEXTS[name]))",
    ),
    "a name that a helper is given": raw(
        'yield from part(context, "publish")', "def part(context, step):\n    yield context.call_activity(step, 1)"
    ),
    "an agent of the app": raw('agent = app.get_agent(context, WRITER)\nyield agent.run("Hello.", session=agent.create_session())').replace(
        "app = AgentFunctionApp()", "from agent_framework import Agent\nWRITER = 'Writer'\napp = AgentFunctionApp(agents=[Agent(None, name=WRITER)])"
    ),
    "agents from a list": raw('yield app.get_agent(context, "B").run("Hello.")').replace(
        "app = AgentFunctionApp()",
        "from agent_framework import Agent\napp = AgentFunctionApp(agents=[Agent(None, name=name) for name in ('A', 'B')])",
    ),
    "an agent that is added": raw('yield app.get_agent(context, "C").run("Hello.")').replace(
        "app = AgentFunctionApp()", "from agent_framework import Agent\napp = AgentFunctionApp()\napp.add_agent(Agent(None, name='C'))"
    ),
    "agents that nobody can count": raw('yield app.get_agent(context, "C").run("Hello.")').replace(
        "app = AgentFunctionApp()", "from elsewhere import create_all\napp = AgentFunctionApp(agents=[*create_all()])"
    ),
    "settings that only the app reads": typed("n = 1", "import os\nKEY = os.environ.get('KEY')\napp = AgentFunctionApp(AGENTS, settings=KEY)"),
    "a set that is sorted": typed('for name in sorted({"a", "b"}):\n    yield from context.ask("Writer", name)'),
    "a set without steps": typed("n = 0\nfor name in {'a', 'b'}:\n    n += 1"),
    "an error of a package": typed("try:\n    pass\nexcept requests.HTTPError:\n    pass\nis_it = isinstance(request, requests.Response)", "import requests"),
    "a type in an annotation": typed("page: 'requests.Response | None' = None", "import requests"),
    "a line that says why": typed("at = time.time()  # deterministic: a test says so", "import time"),
    "an import that says why": typed(
        "text = jinja2.Template('x').render()", "import jinja2  # deterministic: it renders what it is given"
    ),
    "a function that says why": typed(
        "at = today()", "import time\ndef today():  # deterministic: rounded to a century\n    return time.time() // 3e9"
    ),
    "a call that says why": typed(
        "at = today()  # deterministic: rounded to a century", "import time\ndef today():\n    return time.time() // 3e9"
    ),
    "a cached helper": typed("n = square(3)", "from functools import lru_cache\n@lru_cache\ndef square(n):\n    return n * n"),
    "a text with the word": typed('text = "time.time()"  # time.time()'),
    "annotations of the future": "from __future__ import annotations\n" + typed("at = context.now"),
    "a class that reads a clock elsewhere": typed("note = Note('x')", "import time\nclass Note:\n    def __init__(self, text):\n        self.text = text\n    def late(self):\n        return time.time()"),
    "a decorator that registers": typed(
        "n = known()", "KNOWN = []\ndef register(function):\n    KNOWN.append(function)\n    return function\n@register\ndef known():\n    return 1"
    ),
    "a module that cannot be found": typed("from nowhere import something\nn = something"),
    "a structure of tuples": typed("for n, (a, b) in enumerate([(1, 2)]):\n    n = a + b"),
    "recursion": typed("n = down(3)", "def down(n):\n    return 0 if n == 0 else down(n - 1)"),
    "circles of names": typed("n = a", "a = b = 1\na, b = b, a"),
    "match": typed("match request.topic:\n    case 'a':\n        n = 1\n    case str(other):\n        n = len(other)"),
}  # fmt: skip
