"""The audit log is one chain, whoever appends at the same time, however they die, and wherever it is kept."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError

from devhost.testing.azurite import CREDENTIAL, running_azurite
from durable_agents.audit import AuditLogCheck, check_audit_log
from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage.audit_files import LocalAuditFiles, open_audit_files
from durable_agents.storage.audit_log import AuditLog, read_log
from durable_agents.storage.once_blobs import BlobCredential
from durable_agents.tests.support.blob_server import BlobServer

Place = tuple[Folder, BlobCredential | None]
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(params=["folder", "blobs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a log is kept, with what opens it."""
    if request.param == "folder":
        yield tmp_path / "audit", None
        return
    with BlobServer() as blobs:
        yield BlobFolder(blobs.url, "audit"), blobs.credential


def on_day(day: int) -> Callable[[], datetime]:
    """Return the clock of a day."""
    return lambda: NOON + timedelta(days=day)


def checked(place: Place) -> AuditLogCheck:
    """Return what is to be said of the log."""
    return check_audit_log(open_audit_files(*place))


def kept(place: Place) -> list[str]:
    """Return the ids of all entries in their order, without those that lead on."""
    return [line.id for _, line in read_log(open_audit_files(*place)) if line.continued_in is None]


def test_entries_follow_each_other_and_are_what_was_given(place: Place) -> None:
    log = AuditLog(*place, now=on_day(0))
    for number in range(3):
        log.append(f"e{number}", {"kind": "decision", "reviewer": "Zo\u00eb\U0001f600"})
    lines = [line for _, line in read_log(open_audit_files(*place))]
    assert [line.previous for line in lines] == ["0" * 64, lines[0].hash, lines[1].hash]
    whole = {"recorded_at": NOON.isoformat(), "kind": "decision", "reviewer": "Zo\u00eb\U0001f600"}
    assert [line.members for line in lines] == [
        {"previous": line.previous, "id": f"e{number}", **whole} for number, line in enumerate(lines)
    ]
    found = checked(place)
    assert (found.entries, found.last_hash, found.fault) == (3, lines[2].hash, None)


def test_writers_that_race_leave_one_chain_with_nothing_missing_and_nothing_twice(place: Place) -> None:
    writers, each = 6, 6

    def write(number: int) -> None:
        log = AuditLog(*place)
        for entry in range(each):
            log.append(f"{number}.{entry}", {"kind": "decision"})

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    ids = kept(place)
    assert sorted(ids) == sorted(f"{number}.{entry}" for number in range(writers) for entry in range(each))
    for number in range(writers):
        own = [one for one in ids if one.startswith(f"{number}.")]
        assert own == [f"{number}.{entry}" for entry in range(each)]
    assert checked(place).fault is None


def test_writers_that_race_at_midnight_close_a_file_once_and_go_on_in_one(place: Place) -> None:
    """Their clocks differ: some have the new day, some the old."""
    AuditLog(*place, now=on_day(0)).append("before", {})

    def write(number: int) -> None:
        AuditLog(*place, now=on_day(number % 2)).append(str(number), {})

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    assert sorted(kept(place)) == sorted(["before", *map(str, range(12))])
    files = open_audit_files(*place)
    assert files.names() == ["000001.jsonl", "000002-2026-11-29.jsonl"]
    ends = [line.continued_in for _, line in read_log(files) if line.continued_in]
    assert ends == ["000002-2026-11-29.jsonl"]
    assert checked(place).fault is None


def test_a_writer_that_comes_late_finds_the_end_of_the_chain(place: Place) -> None:
    old = AuditLog(*place, now=on_day(0))
    old.append("1", {})
    for day in (1, 2, 3):
        AuditLog(*place, now=on_day(day)).append(f"of day {day}", {})
    old.append("late", {})
    AuditLog(*place, now=on_day(0)).append("later", {})
    assert kept(place) == ["1", "of day 1", "of day 2", "of day 3", "late", "later"]
    assert checked(place).fault is None


def test_an_entry_that_is_appended_again_is_known_by_its_id(place: Place) -> None:
    for _ in range(3):
        AuditLog(*place).append("same", {"kind": "decision"})
    log = AuditLog(*place)
    log.append("other", {})
    log.append("same", {"kind": "decision"})
    assert kept(place) == ["same", "other"]


