"""Modules that were imported from elsewhere under the names of modules of the app."""

import sys
from pathlib import Path
from types import ModuleType


def forget_namesakes(app_root: Path) -> None:
    """Forget each module that the app has one of the same name for, unless it is installed: the app gets its own.

    The durable SDK looks for a package `agents`, that of OpenAI, and with `python -m devhost` finds any that is in the
    current folder.
    """
    kept = [path.resolve() for path in (app_root, Path(sys.prefix), Path(sys.base_prefix))]
    names = {path.stem for path in app_root.iterdir()} - {"devhost"}
    for name, module in list(sys.modules.items()):
        paths = _paths_of(module) if name.partition(".")[0] in names else []
        if paths and not any(path.is_relative_to(folder) for path in paths for folder in kept):
            del sys.modules[name]


def _paths_of(module: ModuleType) -> list[Path]:
    """Return where a module is; a folder without `__init__.py` has no file."""
    file = getattr(module, "__file__", None)
    return [Path(path).resolve() for path in ([file] if file else getattr(module, "__path__", ()))]
