import pytest

from durable_agents.mail import (
    Mailbox,
    check_message_id,
    find_machine_mark,
    read_line,
    read_mailbox,
    write_line,
    write_mailbox,
)

INJECTED = "=?utf-8?q?Order=0D=0AReply-To:_eve=40evil.example=0D=0A=0D=0A<h1>unlock</h1>?="


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("ada@example.com", Mailbox("", "ada@example.com")),
        (" <ada@example.com> ", Mailbox("", "ada@example.com")),
        ("Ada <ada@example.com>", Mailbox("Ada", "ada@example.com")),
        ("J. Smith (via Docs) <j.smith+x@a-b.example>", Mailbox("J. Smith (via Docs)", "j.smith+x@a-b.example")),
        ('"Doe, Ada" <ada@example.com>', Mailbox("Doe, Ada", "ada@example.com")),
        ('"Ada \\"A\\" Doe" <ada@example.com>', Mailbox("Ada A Doe", "ada@example.com")),
        ("=?utf-8?q?M=C3=BCller=2C_J=C3=B6rg?= <j@example.com>", Mailbox("Müller, Jörg", "j@example.com")),
        ("=?iso-8859-1?Q?J=F6?= =?utf-8?b?cmc=?= <j@example.com>", Mailbox("Jörg", "j@example.com")),
        (
            "=?utf-8?q?=3Ceve=40evil.example=3E=2C?= <ada@example.com>",
            Mailbox("<eve@evil.example>,", "ada@example.com"),
        ),
        ("Ada\r\n <ada@example.com>", Mailbox("Ada", "ada@example.com")),
        ("Ada\u200b\u202e\x07 <ada@example.com>", Mailbox("Ada", "ada@example.com")),
        ("\u3164\u115f <ada@example.com>", Mailbox("", "ada@example.com")),
        ("=?utf-8?q?Ada=EF=B8=80=E3=85=A4?= <ada@example.com>", Mailbox("Ada", "ada@example.com")),
    ],
)
def test_one_mailbox_is_read_and_read_again_from_what_it_says(text: str, mailbox: Mailbox) -> None:
    assert read_mailbox(text) == mailbox
    assert read_mailbox(str(mailbox)) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example..com",
        ".ada@example.com",
        "ada@-example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        "ada@example.com, Eve <eve@example.com>",
        "Team: ada@example.com;",
        "Doe, Ada <ada@example.com>",
        "<ada@example.com> <eve@example.com>",
        '"ada@example.com\r\n" @example.com',
        "<@relay.example:ada@example.com>",
        "jörg@example.com",
        "ada@ex\u0430mple.com",
        "ada\u200b@example.com",
        "ada@example.com\x00",
        "=?utf-8?q?x=40a.example=2Cy=40b.example=2C?=w@d.example",
        "=?utf-8?q?a=40evil.example=2Cb?=@example.com",
        "=?utf-8?q?Ada_=3Cada=40example.com=3E?=",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_not_one_ascii_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be one e-mail address"):
        read_mailbox(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Order 7", "Order 7"),
        ("Re: Grüße\nBcc: eve@example.com", "Re: Grüße Bcc: eve@example.com"),
        (INJECTED, "Order Reply-To: eve@evil.example <h1>unlock</h1>"),
        ("=?utf-8?b?PT91dGYtOD9xP2E9MERfYj89?=", "a b"),
        ("=\u200b?utf-8?q?a=0Ab?=", "a b"),
        ("=\ufe00?utf-8?q?a=0Ab?=", "a b"),
        ("Order\u3164 \u2800\U000e0100\u034f7", "Order 7"),
        ("=?utf-8?q?=0A", "= ?utf-8?q?=0A"),
        ("=?utf-8?q?a=ZZ?b?=", "a=ZZ?b"),
        ("=?no-such-charset?q?a=0Ab?=", "a=0Ab"),
        ("=?utf-8?x?a=0Ab?=", "a=0Ab"),
        ("\x1b[2Ja\x00b\x85c\u2028d\ud800e\u3000f\u202e", "[2Jab c de f"),
        ("", ""),
    ],
)
def test_a_line_is_decoded_to_the_end_and_printable(text: str, line: str) -> None:
    assert read_line(text) == line


def test_a_line_that_a_model_would_not_end_is_cut() -> None:
    assert read_line("x" * 1_000_000) == "x" * 1_000


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("Re: Order 7", "Re: Order 7"),
        ("2+2=?", "=?utf-8?b?MisyPT8=?="),
        ("Grüße", "=?utf-8?b?R3LDvMOfZQ==?="),
        ("x" * 61, f"=?utf-8?b?{'eHh4' * 15}?=\n =?utf-8?b?eHh4eHh4eHh4eHh4eHh4eA==?="),
    ],
)
def test_a_line_is_written_as_it_is_or_in_encoded_words(line: str, written: str) -> None:
    assert write_line(line) == written


def test_a_mailbox_is_written_with_its_name_quoted_or_encoded() -> None:
    assert write_mailbox(Mailbox("", "ada@example.com")) == "ada@example.com"
    assert write_mailbox(Mailbox("Doe, Ada", "ada@example.com")) == '"Doe, Ada" <ada@example.com>'
    assert write_mailbox(Mailbox("Jörg", "j@example.com")) == "=?utf-8?b?SsO2cmc=?= <j@example.com>"


@pytest.mark.parametrize("text", ["", "<a b@c>", "<a@b>\r\nBcc:eve@c", "=?utf-8?q?=0D=0ABcc:_eve=40c?=", "x" * 901])
def test_what_could_be_more_than_a_message_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a Message-ID"):
        check_message_id(text)


@pytest.mark.parametrize(
    ("headers", "mark"),
    [
        ({}, None),
        ({"Auto-Submitted": "no", "Precedence": "first-class"}, None),
        ({"X-Auto-Submitted": "auto-replied"}, None),
        ({"auto-submitted": " Auto-Replied; owner=x"}, "Auto-Submitted: auto-replied"),
        ({"Auto-Submitted": "auto-generated"}, "Auto-Submitted: auto-generated"),
        ({"PRECEDENCE": "Bulk"}, "Precedence: bulk"),
        ({"Precedence": "list"}, "Precedence: list"),
    ],
)
def test_what_a_machine_sent_says_so_in_its_headers(headers: dict[str, str], mark: str | None) -> None:
    assert find_machine_mark(headers) == mark