def test_an_entry_that_comes_again_after_a_day_counts_once_and_is_no_fault(place: Place) -> None:
    AuditLog(*place, now=on_day(0)).append("same", {})
    AuditLog(*place, now=on_day(1)).append("other", {})
    AuditLog(*place, now=on_day(1)).append("same", {})
    found = checked(place)
    assert (found.entries, found.repeated, found.fault) == (2, 1, None)


def test_a_blob_that_is_full_is_closed() -> None:
    with BlobServer() as blobs:
        folder = BlobFolder(blobs.url, "audit")
        log = AuditLog(folder, blobs.credential, now=on_day(0))
        log.append("1", {})
        blobs.appends["audit/000001.jsonl"] = 40_000
        log.append("2", {})
        log.append("3", {})
        assert open_audit_files(folder, blobs.credential).names() == ["000001.jsonl", "000002-2026-11-28.jsonl"]
        assert kept((folder, blobs.credential)) == ["1", "2", "3"]
        assert checked((folder, blobs.credential)).fault is None


def test_a_store_that_refuses_takes_nothing_and_says_so_and_takes_it_later() -> None:
    with BlobServer() as blobs:
        log = AuditLog(BlobFolder(blobs.url, "audit"), blobs.credential)
        blobs.refuses = True
        with pytest.raises(AzureError):
            log.append("1", {})
        blobs.refuses = False
        log.append("1", {})
        assert kept((BlobFolder(blobs.url, "audit"), blobs.credential)) == ["1"]


def test_an_answer_that_is_lost_appends_nothing_twice() -> None:
    """The client sends the append again, and the condition does not hold any more."""
    with BlobServer() as blobs:
        log = AuditLog(BlobFolder(blobs.url, "audit"), blobs.credential)
        log.append("1", {})
        blobs.loses_answers = 2
        log.append("2", {})
        assert kept((BlobFolder(blobs.url, "audit"), blobs.credential)) == ["1", "2"]


def test_what_a_process_has_written_in_part_is_removed_by_the_next(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("1", {})
    with (tmp_path / "000001.jsonl").open("ab") as file:
        file.write(b'{"previous":"torn')
    assert [line.id for _, line in read_log(LocalAuditFiles(tmp_path))] == ["1"]
    AuditLog(tmp_path).append("2", {})
    assert kept((tmp_path, None)) == ["1", "2"]
    assert checked((tmp_path, None)).fault is None


def test_processes_append_to_one_chain_and_those_that_are_killed_break_none(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from durable_agents.storage.audit_log import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]))\n"
        "for number in range(int(sys.argv[3])):\n"
        "    log.append(f'{sys.argv[2]}.{number}', {}); print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    killed = subprocess.Popen([*command, "k", "100000"], stdout=subprocess.PIPE, text=True)
    others = [subprocess.Popen([*command, name, "30"], stdout=subprocess.DEVNULL) for name in "ab"]
    assert killed.stdout is not None
    told = [killed.stdout.readline() for _ in range(10)]
    killed.kill()
    told += killed.stdout.readlines()
    assert [process.wait() for process in others] == [0, 0]
    killed.wait()
    AuditLog(tmp_path).append("last", {})
    ids = kept((tmp_path, None))
    assert len(ids) == len(set(ids))
    assert {f"{name}.{number}" for name in "ab" for number in range(30)} <= set(ids)
    # Each that was told is there; the one that it died with may be.
    assert {f"k.{number.strip()}" for number in told} <= set(ids)
    assert sum(one.startswith("k.") for one in ids) - len(told) in (0, 1)
    assert checked((tmp_path, None)).fault is None


@pytest.fixture
def three_days(tmp_path: Path) -> Path:
    """A log of three files, each with three entries."""
    for day in range(3):
        log = AuditLog(tmp_path, now=on_day(day))
        for entry in range(3):
            log.append(f"{day}.{entry}", {"kind": "decision", "approved": False})
    return tmp_path


def lines_of(file: Path) -> list[bytes]:
    """Return the lines of a file."""
    return file.read_bytes().splitlines(keepends=True)


