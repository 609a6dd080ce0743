"""dev.py upgrade, run as a process between made-up versions of a template."""

import gzip
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from devhost.project import manifest
from devhost.tests.unit.project.small_project import dev
from devhost.tests.unit.project.template import LIBRARIES, make_template, release, snapshot, write

NEWS = {
    "requirements.txt": "-c constraints.txt\nhttpx==2.0\nredis==5.0\n",
    "constraints.txt": "anyio==2.0\nidna==3.0\n",
    "devhost/requirements.txt": "uvloop==2.0\n",
    "durable_agents/new.py": "",
}


DAMAGED = gzip.compress(b"x" * 10_000)[:20] + b"?" * 200


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of version 0.2.0, with something of the user's in it."""
    template = make_template(tmp_path / "template")
    assert dev(template, "new", str(tmp_path / "shop"))[0] == 0
    shop = tmp_path / "shop"
    write(shop, {"requirements.txt": "-c constraints.txt\n# mine\nhttpx[http2]==1.0  # for the shop\nmine==7.0\n"})
    write(shop, {"agents/critic.py": "mine"})
    return shop


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The template, one version later."""
    return make_template(tmp_path / "newer", "0.3.0", NEWS)


def test_the_libraries_are_replaced_whole_and_what_is_mine_stays(project: Path, newer: Path) -> None:
    before = snapshot(project)
    status, output = dev(project, "upgrade", str(newer))
    assert status == 0, output
    after, theirs = snapshot(project), snapshot(newer)
    for name in after:
        if name.startswith(manifest.LIBRARIES) or name == "dev.py":
            assert after[name] == theirs[name]
        elif name not in {"requirements.txt", "constraints.txt"}:
            assert after[name] == before[name]
    assert "durable_agents/new.py" in after and "durable_agents/tests/test_app.py" not in after
    assert after.keys() - before.keys() == {"durable_agents/new.py"} and not before.keys() - after.keys()


def test_their_pins_win_new_ones_come_and_my_lines_stay(project: Path, newer: Path) -> None:
    status, output = dev(project, "upgrade", str(newer))
    assert status == 0, output
    requirements = (project / "requirements.txt").read_text().splitlines()
    assert requirements == [
        "-c constraints.txt",
        "# mine",
        "httpx[http2]==2.0  # for the shop",
        "mine==7.0",
        "redis==5.0",
    ]
    assert (project / "constraints.txt").read_text() == "# all\nanyio==2.0\nidna==3.0\n"
    assert "httpx[http2]==1.0 -> httpx[http2]==2.0" in output and "+ redis==5.0" in output


def test_it_tells_what_is_new_since_the_present_version(project: Path, newer: Path) -> None:
    _, output = dev(project, "upgrade", str(newer))
    assert "Brings three." in output and "Hosts faster." in output
    assert "Brings two." not in output and "0.2.0 -> 0.3.0" in output


def test_edited_libraries_are_named_and_nothing_is_changed(project: Path, newer: Path) -> None:
    write(project, {"durable_agents/app.py": "fixed", "devhost/extra.py": ""})
    (project / "durable_agents" / "docs" / "agents.md").unlink()
    with (project / "dev.py").open("a") as file:
        file.write("# mine\n")
    before = snapshot(project)
    status, output = dev(project, "upgrade", str(newer))
    assert status == 1 and snapshot(project) == before
    for line in (
        "edited: durable_agents/app.py",
        "added: devhost/extra.py",
        "deleted: durable_agents/docs/agents.md",
        "edited: dev.py",
    ):
        assert line in output


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
def test_without_a_manifest_it_says_what_to_do(project: Path, newer: Path, text: str | None) -> None:
    path = project / "durable_agents" / manifest.NAME
    path.unlink() if text is None else path.write_text(text)
    before = snapshot(project)
    status, output = dev(project, "upgrade", str(newer))
    assert status == 1 and snapshot(project) == before
    assert manifest.NAME in output and "dev.py new" in output and len(output.splitlines()) == 1


def test_line_ends_of_windows_are_no_edit(project: Path, newer: Path) -> None:
    path = project / "durable_agents" / "app.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert dev(project, "upgrade", str(newer))[0] == 0


def test_an_older_version_and_the_same_one_change_nothing(project: Path, tmp_path: Path) -> None:
    before = snapshot(project)
    status, output = dev(project, "upgrade", str(make_template(tmp_path / "older", "0.1.9")))
    assert status == 1 and "0.2.0" in output and "0.1.9" in output and len(output.splitlines()) == 1
    status, output = dev(project, "upgrade", str(tmp_path / "template"))
    assert status == 0 and "nothing to do" in output
    assert snapshot(project) == before


def test_what_is_damaged_is_not_taken(project: Path, newer: Path) -> None:
    write(newer, {"durable_agents/app.py": "half"})
    before = snapshot(project)
    status, output = dev(project, "upgrade", str(newer))
    assert status == 1 and "durable_agents/app.py" in output and snapshot(project) == before


def zipped(folder: Path) -> Path:
    """Pack a folder as GitHub does, below one folder."""
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def tarred(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "gztar", folder.parent, folder.name))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_does_as_well(project: Path, newer: Path, pack: object) -> None:
    assert callable(pack)
    status, output = dev(project.parent / "shop", "upgrade", pack(newer).name, cwd=newer.parent)
    assert status == 0, output
    assert (project / "durable_agents" / "app.py").read_text() == "VERSION = '0.3.0'\n"


def evil_zip(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "evil")


def evil_tar(path: Path, name: str) -> None:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))


@pytest.mark.parametrize("name", ["../evil.txt", "x/../../evil.txt", "..\\evil.txt"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_cannot_write_elsewhere(project: Path, kind: str, name: str) -> None:
    archive = project.parent / f"evil.{kind}"
    (evil_zip if kind == "zip" else evil_tar)(archive, name)
    before = snapshot(project.parent)
    status, output = dev(project, "upgrade", str(archive))
    assert status == 1 and len(output.splitlines()) == 1 and "Nothing was changed" in output
    assert snapshot(project.parent) == before


@pytest.mark.parametrize("content", [None, b"no archive", b"PK\x05\x06" + b"\0" * 18, DAMAGED])
def test_what_is_no_version_of_the_template_is_one_sentence(project: Path, content: bytes | None) -> None:
    path = project.parent / "other.zip"
    if content is not None:
        path.write_bytes(content)
    status, output = dev(project, "upgrade", str(path))
    assert status == 1 and len(output.splitlines()) == 1 and "other.zip" in output
    status, output = dev(project, "upgrade", str(project / "agents"))
    assert status == 1 and len(output.splitlines()) == 1 and "no version of this template" in output


def test_a_clone_takes_the_tests_of_the_libraries_too(tmp_path: Path, newer: Path) -> None:
    clone = make_template(tmp_path / "clone")
    status, output = dev(clone, "upgrade", str(newer))
    assert status == 0, output
    for name in LIBRARIES:
        assert (clone / name).read_bytes() == (newer / name).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_anywhere_it_leaves_the_old_or_the_new_after_the_next_command(project: Path, newer: Path) -> None:
    """Killed while it copies, and before each rename and many of the removals that it makes."""
    old = snapshot(project)
    done = shutil.copytree(project, project.parent / "done")
    assert dev(done, "upgrade", str(newer))[0] == 0
    new = snapshot(done)
    outcomes = []
    kills = {"shutil.copyfile": 0, "os.rename": 0, "os.remove": 0}
    copies = [("shutil.copyfile", at) for at in (1, 20, 40)]
    moves = [("os.rename", at) for at in range(1, 9)]
    for event, at in [*copies, *moves, *(("os.remove", at) for at in (1, 2, 5, 30))]:
        victim = shutil.copytree(project, project.parent / "victim")
        killed = killed_at(event, at, victim, newer)
        status, output = dev(victim, "nonsense")
        assert status == 1 and "no command" in output, output
        status, output = dev(victim, "release")
        assert status == 0, output
        outcomes.append(snapshot(victim) == new)
        assert outcomes[-1] or snapshot(victim) == old
        shutil.rmtree(victim)
        kills[event] += killed
    assert kills == {"shutil.copyfile": 3, "os.rename": 7, "os.remove": 4}
    assert outcomes == [False] * 3 + [True] * (len(outcomes) - 3)


def killed_at(event: str, at: int, project: Path, source: Path) -> bool:
    """Run an upgrade that is killed before its n-th change of this kind, and say whether it came to that."""
    program = (
        "import os, runpy, signal, sys\n"
        "left = [int(sys.argv[1])]\n"
        "def hook(event, arguments):\n"
        "    if event == wanted:\n"
        "        left[0] -= 1\n"
        "        if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.dont_write_bytecode = True\n"
        "wanted, sys.argv = sys.argv[2], sys.argv[3:]\n"
        "sys.addaudithook(hook)\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    command = [sys.executable, "-c", program, str(at), event, str(project / "dev.py"), "upgrade", str(source)]
    status = subprocess.run(command, capture_output=True).returncode
    assert status in {0, -signal.SIGKILL}
    return status != 0


def test_what_was_released_is_what_sha256sum_checks(tmp_path: Path) -> None:
    folder = make_template(tmp_path / "template")
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("there is no sha256sum here")
    for library in manifest.LIBRARIES:
        done = subprocess.run([program, "-c", manifest.NAME], cwd=folder / library, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert "../dev.py: OK" in done.stdout


def test_a_release_lists_what_is_there_now(tmp_path: Path) -> None:
    folder = make_template(tmp_path / "template")
    write(folder, {"devhost/later.py": "", "devhost/tests/test_later.py": "", "devhost/build/x": ""})
    assert [str(one) for one in manifest.differences(folder, "devhost")] == ["added: devhost/later.py"]
    release(folder)
    assert manifest.differences(folder, "devhost") == []
