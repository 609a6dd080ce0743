"""What is too large for a history is kept beside it, by what nobody else can write, and goes with its run."""

import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from durable_agents.seal import NoSealKeyError, Seal
from durable_agents.settings.groups import BlobFolder, Folder
from durable_agents.storage import claim_check
from durable_agents.storage.claim_check import ClaimCheck, PayloadError

LARGE: list[Any] = [
    {"text": "ä\ud800" * 100},
    ["x" * 200],
    "x" * 200,
    {"$payload": "x" * 200},
    {"$caller": {"a": "x" * 200}},
]
SMALL: list[Any] = [{"text": "ä"}, ["x"], "x", 1, None, {"$payload": {}}, {"$caller": {"run": "r", "seal": ""}}]


def claims_at(folder: Folder, largest: int | None = 100, key: bytes = b"key", **more: Any) -> ClaimCheck:
    """Return what another process of the app would have: the same folder and key, and nothing remembered."""
    return ClaimCheck(folder, Seal(lambda: [key]), largest, **more)


def travelled(value: Any) -> Any:
    """Return the value as a history gives it back."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("value", LARGE)
def test_a_large_payload_is_kept_and_found_again(value: Any, tmp_path: Path) -> None:
    short = claims_at(tmp_path).shorten("run-1", value)
    assert len(json.dumps(short)) < 300
    assert short.keys() == {"$payload"}
    assert claims_at(tmp_path).restore("run-1", travelled(short)) == value


@pytest.mark.parametrize("value", SMALL)
def test_a_small_one_travels_as_it_is(value: Any, tmp_path: Path) -> None:
    claims = claims_at(tmp_path)
    assert claims.shorten("run-1", value) == value
    assert claims.restore("run-1", value) == value
    assert claims.caller_of(value) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", SMALL + LARGE)
def test_while_nothing_can_be_sealed_a_call_sends_the_value_as_it_is(value: Any, tmp_path: Path) -> None:
    def no_key() -> list[None]:
        return [None]

    assert ClaimCheck(tmp_path, Seal(no_key), 100).call("run-1", value, "run-1") == value
    reference = claims_at(tmp_path).shorten("run-1", "x" * 200)
    with pytest.raises(NoSealKeyError):
        ClaimCheck(tmp_path, Seal(no_key), 100).restore("run-1", reference)


@pytest.mark.parametrize("value", SMALL + LARGE)
def test_a_call_names_its_caller_and_brings_the_value(value: Any, tmp_path: Path) -> None:
    claims = claims_at(tmp_path)
    sent = travelled(claims.call("run-1", value, "run-1"))
    assert claims.caller_of(sent) == "run-1"
    assert claims_at(tmp_path).restore("run-1", sent) == value
    assert claims.call("run-1", value, "run-1") == sent


def test_without_a_limit_nothing_is_put_aside_and_what_was_is_still_found(tmp_path: Path) -> None:
    short, without = claims_at(tmp_path).shorten("run-1", LARGE[0]), claims_at(tmp_path, None)
    without.add_reader("activity", "ship")
    assert not without.is_reader("activity", "ship")
    assert without.shorten("run-1", LARGE[0]) == LARGE[0]
    assert without.restore("run-1", short) == LARGE[0]


def test_members_can_stay_beside_what_is_kept(tmp_path: Path) -> None:
    value = {"fingerprint": "f", "text": "x" * 200}
    short = claims_at(tmp_path).shorten("run-1", value, beside=("fingerprint", "webhook"))
    assert (short.keys(), short["fingerprint"]) == ({"$payload", "fingerprint"}, "f")
    assert claims_at(tmp_path).restore("run-1", short) == value
    long = {"fingerprint": "f" * 20_000, "text": ""}
    assert claims_at(tmp_path).shorten("run-1", long, beside=("fingerprint",)).keys() == {"$payload"}


@pytest.mark.parametrize(
    "change",
    [
        {"run": "run-2"},
        {"sha256": "0" * 64},
        {"bytes": 1},
        {"seal": ""},
        {"seal": "0" * 64},
        {"more": 1},
        {"bytes": "1"},
    ],
)
def test_what_was_changed_is_no_reference(change: dict[str, Any], tmp_path: Path) -> None:
    claims = claims_at(tmp_path)
    genuine = claims.shorten("run-1", LARGE[0])["$payload"]
    forged = {"$payload": {**genuine, **change}}
    assert claims.restore("run-1", forged) == forged
    assert claims_at(tmp_path, key=b"other").restore("run-1", {"$payload": genuine}) == {"$payload": genuine}
    # Each kind of seal is for its own place.
    named = claims.call("run-1", {}, "run-1")["$caller"]
    assert claims.restore("run-1", {"$payload": named}) == {"$payload": named}
    assert claims.caller_of({"$caller": genuine}) is None


def test_a_payload_that_is_missing_or_altered_is_an_error(tmp_path: Path) -> None:
    short = claims_at(tmp_path).shorten("run-1", LARGE[0])
    (file,) = tmp_path.glob("run-1/*")
    file.write_text("null")
    with pytest.raises(PayloadError, match=r"of run 'run-1' is not what was written"):
        claims_at(tmp_path).restore("run-1", short)
    file.unlink()
    with pytest.raises(PayloadError, match=r"'run-2' refers to a payload of \d+ bytes that is missing: .* 'run-1'"):
        claims_at(tmp_path).restore("run-2", short)


def assert_runs_keep_their_own(folder: Folder, **more: Any) -> None:
    """Let a child read what its parent has sent, and see who still has it when the other is deleted."""
    sent = {run: claims_at(folder, **more).shorten(run, LARGE[0]) for run in ("run-1", "run-12", "run:1")}
    assert claims_at(folder, **more).restore("child", sent["run-1"]) == LARGE[0]
    assert claims_at(folder, **more).restore("other", sent["run-1"], keeps=True) == LARGE[0]
    for _ in range(2):
        claims_at(folder, **more).forget("run-1")
    assert claims_at(folder, **more).restore("other", sent["run-1"]) == LARGE[0]
    assert claims_at(folder, **more).restore("run-12", sent["run-12"]) == LARGE[0]
    assert claims_at(folder, **more).restore("run:1", sent["run:1"]) == LARGE[0]
    for run in ("run-1", "child"):
        with pytest.raises(PayloadError, match="missing"):
            claims_at(folder, **more).restore(run, sent["run-1"])
    assert claims_at(folder, **more).shorten("run-1", LARGE[0], is_repeated=True) == sent["run-1"]
    assert claims_at(folder, **more).restore("run-1", sent["run-1"]) == LARGE[0]


def test_in_a_folder_each_run_has_its_own(tmp_path: Path) -> None:
    assert_runs_keep_their_own(tmp_path / "payloads")


def test_in_blob_storage_each_run_has_its_own(account_url: str, credential: AzureNamedKeyCredential) -> None:
    with ContainerClient(account_url, "payloads", credential=credential) as container:
        container.create_container()
        assert_runs_keep_their_own(BlobFolder(account_url, "payloads"), credential=credential)
        names = sorted(name.split("/")[0] for name in container.list_blob_names())
        assert (len(names), names[-3:]) == (4, ["other", "run-1", "run-12"])


def test_what_a_replay_repeats_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = claims_at(tmp_path)
    claims.shorten("run-1", LARGE[0])
    (file,) = tmp_path.glob("run-1/*")
    file.unlink()
    claims.shorten("run-1", LARGE[0], is_repeated=True)
    assert not file.exists()
    claims.shorten("run-1", LARGE[0])
    assert file.exists()


def test_a_process_remembers_the_last_ones_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_check, "_REMEMBERED_CHARACTERS", 700)
    claims = claims_at(tmp_path)
    short = [claims.shorten("run-1", "x" * size) for size in (200, 201, 202, 203)]
    for file in tmp_path.glob("run-1/*"):
        file.unlink()
    assert claims.restore("run-1", short[3]) == "x" * 203
    with pytest.raises(PayloadError):
        claims.restore("run-1", short[0])
    claims.forget("run-1")
    with pytest.raises(PayloadError):
        claims.restore("run-1", short[3])
