"""What must be found: the code, words of the fix, and sources whose wrong lines end with `# !`."""

# ruff: noqa: E501  # a source is one piece

from dataclasses import dataclass, field

from durable_agents.tests.unit.determinism.project import raw, typed


@dataclass(frozen=True)
class Fault:
    """A source with one thing wrong; `modules` are the files beside it."""

    code: str
    fix: str
    source: str
    modules: dict[str, str] = field(default_factory=dict)


FAULTS = {
    # Clocks, and what hides them.
    "clock": Fault("clock", "context.now", typed("at = time.time()  # !", "import time")),
    "clock by alias": Fault("clock", "context.now", typed("at = t()  # !", "from time import time as t")),
    "clock by module alias": Fault("clock", "context.now", typed("at = hours.monotonic()  # !", "import time as hours")),
    "clock by name of the module": Fault(
        "clock", "context.now", typed("at = now()  # !", "from datetime import datetime\nnow = datetime.now")
    ),
    "clock by local alias": Fault(
        "clock", "context.now", typed("now = datetime.now  # !\nat = now()", "from datetime import datetime")
    ),
    "clock of the module under its name": Fault(
        "clock", "context.now", typed("at = datetime.datetime.utcnow()  # !", "import datetime")
    ),
    "clock by getattr": Fault("clock", "context.now", typed('at = getattr(time, "time")()  # !', "import time")),
    "clock by getattr of a class": Fault(
        "clock", "context.now", typed('at = getattr(datetime, "now")()  # !', "from datetime import datetime")
    ),
    "clock by class attribute": Fault(
        "clock", "context.now", typed("at = Clock.now()  # !", "import time\nclass Clock:\n    now = time.time")
    ),
    "clock by partial": Fault(
        "clock",
        "context.now",
        typed("at = now()  # !", "from datetime import UTC, datetime\nfrom functools import partial\nnow = partial(datetime.now, UTC)"),
    ),
    "clock in a lambda": Fault("clock", "context.now", typed("at = (lambda: time.time())()  # !", "import time")),
    "clock by a lambda of the module": Fault(
        "clock", "context.now", typed("at = now()", "import time\nnow = lambda: time.time()  # !")
    ),
    "clock in a comprehension": Fault(
        "clock", "context.now", typed("at = [n * time.time() for n in range(3)]  # !", "import time")
    ),
    "clock as a key": Fault("clock", "context.now", typed("at = sorted([1], key=lambda n: time.time())  # !", "import time")),
    "clock given as a function": Fault("clock", "context.now", typed("at = list(map(time.localtime, [1]))  # !", "import time")),
    "clock of a table": Fault(
        "clock", "context.now", typed('at = CLOCKS["wall"]()  # !', 'import time\nCLOCKS = {"wall": time.time}')
    ),
    "clock in a default": Fault(
        "clock", "context.now", "import time\n" + typed("").replace("request: Topic)", "request: Topic, at=time.time())")
        .replace("-> Steps[str]:", "-> Steps[str]:  # !")
    ),
    "clock at import": Fault(
        "clock", "context.now", typed("at = STARTED.isoformat()  # !", "from datetime import datetime\nSTARTED = datetime.now()")
    ),
    "clock in a condition": Fault("clock", "context.now", typed("if time.time() > 5:  # !\n    pass", "import time")),
    "clock in a text": Fault("clock", "context.now", typed('at = f"{date.today()}"  # !', "from datetime import date")),
    "clock in a nested function": Fault(
        "clock", "context.now", typed("def now():\n    return time.time()  # !\nat = now()", "import time")
    ),
    "clock of a raw orchestration": Fault(
        "clock", "context.current_utc_datetime", raw("at = time.time()  # !", "import time")
    ),
    "clock in the default of a field": Fault(
        "clock",
        "context.now",
        typed(
            "letter = Letter()",
            """
            import time
            from pydantic import BaseModel, Field
            class Letter(BaseModel):
                at: float = Field(default_factory=time.time)  # !
            """,
        ),
    ),
    "clock in a validator": Fault(
        "clock",
        "context.now",
        typed(
            "letter = Letter(at=1)",
            """
            import time
            from pydantic import BaseModel, field_validator
            class Letter(BaseModel):
                at: float
                @field_validator("at")
                @classmethod
                def late(cls, at: float) -> float:
                    return max(at, time.time())  # !
            """,
        ),
    ),
    "clock in an annotated validator": Fault(
        "clock",
        "context.now",
        typed(
            "letter = Letter(at=1)",
            """
            import time
            from typing import Annotated
            from pydantic import AfterValidator, BaseModel
            def late(at: float) -> float:
                return max(at, time.time())  # !
            Late = Annotated[float, AfterValidator(late)]
            class Letter(BaseModel):
                at: Late
            """,
        ),
    ),
    "clock in the model of an answer": Fault(
        "clock",
        "context.now",
        typed(
            'verdict = yield from context.ask("Judge", "Well?", Verdict)',
            """
            import time
            from pydantic import BaseModel, model_validator
            class Verdict(BaseModel):
                at: float
                @model_validator(mode="after")
                def late(self) -> "Verdict":
                    self.at = time.time()  # !
                    return self
            """,
        ),
    ),
    "clock in a method of an answer": Fault(
        "clock",
        "context.now",
        typed(
            'verdict = yield from context.ask("Judge", "Well?", Verdict)\nage = verdict.age()',
            """
            import time
            from pydantic import BaseModel
            class Verdict(BaseModel):
                at: float
                def age(self) -> float:
                    return time.time() - self.at  # !
            """,
        ),
    ),
    "clock in a property": Fault(
        "clock",
        "context.now",
        typed(
            "letter = Letter(at=1)\nage = letter.age",
            """
            import time
            from pydantic import BaseModel
            class Letter(BaseModel):
                at: float
                @property
                def age(self) -> float:
                    return time.time() - self.at  # !
            """,
        ),
    ),
    "clock in a method of a field of the input": Fault(
        "clock",
        "context.now",
        typed("age = request.letter.age()").replace(
            'moment: str = ""',
            "letter: Letter",
        ).replace(
            "class Topic",
            "import time\nclass Letter(BaseModel):\n    def age(self) -> float:\n        return time.time()  # !\n\nclass Topic",
        ),
    ),
    "clock in a decorator": Fault(
        "clock",
        "context.now",
        typed(
            "n = measured()",
            """
            import time
            from functools import wraps
            def timed(function):
                @wraps(function)
                def run():
                    began = time.perf_counter()  # !
                    return function()
                return run
            @timed
            def measured():
                return 1
            """,
        ),
    ),
    "clock in a decorator's argument": Fault(
        "clock",
        "context.now",
        typed(
            "n = measured()",
            """
            import time
            def since(at):
                return lambda function: function
            @since(time.time())  # !
            def measured():
                return 1
            """,
        ),
    ),
    "clock in a text of an object": Fault(
        "clock",
        "context.now",
        typed('said = f"{Age()}"', "import time\nclass Age:\n    def __str__(self) -> str:\n        return str(time.time())  # !"),
    ),
    "sleep at the begin of a block": Fault(
        "sleep",
        "context.sleep",
        typed("with Pause():\n    pass", "import time\nclass Pause:\n    def __enter__(self):\n        time.sleep(1)  # !\n    def __exit__(self, *error):\n        pass"),
    ),
    "clock in a generator of the module": Fault(
        "clock", "context.now", typed("ats = list(ticks())", "import time\ndef ticks():\n    yield time.time()  # !")
    ),
    "clock by all names of a module": Fault("clock", "context.now", typed("at = time()  # !", "from time import *")),
    "clock of an object that is called": Fault(
        "clock",
        "context.now",
        typed("at = clock()", "import time\nclass Clock:\n    def __call__(self) -> float:\n        return time.time()  # !\nclock = Clock()"),
    ),
    "clock of a base class": Fault(
        "clock",
        "context.now",
        typed("at = Late().now()", "import time\nclass Clock:\n    def now(self) -> float:\n        return time.time()  # !\nclass Late(Clock):\n    pass"),
    ),
    # Randomness and ids.
    "random": Fault("random", "context.new_id()", typed("n = random.random()  # !", "import random")),
    "random by alias": Fault("random", "context.new_id()", typed("n = r.choice([1, 2])  # !", "import random as r")),
    "generator of numbers without a seed": Fault("random", "activity", typed("n = random.Random()  # !", "import random")),
    "secret": Fault("random", "activity", typed("n = token_hex()  # !", "from secrets import token_hex")),
    "hash of a text": Fault("random", "activity", typed("n = hash(request.topic)  # !")),
    "uuid": Fault("uuid", "context.new_id()", typed("key = str(uuid.uuid4())  # !", "import uuid")),
    "uuid of a raw orchestration": Fault("uuid", "context.new_uuid()", raw("key = str(new())  # !", "from uuid import uuid4 as new")),
    "uuid at import": Fault("uuid", "context.new_id()", typed("key = RUN  # !", "from uuid import uuid4\nRUN = str(uuid4())")),
    "steps in the order of a set": Fault(
        "set-order", "sorted", typed('for name in {"a", "b"}:  # !\n    yield from context.ask("Writer", name)')
    ),
    "steps in the order of a set, all at once": Fault(
        "set-order", "sorted", typed('names = set(request.topic)\nyield from context.all([context.ask("Writer", n) for n in names])  # !')
    ),
    # What depends on the machine.
    "environment": Fault("environment", "defaults=", typed('key = os.environ["KEY"]  # !', "import os")),
    "environment by alias": Fault("environment", "input", typed('key = env.get("KEY")  # !', "from os import environ as env")),
    "getenv of a raw orchestration": Fault("environment", "started", raw('key = os.getenv("KEY")  # !', "import os")),
    "environment at import": Fault("environment", "input", typed("key = KEY  # !", 'import os\nKEY = os.environ.get("KEY", "")')),
    "settings": Fault(
        "environment",
        "input",
        typed("key = settings.key  # !", "from settings import settings"),
        {"settings.py": "import os\nclass Settings:\n    key = 1\n    @classmethod\n    def read(cls, e) -> 'Settings':\n        return cls()\nsettings = Settings.read(os.environ)\n"},
    ),
    "settings of pydantic": Fault(
        "environment",
        "input",
        typed("key = Settings().key  # !", "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    key: str = ''"),
    ),
    "platform": Fault("environment", "input", typed("name = platform.node()  # !", "import platform")),
    # I/O.
    "open": Fault("files", "context.call", typed('text = open("x").read()  # !')),
    "path": Fault("files", "context.call", typed('text = Path("x").read_text()  # !', "from pathlib import Path")),
    "path of the module": Fault(
        "files", "context.call", typed('text = (HERE / "x.txt").read_text()  # !', "from pathlib import Path\nHERE = Path(__file__).parent")
    ),
    "exists": Fault("files", "context.call_activity", raw('there = os.path.exists("x")  # !', "import os")),
    "requests": Fault("network", "context.call", typed('page = requests.get("https://x")  # !', "import requests")),
    "client of httpx": Fault(
        "network", "context.call", typed('page = client.get("https://x")  # !', "import httpx\nclient = httpx.Client()")
    ),
    "urlopen": Fault("network", "context.call", typed('page = urlopen("https://x")  # !', "from urllib.request import urlopen")),
    "client of Azure": Fault(
        "network", "context.call", typed("secret = vault.get_secret('x')  # !", "from azure.keyvault.secrets import SecretClient\nvault = SecretClient('x', None)")
    ),
    "subprocess": Fault("process", "context.call", typed('subprocess.run(["ls"])  # !', "import subprocess")),
    "exit": Fault("process", "context.call", typed("sys.exit(1)  # !", "import sys")),
    "print": Fault("print", "context.log", typed('print("Hello.")  # !')),
    "logging": Fault("logging", "context.log", typed('logger.info("Hello.")  # !', "import logging\nlogger = logging.getLogger(__name__)")),
    "logging of a raw orchestration": Fault(
        "logging", "is_replaying", raw('logging.warning("Hello.")  # !', "import logging")
    ),
    "logging in the wrong branch": Fault(
        "logging",
        "is_replaying",
        raw('if not context.is_replaying:\n    pass\nelse:\n    logging.info("Again.")  # !', "import logging"),
    ),
    # Threads, sleep, asyncio.
    "sleep": Fault("sleep", "context.sleep", typed("time.sleep(1)  # !", "import time")),
    "sleep by alias": Fault("sleep", "context.create_timer", raw("nap(1)  # !", "from time import sleep as nap")),
    "threads": Fault(
        "threads", "context.all", typed("pool = ThreadPoolExecutor()  # !", "from concurrent.futures import ThreadPoolExecutor")
    ),
    "lock": Fault("threads", "context.all", typed("with LOCK:  # !\n    pass", "import threading\nLOCK = threading.Lock()")),
    "asyncio": Fault("asyncio", "yield from", typed("asyncio.run(None)  # !", "import asyncio")),
    "async part": Fault(
        "asyncio", "yield from", typed("part()", "async def part():  # !\n    return 1")
    ),
    "package that nobody knows": Fault("outside", "deterministic:", typed("text = jinja2.Template('x').render()  # !", "import jinja2")),
    "eval": Fault("dynamic-code", "context.call", typed("n = eval(request.topic)  # !")),
    # State that runs share.
    "list of the module": Fault("global-state", "local variable", typed("SEEN.append(request.topic)  # !", "SEEN: list[str] = []")),
    "dictionary of the module": Fault("global-state", "entity", typed("CACHE[request.topic] = 1  # !", "CACHE = {}")),
    "global": Fault("global-state", "local variable", typed("global COUNT\nCOUNT += 1  # !", "COUNT = 0")),
    "counter of the module": Fault("global-state", "entity", typed("n = next(NUMBERS)  # !", "import itertools\nNUMBERS = itertools.count()")),
    "state that another changes": Fault(
        "global-state",
        "entity",
        typed("n = len(DONE)  # !", "DONE = {}\ndef work(order):\n    DONE[order] = 1"),
    ),
    "state of a class": Fault("global-state", "entity", typed("Cache.items.append(1)  # !", "class Cache:\n    items = []")),
    "state of a class, set by name": Fault("global-state", "entity", typed('setattr(Cache, "n", 1)  # !', "class Cache:\n    n = 0")),
    "state of another module": Fault(
        "global-state", "entity", typed("cache.ITEMS.append(1)  # !", "import cache"), {"cache.py": "ITEMS = []\n"}
    ),
    "state of an object of the module": Fault(
        "global-state",
        "entity",
        typed("COUNTER.count()  # !", "class Counter:\n    n = 0\n    def count(self) -> None:\n        self.n += 1\nCOUNTER = Counter()"),
    ),
    "default that is kept": Fault(
        "global-state",
        "local variable",
        typed("remember(1)", "def remember(n, seen=[]):  # !\n    seen.append(n)\n    return seen"),
    ),
    # Models.
    "agent": Fault(
        "model",
        "context.ask",
        typed("answer = writer.run('Hello.')  # !", "from agent_framework import Agent\nwriter = Agent(None, name='Writer')"),
    ),
    "agent that a function makes": Fault(
        "model",
        "context.ask",
        typed("answer = create_writer(None).run('Hello.')  # !", "from writer import create_writer"),
        {"writer.py": "from typing import Any\nfrom agent_framework import Agent\ndef create_writer(chat) -> Agent[Any]:\n    return Agent(chat, name='Writer')\n"},
    ),
    "chat client": Fault(
        "model",
        "context.ask",
        typed("answer = chat.get_response('Hello.')  # !", "from durable_agents import create_chat_client\nchat = create_chat_client(None)"),
    ),
    "openai": Fault(
        "model", "get_agent", raw("answer = client.responses.create(input='Hello.')  # !", "import openai\nclient = openai.OpenAI()")
    ),
    # Races.
    "timer that nobody cancels": Fault(
        "timer-not-cancelled",
        "timer.cancel()",
        raw(
            """
            go = context.wait_for_external_event("Go")
            late = context.create_timer(context.current_utc_datetime)  # !
            winner = yield context.task_any([go, late])
            """
        ),
    ),
    "timer without a name": Fault(
        "timer-not-cancelled",
        "timer.cancel()",
        raw('yield context.task_any([context.wait_for_external_event("Go"), context.create_timer(context.current_utc_datetime)])  # !'),
    ),
    "timer that is cancelled when it has won": Fault(
        "timer-not-cancelled",
        "timer.cancel()",
        raw(
            """
            go = context.wait_for_external_event("Go")
            late = context.create_timer(context.current_utc_datetime)  # !
            winner = yield context.task_any([go, late])
            if winner == late:
                late.cancel()
            """
        ),
    ),
    "task that is raced again": Fault(
        "raced-again",
        "new task for each race",
        raw(
            """
            go = context.wait_for_external_event("Go")
            for _ in range(3):
                late = context.create_timer(context.current_utc_datetime)
                winner = yield context.task_any([go, late])  # !
                if winner == go:
                    late.cancel()
                    break
            """
        ),
    ),
    "task that is raced again later": Fault(
        "raced-again",
        "new task for each race",
        raw(
            """
            go = context.wait_for_external_event("Go")
            stop = context.wait_for_external_event("Stop")
            yield context.task_any([go, stop])
            more = context.call_activity("publish", 1)
            yield context.task_any([go, more])  # !
            """
        ),
    ),
    "task added to a race": Fault(
        "raced-again",
        "new task for each race",
        raw(
            """
            tasks = [context.call_activity("publish", n) for n in range(3)]
            while tasks:
                done = yield context.task_any(tasks)  # !
                tasks.remove(done)
                tasks.append(context.call_activity("publish", 4))
            """
        ),
    ),
    # Names.
    "activity that is not there": Fault("unknown-activity", "add_activity", raw('yield context.call_activity("print_it", 1)  # !')),
    "activity by constant": Fault(
        "unknown-activity", "add_activity", raw("yield context.call_activity(STEP, 1)  # !", 'STEP = "print_it"')
    ),
    "child that is not there": Fault("unknown-orchestration", "List it", raw('yield context.call_sub_orchestrator("part", 1)  # !')),
    "entity that is not there": Fault(
        "unknown-entity", "entity_trigger", raw('yield context.call_entity(df.EntityId("Counter", "one"), "add")  # !')
    ),
    "agent that is not there": Fault("unknown-agent", "agents=[...]", raw('yield app.get_agent(context, "Nobody").run("Hello.")  # !')),
    "one of several activities": Fault(
        "unknown-activity",
        "add_activity",
        raw('step = STEPS.get(request["kind"], "publish")\nyield context.call_activity(step, 1)  # !', 'STEPS = {"a": "publish", "b": "print_it"}'),
    ),
    "name of the input": Fault("undeclared-name", "Literal", raw('yield context.call_activity(request["step"], 1)  # !')),
    "name of an answer": Fault(
        "undeclared-name", "tuple or a dictionary", raw('step = yield context.call_activity("publish", 1)\nyield context.call_activity(step, 1)  # !')
    ),
    # Helpers, over modules.
    "helper of the module": Fault("clock", "context.now", typed("at = today()", "import time\ndef today():\n    return time.time()  # !")),
    "helper of another module": Fault(
        "clock", "context.now", typed("at = today()", "from dates import today"), {"dates.py": "import time\ndef today():\n    return time.time()  # !\n"}
    ),
    "helper of a helper in a package": Fault(
        "environment",
        "input",
        typed("at = parts.first()", "from things import parts"),
        {
            "things/__init__.py": "",
            "things/parts.py": "from .deep import second\ndef first():\n    return second()\n",
            "things/deep.py": "import os\ndef second():\n    return os.getenv('X')  # !\n",
        },
    ),
    "helper by way of a package": Fault(
        "uuid",
        "context.new_id()",
        typed("at = key()", "from things import key"),
        {"things/__init__.py": "from things.ids import *\n", "things/ids.py": "import uuid\ndef key():\n    return uuid.uuid1()  # !\n"},
    ),
    "part of an orchestration": Fault(
        "clock",
        "context.now",
        typed("n = yield from part(context)", "import time\ndef part(context):\n    at = time.time()  # !\n    yield from context.ask('Writer', 'Hello.')"),
    ),
    "helper that is given on": Fault(
        "random", "activity", typed("n = list(map(roll, range(3)))", "import random\ndef roll(n):\n    return random.randint(1, n)  # !")
    ),
    "activity that is called directly": Fault(
        "files", "context.call", typed("publish('x')", "from publish import publish"),
        {"publish.py": "from pathlib import Path\ndef publish(text):\n    Path('x').write_text(text)  # !\n"},
    ),
}  # fmt: skip
