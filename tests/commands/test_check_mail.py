"""`prefcenter check --eml`: a mail as it goes out, each finding on a line with what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.commands.conftest import Console

DKIM = (
    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n"
    " h=from:to:subject:date:list-unsubscribe:List-Unsubscribe-Post; bh=abc=; b=def"
)
Mail = Callable[..., bytes]


@pytest.fixture
def mail(local_console: Console) -> Mail:
    """A mail that a tool sends with what `prefcenter links` made."""
    local_console.ok("apply")
    made = local_console.ok("links", "--purpose", "newsletter", stdin=b"email\nada@example.com\n").out
    url, _, where, how, list_id, feedback = re.findall(
        r'(?:^|,)("(?:[^"]|"")*"|[^,\n]*)', made.splitlines()[1]
    )[1:7]
    fields = {
        "From": "Example Ltd <news@example.com>",
        "To": "ada@example.com",
        "Subject": "What is new",
        "Date": "Tue, 24 Nov 2026 10:00:00 +0000",
        "Message-ID": "<1@example.com>",
        "List-Unsubscribe": where.replace("http://localhost:8000", "https://prefs.example.com"),
        "List-Unsubscribe-Post": how,
        "List-ID": list_id.strip('"').replace('""', '"').replace("localhost", "prefs.example.com"),
        "Feedback-ID": feedback,
        "DKIM-Signature": DKIM,
    }

    def made_of(body: str = f"Unsubscribe: {url}", more: str = "", **changes: str | None) -> bytes:
        changed = fields | {name.replace("_", "-"): value for name, value in changes.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in changed.items() if value is not None)
        return f"{head}{more}\r\n{body}\r\n".encode()

    return made_of


def checked(console: Console, raw: bytes) -> tuple[int, str]:
    (console.folder / "mail.eml").write_bytes(raw)
    ran = console.run("check", "--eml", "mail.eml")
    assert ran.err == ""
    return ran.code, ran.out


def test_a_mail_as_it_should_be_has_nothing_to_mend(local_console: Console, mail: Mail) -> None:
    code, said = checked(local_console, mail())
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == ["ok", "ok"], said
    assert "its signature is right" in said and "covers both fields" in said


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"List_Unsubscribe": None}, "List-Unsubscribe", "is missing"),
        ({"List_Unsubscribe_Post": None}, "List-Unsubscribe-Post", "is missing"),
        ({"List_ID": None}, "List-ID", "is missing"),
        ({"From": None}, "From", "is missing"),
        ({"more": "List-Unsubscribe: <https://example.net/u>\r\n"}, "List-Unsubscribe", "is there 2 times"),
        ({"more": "From: eve@example.com\r\n"}, "From", "is there 2 times"),
        ({"more": "List-Id: <a.example.com>\r\n"}, "List-ID", "is there 2 times"),
        ({"List_Unsubscribe": "https://example.com/u"}, "List-Unsubscribe", "angle brackets"),
        ({"List_Unsubscribe": "<mailto:stop@example.com>"}, "List-Unsubscribe", "exactly one https URI"),
        ({"List_Unsubscribe": "<http://example.com/u>"}, "List-Unsubscribe", "exactly one https URI"),
        (
            {"List_Unsubscribe": "<https://a.example/>, <https://b.example/>"},
            "List-Unsubscribe",
            "exactly one",
        ),
        ({"List_Unsubscribe": "=?utf-8?q?=3Chttps://a.example=3E?="}, "List-Unsubscribe", "is encoded"),
        ({"List_Unsubscribe_Post": "list-unsubscribe=one-click"}, "List-Unsubscribe-Post", "must be exactly"),
        ({"List_ID": "Product newsletter"}, "List-ID", "must be"),
        ({"DKIM_Signature": None}, "DKIM-Signature", "is missing"),
        (
            {"DKIM_Signature": DKIM.replace(":List-Unsubscribe-Post", "")},
            "DKIM-Signature",
            "List-Unsubscribe-Post;",
        ),
        (
            {"DKIM_Signature": "v=1; d=example.com"},
            "DKIM-Signature",
            "List-Unsubscribe and List-Unsubscribe-Post",
        ),
        ({"body": "a" * 999}, "a line", "has 999 octets"),
    ],
)
def test_each_fault_is_a_line_that_says_what_to_do(
    local_console: Console, mail: Mail, changes: dict[str, str | None], field: str, said: str
) -> None:
    code, out = checked(local_console, mail(**changes))
    assert code == 1
    assert any(
        line.startswith("problem") and f" {field} " in line and said in line for line in out.splitlines()
    ), out


def test_a_link_of_ours_that_was_changed_is_found(local_console: Console, mail: Mail) -> None:
    raw = mail()
    [token] = re.findall(rb"/u/([^>]+)>", raw)
    code, said = checked(local_console, raw.replace(token, token[:-1] + b"_"))
    assert code == 1 and "was changed or cut off" in said
    code, said = checked(local_console, raw.replace(b"Feedback-ID: ", b"Feedback-ID: x"))
    assert code == 0 and "warning  Feedback-ID" in said


def test_what_is_only_odd_is_a_warning(local_console: Console, mail: Mail) -> None:
    code, said = checked(
        local_console,
        mail(body="Hello", Feedback_ID=None, List_Unsubscribe="<https://example.com/unsubscribe>"),
    )
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()].count("warning") == 3, said


def test_a_long_line_is_named_where_two_signatures_share_the_work(local_console: Console, mail: Mail) -> None:
    first = "v=1; h=from:list-unsubscribe; b=a"
    more = "DKIM-Signature: v=1; h=from:list-unsubscribe-post; b=a\r\n"
    code, said = checked(local_console, mail(DKIM_Signature=first, more=more))
    assert code == 1 and "both fields in one signature" in said


def test_a_file_that_is_not_there_is_said_so(local_console: Console) -> None:
    assert "--eml: none.eml cannot be read" in local_console.refused("check", "--eml", "none.eml")
