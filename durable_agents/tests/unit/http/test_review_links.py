import base64
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from durable_agents.http.links import Links
from durable_agents.http.review_links import ForgedLinkError, LinkClaims, LinkSigner, NoLinkKeyError
from durable_agents.settings.groups import ApprovalLinkSettings

KEY, NEW_KEY = "k" * 32, "n" * 32
LINKS = Links("v1", public_url="https://app.example.com/")
CLAIMS = LinkClaims(
    instance_id="run-1",
    request_id="r1",
    content_hash="0" * 64,
    expires_at=datetime(2026, 1, 2, tzinfo=UTC),
    reviewer="José",
)


def signer(key: str | None = KEY, previous_key: str | None = None, key_file: Path = Path("unused")) -> LinkSigner:
    return LinkSigner(ApprovalLinkSettings(key_file, key, previous_key), LINKS)


def test_a_link_says_what_it_is_about() -> None:
    url = signer().url(CLAIMS)
    # What follows the "#" is sent to no server.
    page, _, token = url.partition("#")
    assert page == "https://app.example.com/v1/review"
    assert signer().read(token) == CLAIMS
    assert signer().sign(CLAIMS) == token


def test_a_token_with_any_one_character_changed_is_forged() -> None:
    token = signer().sign(CLAIMS)
    for position, character in enumerate(token):
        for other in "A-_.=%0 z\n":
            if other != character:
                with pytest.raises(ForgedLinkError):
                    signer().read(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "a." + "b" * 43, "." + "b" * 43, "é." + "b" * 43, "x" * 10_000])
def test_what_is_no_token_is_forged(token: str) -> None:
    with pytest.raises(ForgedLinkError):
        signer().read(token)


def test_a_token_cut_off_anywhere_is_forged() -> None:
    token = signer().sign(CLAIMS)
    for length in range(len(token)):
        with pytest.raises(ForgedLinkError):
            signer().read(token[:length])


@pytest.mark.parametrize("changed", ["instance_id", "request_id", "content_hash", "expires_at", "reviewer"])
def test_the_signature_of_one_link_does_not_fit_other_claims(changed: str) -> None:
    signature = signer().sign(CLAIMS).partition(".")[2]
    claims = json.loads(CLAIMS.model_dump_json()) | {changed: "2027-01-01T00:00:00Z"}
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(ForgedLinkError):
        signer().read(f"{text}.{signature}")


def test_keys_rotate() -> None:
    old = signer(KEY).sign(CLAIMS)
    rotated = signer(NEW_KEY, previous_key=KEY)
    assert rotated.read(old) == CLAIMS
    assert rotated.sign(CLAIMS) != old
    assert signer(NEW_KEY).read(rotated.sign(CLAIMS)) == CLAIMS
    with pytest.raises(ForgedLinkError):
        signer(NEW_KEY).read(old)


def test_without_a_key_this_machine_makes_one_that_outlives_the_process(tmp_path: Path) -> None:
    key_file = tmp_path / "state" / "link.key"
    token = signer(None, key_file=key_file).sign(CLAIMS)
    assert signer(None, key_file=key_file).read(token) == CLAIMS
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert os.listdir(key_file.parent) == ["link.key"]
    key_file.unlink()
    with pytest.raises(ForgedLinkError):
        signer(None, key_file=key_file).read(token)


def test_processes_that_make_a_key_at_the_same_time_agree_on_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from durable_agents.http.review_links import _key_of_this_machine as key;"
        "sys.stdout.write(key(Path(sys.argv[1])).decode())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "link.key")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    keys = {process.communicate()[0] for process in processes}
    assert len(keys) == 1
    assert len(keys.pop()) == 64


@pytest.mark.parametrize("previous", [None, NEW_KEY])
def test_without_the_key_of_the_vault_nothing_is_signed_and_no_file_takes_its_place(
    previous: str | None, tmp_path: Path
) -> None:
    waiting = LinkSigner(ApprovalLinkSettings(tmp_path / "key", None, previous, ("APPROVAL_LINK_KEY",)), LINKS)
    for act in (waiting.check, lambda: waiting.sign(CLAIMS), lambda: waiting.read(signer(KEY).sign(CLAIMS))):
        with pytest.raises(NoLinkKeyError, match="APPROVAL_LINK_KEY: the key vault has not given"):
            act()
    with pytest.raises(ForgedLinkError):
        waiting.read("no token")
    assert list(tmp_path.iterdir()) == []


def test_a_link_of_the_key_that_is_known_counts_although_the_other_is_not() -> None:
    files = Path("unused")
    with_old = LinkSigner(ApprovalLinkSettings(files, None, NEW_KEY, ("APPROVAL_LINK_KEY",)), LINKS)
    with_new = LinkSigner(ApprovalLinkSettings(files, KEY, None, ("APPROVAL_LINK_PREVIOUS_KEY",)), LINKS)
    assert with_old.read(signer(NEW_KEY).sign(CLAIMS)) == CLAIMS
    assert with_new.read(with_new.sign(CLAIMS)) == CLAIMS
    with pytest.raises(NoLinkKeyError, match="APPROVAL_LINK_PREVIOUS_KEY"):
        with_new.read(signer(NEW_KEY).sign(CLAIMS))
