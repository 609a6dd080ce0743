"""The project's `.venv`: made, added to and repaired, so that it has what a command needs and no more."""

import importlib.util
import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devhost.project.files import remove
from devhost.project.installing import PIP_INSTALL, InstallError, install
from devhost.project.requirement_lines import required
from devhost.project.setup_lock import exclusive_setup

# Microsoft's worker library declares Python 3.13 and works unchanged on 3.11 and 3.12.
_WORKER = "devhost/requirements-worker.txt"
_OTLP = "devhost/requirements-otlp.txt"
_INSTALLER = "devhost/project/requirements.txt"
CONSTRAINTS = "constraints.txt"

# What commands need, each a list of requirement files; of these count that are there.
START = ("requirements.txt", "devhost/requirements.txt", _WORKER)
TOOLS = (*START, "requirements-dev.txt")
OTLP = (*START, _OTLP)
EVERYTHING = (*TOOLS, _OTLP, "durable_agents/tests/requirements.txt", "devhost/tests/requirements.txt")
BENCH = (*START, "devhost/bench/requirements.txt")

Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Installed:
    """What a whole `.venv` is made from: interpreter and place on disk, and the text of each file then."""

    interpreter: str
    files: Texts


def interpreter(venv_dir: Path) -> str:
    """Return the path of a virtual environment's Python."""
    return str(venv_dir / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def ensure_venv(root: Path, files: Sequence[str]) -> str:
    """Return the interpreter of a `.venv` in which `files` are installed as they are now, making it so when needed.

    What says so is removed before and written after everything else, so a `.venv` that has it is whole. What files ask
    for anew is added to it; it is made anew for another interpreter, after a kill, and when a file asks for less, for
    what stays behind then would hide that something needs it.
    """
    wanted = [name for name in files if (root / name).is_file()]
    venv_dir = root / ".venv"
    if not _is_current(root, wanted):
        with exclusive_setup(root):
            if not _is_current(root, wanted):
                _update(root, wanted)
    return interpreter(venv_dir)


def build_venv(venv_dir: Path, folder: Path, files: Sequence[str]) -> str:
    """Make a virtual environment with the requirement files of `folder`, and return its interpreter.

    Raises:
        InstallError: pip failed.
    """
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        sys.exit(f"This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install {package}")
    import venv

    venv.EnvBuilder(symlinks=os.name != "nt").create(venv_dir)
    _install_pip(venv_dir, folder)
    _install(venv_dir, folder, files)
    return interpreter(venv_dir)


def _update(root: Path, wanted: Sequence[str]) -> None:
    venv_dir = root / ".venv"
    present = _read_stamp(root)
    grows = present is not None and _can_grow(root, present)
    version = ".".join(map(str, sys.version_info[:3]))
    what = "Adding to" if grows else "Setting up"
    print(f"{what} .venv for Python {version} (once, and when the requirements change) ...", flush=True)
    _stamp(root).unlink(missing_ok=True)
    files = list(wanted)
    try:
        if grows and present is not None:
            files += [name for name in present.files if name not in {*wanted, CONSTRAINTS} and (root / name).is_file()]
            _install(venv_dir, root, files)
        else:
            remove(venv_dir)
            build_venv(venv_dir, root, files)
    except InstallError as error:
        if grows and present is not None and not error.changed:
            _write_stamp(root, present)
        sys.exit(str(error))
    _write_stamp(root, _Installed(_identity(root), _texts(root, files)))


def _can_grow(root: Path, present: _Installed) -> bool:
    """Say whether all that was asked for still is, though perhaps in other versions."""
    if present.interpreter != _identity(root) or not os.path.exists(interpreter(root / ".venv")):
        return False
    now = _texts(root, [name for name in present.files if name != CONSTRAINTS and (root / name).is_file()])
    return all(required(present.files[name]) <= required(text) for name, text in now.items() if name in present.files)


def _install_pip(venv_dir: Path, folder: Path) -> None:
    """Install pip with the one that Python brings, which need not be unpacked for that.

    A project pins a newer one, for those of the older Pythons take three times as long to find the packages.
    """
    bundled = _bundled_pip()
    command = [interpreter(venv_dir), *PIP_INSTALL]
    if bundled is None:
        command = [interpreter(venv_dir), "-m", "ensurepip", "--default-pip"]
        install("pip", command, folder, venv_dir)
    elif (folder / _INSTALLER).is_file():
        install("pip", [*command, "-r", _INSTALLER], folder, venv_dir, {**os.environ, "PYTHONPATH": str(bundled)})
    else:
        command += ["--no-index", str(bundled)]
        install("pip", command, folder, venv_dir, {**os.environ, "PYTHONPATH": str(bundled)})


def _bundled_pip() -> Path | None:
    """Return the wheel of pip that comes with this Python: beside ensurepip, or where a distribution keeps wheels."""
    import ensurepip

    folders = [Path(ensurepip.__file__).parent / "_bundled"]
    elsewhere = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if elsewhere:
        folders.append(Path(elsewhere))
    found = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    return found[-1] if found else None


def _install(venv_dir: Path, folder: Path, files: Sequence[str]) -> None:
    python = interpreter(venv_dir)
    plain = [name for name in files if name != _WORKER]
    flags = [part for name in plain for part in ("-r", name)]
    install(", ".join(plain), [python, *PIP_INSTALL, *flags], folder, venv_dir)
    if _WORKER in files:
        flags = ["--no-deps", "--ignore-requires-python", "-r", _WORKER]
        install(_WORKER, [python, *PIP_INSTALL, *flags], folder, venv_dir)


def _is_current(root: Path, wanted: Sequence[str]) -> bool:
    present = _read_stamp(root)
    if present is None or present.interpreter != _identity(root) or not os.path.exists(interpreter(root / ".venv")):
        return False
    return all(present.files.get(name) == text for name, text in _texts(root, wanted).items())


def _identity(root: Path) -> str:
    return "\n".join((sys.version, sys.base_prefix, str(root / ".venv")))


def _texts(root: Path, names: Sequence[str]) -> Texts:
    texts = {name: (root / name).read_text(encoding="utf-8", errors="surrogateescape") for name in names}
    constraints = root / CONSTRAINTS
    if constraints.is_file():
        texts[CONSTRAINTS] = constraints.read_text(encoding="utf-8", errors="surrogateescape")
    return texts


def _stamp(root: Path) -> Path:
    return root / ".venv" / "installed.json"


def _read_stamp(root: Path) -> _Installed | None:
    try:
        kept = json.loads(_stamp(root).read_text(encoding="ascii"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    match kept:
        case {"interpreter": str(name), "files": Mapping() as files}:
            return _Installed(name, {str(file): str(text) for file, text in files.items()})
    return None


def _write_stamp(root: Path, installed: _Installed) -> None:
    text = json.dumps({"interpreter": installed.interpreter, "files": installed.files}, indent=1)
    unfinished = _stamp(root).with_suffix(".new")
    unfinished.write_text(text, encoding="ascii")
    os.replace(unfinished, _stamp(root))
