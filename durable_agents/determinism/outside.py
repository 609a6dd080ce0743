"""What orchestrations may use that is no part of the project: a short list of what is trusted, and why.

All else is refused: what is known to be wrong with the fix for it, the rest because nobody knows.
"""

from durable_agents.determinism import rules
from durable_agents.determinism.rules import Rule

# What computes from its arguments alone. What it has beside that is refused below.
_TRUSTED = {
    "the language": "__future__ abc builtins collections contextlib copy dataclasses enum functools itertools operator types "
    "typing typing_extensions warnings weakref",
    "text": "base64 binascii codecs difflib email fnmatch html ipaddress json quopri re reprlib shlex string struct textwrap "
    "unicodedata urllib.parse xml zlib csv pprint mimetypes pickle tomllib http.HTTPStatus http.HTTPMethod",
    "numbers": "bisect cmath decimal fractions graphlib hashlib heapq hmac math numbers statistics",
    "time that is given": "calendar datetime zoneinfo time.strptime time.struct_time",
    "ids made from what is given": "uuid.UUID uuid.uuid3 uuid.uuid5 uuid.NAMESPACE_DNS uuid.NAMESPACE_URL "
    "uuid.NAMESPACE_OID uuid.NAMESPACE_X500",
    "names of files": "pathlib posixpath ntpath os.path os.fspath os.sep os.linesep os.PathLike io.StringIO io.BytesIO",
    "constants": "errno sys http.client.responses logging token keyword stat signal.Signals",
    "models of data": "pydantic pydantic_core annotated_types",
    "the frameworks, which know that they are replayed": "durable_agents azure.durable_functions azure.functions "
    "agent_framework agent_framework_durabletask agent_framework_azurefunctions",
}

_REFUSED = {
    rules.CLOCK: "time datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today datetime.date.today "
    "email.utils.formatdate email.utils.localtime email.utils.make_msgid timeit sched calendar.Calendar.today",
    rules.SLEEP: "time.sleep asyncio.sleep anyio.sleep trio.sleep",
    rules.RANDOM: "random secrets os.urandom os.getrandom numpy.random builtins.id builtins.hash",
    rules.UUID: "uuid uuid_utils ulid nanoid",
    rules.ENVIRONMENT: "os.environ os.environb os.getenv os.getenvb os.getcwd os.cpu_count os.getpid os.getppid os.getlogin "
    "os.uname os.path.expandvars platform locale getpass sys.argv sys.path sys.modules sys.executable dotenv "
    "time.tzset time.timezone time.tzname zoneinfo.available_timezones pydantic_settings",
    rules.FILES: "builtins.open io.open os os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink "
    "os.path.getsize os.path.getmtime os.path.getatime os.path.getctime os.path.abspath os.path.realpath "
    "os.path.expanduser os.path.samefile os.path.ismount shutil tempfile glob fileinput sqlite3 dbm shelve zipfile tarfile "
    "gzip bz2 lzma mmap linecache importlib.resources aiofiles codecs.open pickle.load pickle.dump "
    "xml.etree.ElementTree.parse mimetypes.init "
    + " ".join(
        f"pathlib.{kind}.{name}"
        for kind in ("Path", "PosixPath", "WindowsPath")
        for name in (
            "absolute chmod copy cwd exists expanduser glob group hardlink_to home is_dir is_file is_mount is_symlink "
            "iterdir lchmod lstat mkdir move open owner read_bytes read_text readlink rename replace resolve rglob rmdir "
            "samefile stat symlink_to touch unlink walk write_bytes write_text"
        ).split()
    ),
    rules.NETWORK: "socket ssl http.client http.server urllib.request urllib3 ftplib smtplib imaplib poplib xmlrpc telnetlib "
    "socketserver select selectors asyncio.open_connection requests httpx aiohttp websockets grpc boto3 botocore "
    "azure google.cloud psycopg psycopg2 asyncpg sqlalchemy pymysql redis pymongo pyodbc elasticsearch kafka pika",
    rules.PROCESS: "subprocess os.system os.popen os.kill os.killpg os.fork os.abort os._exit os.spawnl os.spawnv "
    "os.spawnvp os.execv os.execve os.execvp os.posix_spawn os.wait os.waitpid pty signal builtins.exit builtins.quit "
    "sys.exit atexit",
    rules.PRINT: "builtins.print builtins.input builtins.breakpoint sys.stdout sys.stderr sys.stdin pprint.pprint pprint.pp",
    rules.LOGGING: "loguru structlog traceback.print_exc logging.basicConfig logging.shutdown "
    + " ".join(
        f"logging.{owner}{name}"
        for owner in ("", "Logger.", "LoggerAdapter.")
        for name in "debug info warning warn error exception critical fatal log".split()
    ),
    rules.THREADS: "threading _thread concurrent multiprocessing queue contextvars joblib",
    rules.ASYNCIO: "asyncio anyio trio",
    rules.CODE: "builtins.exec builtins.eval builtins.compile builtins.__import__ builtins.globals importlib runpy",
    rules.MODEL: "openai anthropic google.genai google.generativeai mistralai litellm ollama cohere groq langchain "
    "langchain_core langchain_openai semantic_kernel transformers",
}  # fmt: skip

_TABLE: dict[str, Rule | None] = {name: None for names in _TRUSTED.values() for name in names.split()} | {
    name: rule for rule, names in _REFUSED.items() for name in names.split()
}
_AGENTS = ("agent_framework", "durable_agents")
_ASKING = frozenset({"run", "run_stream", "get_response", "get_streaming_response", "invoke", "get_embeddings"})


def judge(name: str) -> Rule | None:
    """Return the rule that forbids something outside of the project, named as `time.monotonic`, or None.

    The longest part of the name that is in a list counts.
    """
    if name.startswith("random.Random."):
        # What a generator of numbers with a seed gives; one without a seed is refused where it is made.
        return None
    if name.startswith(_AGENTS) and name.count(".") > 1 and name.rpartition(".")[2] in _ASKING:
        return rules.MODEL
    part = name
    while part:
        if part in _TABLE:
            return _TABLE[part]
        part = part.rpartition(".")[0]
    return rules.OUTSIDE


RETURNS = {"logging.getLogger": "logging.Logger"} | {
    f"pathlib.Path.{name}": "pathlib.Path" for name in ("joinpath", "with_name", "with_suffix", "with_stem")
}
"""What these return, where their names do not say it."""

PROPERTIES = {"pathlib.Path.parent": "pathlib.Path"}
"""What these attributes are."""
