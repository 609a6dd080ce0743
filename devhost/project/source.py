"""Where an upgrade comes from: a folder, or an archive that is unpacked without trust in its names."""

import contextlib
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

_MOST_BYTES = 500_000_000


class SourceError(Exception):
    """There is no such folder or archive, it is damaged, or no project of this template is in it."""


@contextlib.contextmanager
def opened(source: Path) -> Iterator[Path]:
    """Give the folder of the project in `source`: a folder, a .zip or a .tar.gz, unpacked as long as it is used.

    Raises:
        SourceError: It cannot be used; the message says why.
    """
    if source.is_dir():
        yield _project_in(source, source)
        return
    if not source.is_file():
        raise SourceError(f"there is neither a folder nor an archive {source}")
    with tempfile.TemporaryDirectory(prefix="upgrade-") as folder:
        try:
            _unpack(source, Path(folder))
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as ex:
            raise SourceError(f"{source.name} cannot be unpacked: {ex}") from ex
        yield _project_in(Path(folder), source)


def _unpack(source: Path, folder: Path) -> None:
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            _check_zip(archive)
            archive.extractall(folder)
    elif tarfile.is_tarfile(source):
        if not hasattr(tarfile, "data_filter"):
            raise SourceError(
                "This Python cannot unpack a tar archive safely. Take one from 3.11.4 on, a .zip or a folder."
            )
        with tarfile.open(source) as archive_of_tar:
            if sum(member.size for member in archive_of_tar) > _MOST_BYTES:
                raise SourceError(f"{source.name} holds more than a project has")
            archive_of_tar.extractall(folder, filter="data")
    else:
        raise SourceError(f"{source.name} is neither a .zip nor a .tar.gz")


def _check_zip(archive: zipfile.ZipFile) -> None:
    """Refuse what extractall() would put right in silence, and links."""
    for member in archive.infolist():
        name = member.filename
        parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
        if ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
            raise SourceError(f"the archive has a file outside of its folder: {name!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise SourceError(f"the archive has a link: {name!r}")
    if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
        raise SourceError("the archive holds more than a project has")


def _project_in(folder: Path, source: Path) -> Path:
    """Return the folder that has the libraries: this one, or one in it, as archives of GitHub have it."""
    for candidate in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        if all((candidate / name).exists() for name in ("dev.py", "durable_agents", "devhost")):
            return candidate
    raise SourceError(f"{source.name} is no version of this template: it has no dev.py, durable_agents/ and devhost/")
