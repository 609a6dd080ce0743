"""What orchestrations may use that is no part of the project: a short list of what is trusted, and why.

All else is refused: what is known to be wrong with the fix for it, the rest because nobody knows.
"""

from durable_agents.determinism import rules
from durable_agents.determinism.rules import Rule

# What computes from its arguments alone. What they have beside that is refused below.
_TRUSTED = {
    "the language": """
        __future__ abc builtins collections contextlib copy dataclasses enum functools itertools operator types typing
        typing_extensions warnings weakref""",
    "text": """
        base64 binascii codecs csv difflib email fnmatch html http.HTTPMethod http.HTTPStatus ipaddress json mimetypes
        pickle pprint quopri re reprlib shlex string struct textwrap tomllib unicodedata urllib.parse xml zlib""",
    "numbers": "bisect cmath decimal fractions graphlib hashlib heapq hmac math numbers statistics",
    "time that is given": "calendar datetime time.strptime time.struct_time zoneinfo",
    "ids made from what is given": """
        uuid.NAMESPACE_DNS uuid.NAMESPACE_OID uuid.NAMESPACE_URL uuid.NAMESPACE_X500 uuid.UUID uuid.uuid3 uuid.uuid5""",
    "names of files": """
        io.BytesIO io.StringIO ntpath os.PathLike os.fspath os.linesep os.path os.sep pathlib posixpath""",
    "constants, and the making of a logger": """
        errno http.client.responses keyword logging signal.Signals stat sys token""",
    "models of data": "annotated_types pydantic pydantic_core",
    "the frameworks, which know that they are replayed": """
        agent_framework agent_framework_azurefunctions agent_framework_durabletask azure.durable_functions
        azure.functions durable_agents""",
}

_FILES_OF_PATHS = """
    absolute chmod copy cwd exists expanduser glob group hardlink_to home is_dir is_file is_mount is_symlink iterdir
    lchmod lstat mkdir move open owner read_bytes read_text readlink rename replace resolve rglob rmdir samefile stat
    symlink_to touch unlink walk write_bytes write_text"""
_LINES_OF_LOGS = "critical debug error exception fatal info log warn warning"

_REFUSED = {
    rules.CLOCK: """
        calendar.Calendar.today datetime.date.today datetime.datetime.now datetime.datetime.today
        datetime.datetime.utcnow email.utils.formatdate email.utils.localtime email.utils.make_msgid sched time
        timeit""",
    rules.SLEEP: "anyio.sleep asyncio.sleep time.sleep trio.sleep",
    rules.RANDOM: "builtins.hash builtins.id numpy.random os.getrandom os.urandom random secrets",
    rules.UUID: "nanoid ulid uuid uuid_utils",
    rules.ENVIRONMENT: """
        dotenv getpass locale os.cpu_count os.environ os.environb os.getcwd os.getenv os.getenvb os.getlogin os.getpid
        os.getppid os.path.expandvars os.uname platform pydantic_settings sys.argv sys.executable sys.modules sys.path
        time.timezone time.tzname time.tzset zoneinfo.available_timezones""",
    rules.FILES: """
        aiofiles builtins.open bz2 codecs.open dbm fileinput glob gzip importlib.resources io.open linecache lzma
        mimetypes.init mmap os os.path.abspath os.path.exists os.path.expanduser os.path.getatime os.path.getctime
        os.path.getmtime os.path.getsize os.path.isdir os.path.isfile os.path.islink os.path.ismount os.path.lexists
        os.path.realpath os.path.samefile pickle.dump pickle.load shelve shutil sqlite3 tarfile tempfile
        xml.etree.ElementTree.parse zipfile"""
    + "".join(
        f" pathlib.{kind}.{name}" for kind in ("Path", "PosixPath", "WindowsPath") for name in _FILES_OF_PATHS.split()
    ),
    rules.NETWORK: """
        aiohttp asyncio.open_connection asyncpg azure boto3 botocore elasticsearch ftplib google.cloud grpc http.client
        http.server httpx imaplib kafka pika poplib psycopg psycopg2 pymongo pymysql pyodbc redis requests select
        selectors smtplib socket socketserver sqlalchemy ssl urllib.request urllib3 websockets xmlrpc""",
    rules.PROCESS: """
        atexit builtins.exit builtins.quit os._exit os.abort os.execv os.execve os.execvp os.fork os.kill os.killpg
        os.popen os.posix_spawn os.spawnl os.spawnv os.spawnvp os.system os.wait os.waitpid pty signal subprocess
        sys.exit""",
    rules.PRINT: """
        builtins.breakpoint builtins.input builtins.print pprint.pp pprint.pprint sys.stderr sys.stdin sys.stdout""",
    rules.LOGGING: "logging.basicConfig logging.shutdown loguru structlog traceback.print_exc"
    + "".join(
        f" logging.{owner}{name}" for owner in ("", "Logger.", "LoggerAdapter.") for name in _LINES_OF_LOGS.split()
    ),
    rules.THREADS: "_thread concurrent contextvars joblib multiprocessing queue threading",
    rules.ASYNCIO: "anyio asyncio trio",
    rules.CODE: """
        builtins.__import__ builtins.compile builtins.eval builtins.exec builtins.globals importlib runpy""",
    rules.MODEL: """
        anthropic cohere google.genai google.generativeai groq langchain langchain_core langchain_openai litellm
        mistralai ollama openai semantic_kernel transformers""",
}

_TABLE: dict[str, Rule | None] = {
    **{name: None for names in _TRUSTED.values() for name in names.split()},
    **{name: rule for rule, names in _REFUSED.items() for name in names.split()},
}
_AGENTS = ("agent_framework", "durable_agents")
_ASKING = frozenset({"run", "run_stream", "get_response", "get_streaming_response", "invoke", "get_embeddings"})

RETURNS = {"logging.getLogger": "logging.Logger"} | {
    f"pathlib.Path.{name}": "pathlib.Path" for name in ("joinpath", "with_name", "with_suffix", "with_stem")
}
"""What these return, where their names do not say it."""

PROPERTIES = {"pathlib.Path.parent": "pathlib.Path"}
"""What these attributes are."""


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


def is_of_the_frameworks(type_: str) -> bool:
    """Say whether something is an app, an agent or the like, whose own settings are no business of an orchestration."""
    return type_.startswith((*(f"{name}." for name in _AGENTS), "agent_framework_", "azure.durable_functions."))