def test_a_changed_entry_is_named(three_days: Path) -> None:
    file = three_days / "000002-2026-11-29.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"approved":false', b'"approved":true', 1))
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert (fault.file, fault.line, fault.id) == ("000002-2026-11-29.jsonl", 1, "1.0")
    assert "not as it was written" in fault.reason


def test_a_changed_entry_with_a_hash_that_fits_is_told_by_the_next(three_days: Path) -> None:
    from durable_agents.storage.audit_lines import read_line, write_line

    file = three_days / "000001.jsonl"
    lines = lines_of(file)
    entry = read_line(lines[1].rstrip())
    members = {**entry.members, "approved": True}
    del members["previous"]
    lines[1] = write_line(entry.previous, members)
    file.write_bytes(b"".join(lines))
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert (fault.file, fault.line, fault.id) == ("000001.jsonl", 3, "0.2")
    assert "does not follow" in fault.reason


@pytest.mark.parametrize(
    ("name", "index", "named"),
    [("000001.jsonl", 0, "0.1"), ("000001.jsonl", 1, "0.2"), ("000002-2026-11-29.jsonl", 3, "2.0")],
)
def test_a_removed_entry_is_missed(three_days: Path, name: str, index: int, named: str) -> None:
    file = three_days / name
    lines = lines_of(file)
    del lines[index]
    file.write_bytes(b"".join(lines))
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert fault.id == named


@pytest.mark.parametrize("name", ["000001.jsonl", "000002-2026-11-29.jsonl"])
def test_a_removed_file_is_missed(three_days: Path, name: str) -> None:
    (three_days / name).unlink()
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert fault.id == {"000001.jsonl": "1.0", "000002-2026-11-29.jsonl": "2.0"}[name]


def test_a_last_file_that_was_removed_is_missed(three_days: Path) -> None:
    (three_days / "000003-2026-11-30.jsonl").unlink()
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert "000003-2026-11-30.jsonl" in fault.reason


def test_what_was_cut_off_is_missed_by_whoever_knows_the_hash_of_an_entry(three_days: Path) -> None:
    last = checked((three_days, None)).last_hash
    file = three_days / "000003-2026-11-30.jsonl"
    file.write_bytes(b"".join(lines_of(file)[:-1]))
    assert check_audit_log(LocalAuditFiles(three_days)).fault is None
    fault = check_audit_log(LocalAuditFiles(three_days), last).fault
    assert fault is not None
    assert last in fault.reason


@pytest.mark.parametrize("rubbish", [b"\n", b"[]\n", b"\xff\xfe\n", b'{"id":1}\n', b"[" * 100_000 + b"\n"])
def test_the_log_goes_on_behind_rubbish_and_the_check_names_that(three_days: Path, rubbish: bytes) -> None:
    file = three_days / "000003-2026-11-30.jsonl"
    with file.open("ab") as open_file:
        open_file.write(rubbish)
    AuditLog(three_days, now=on_day(2)).append("after", {})
    assert kept((three_days, None))[-1] == "after"
    fault = checked((three_days, None)).fault
    assert fault is not None
    assert (fault.file, fault.line) == (file.name, 4)


def test_the_command_says_whether_the_log_holds(three_days: Path) -> None:
    command = [sys.executable, "-m", "durable_agents.audit", str(three_days)]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert "9 entries" in good.stdout
    file = three_days / "000001.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"approved":false', b'"approved":true', 1))
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "000001.jsonl, line 1" in bad.stdout
    assert json.loads(lines_of(file)[0])["id"] in bad.stdout


def test_a_log_that_is_not_there_is_not_taken_for_one_that_fits(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "durable_agents.audit", str(tmp_path / "audits")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"There is no entry in {tmp_path / 'audits'}. ")


def test_the_log_is_one_chain_in_azurite_too(tmp_path: Path) -> None:
    from azure.storage.blob import ContainerClient

    with running_azurite("blob", tmp_path) as url:
        with ContainerClient(url, "audit", credential=CREDENTIAL) as container:
            container.create_container()
        place: Place = BlobFolder(url, "audit"), CREDENTIAL

        def write(number: int) -> None:
            for entry in range(5):
                AuditLog(*place, now=on_day(entry > 2)).append(f"{number}.{entry}", {})

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        assert sorted(kept(place)) == sorted(f"{number}.{entry}" for number in range(6) for entry in range(5))
        assert checked(place).fault is None
