"""What a mail that came in does: what is proved, at once; what is only said, not without proof."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.demo.newsletter import send_mailings
from prefcenter.demo.people import PEOPLE
from prefcenter.domain.choices import Cause, Source
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.storage.mail_in import MailsIn, mail_in_counts
from prefcenter.storage.mail_queue import MailQueue
from prefcenter.use_cases.receive_mail import Became
from prefcenter.use_cases.stop_link_mail import KIND
from tests.mail.samples import AUTOMATIC, QUOTED, TOKEN, a_complaint, a_mail
from tests.use_cases.post import ADA, BO, NOW, PostOffice, open_post_office

COMPLAINED = [(Cause.COMPLAINED, "*", Source.PROVIDER)]
WITHDRAWN = [(Cause.WITHDRAWN, "newsletter", Source.EMAIL_REQUEST)]


@pytest.fixture
async def post(database_url: str, tmp_path: Path) -> AsyncIterator[PostOffice]:
    EXECUTOR_CACHE.clear()
    async with open_post_office(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def trusting(database_url: str, tmp_path: Path) -> AsyncIterator[PostOffice]:
    """Believes mx.example.com, and can send mail."""
    EXECUTOR_CACHE.clear()
    variables = {"AUTHSERV_ID": "mx.example.com", "SMTP_URL": "smtp://127.0.0.1:1"}
    async with open_post_office(database_url, tmp_path, **variables) as opened:
        yield opened


class Wire:
    """Keeps the bytes of what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send(self, message: EmailMessage) -> None:
        self.sent.append(message.as_bytes())


async def queued(post: PostOffice) -> int:
    return (await mail_in_counts(post.services.database)).open


# --- a token ---------------------------------------------------------------------------------------------


async def test_a_token_in_the_subject_stops_at_once_whoever_sent_it(post: PostOffice) -> None:
    await post.gives(ADA)
    raw = a_mail(Subject=post.token(ADA), From="somebody@example.net")
    assert await post.take(raw) == (Became.STOPPED, "")
    assert await post.stops(ADA) == WITHDRAWN
    evidence = await post.evidence()
    assert evidence["method"] == "mailto" and evidence["campaign"] == "nov"
    assert len(evidence["mail_sha256"]) == 64
    assert "somebody" not in str(evidence)


async def test_the_mailto_of_a_mail_of_ours_makes_the_round_trip(post: PostOffice) -> None:
    [mailto] = [
        uri.strip(" <>") for uri in post.headers(ADA)["List-Unsubscribe"].split(",") if "mailto:" in uri
    ]
    to, _, subject = mailto.removeprefix("mailto:").partition("?subject=")
    assert to == "stop@example.com"
    assert (await post.take(a_mail(Subject=subject, To=to)))[0] is Became.STOPPED
    assert await post.stops(ADA) == WITHDRAWN


async def test_a_mail_of_the_demo_is_answered_by_its_mailto_on_the_wire(post: PostOffice) -> None:
    person = PEOPLE[0].email
    await post.gives(person)
    wire = Wire()
    await send_mailings(post.services, Templates([shipped_templates()]), wire, NOW)
    [head] = [raw.partition(b"\r\n\r\n")[0] for raw in wire.sent if b"<newsletter.localhost>" in raw]
    [subject] = re.findall(r"<mailto:stop@example.com\?subject=([^>]+)>", head.decode())
    assert (await post.take(a_mail(Subject=subject, From=person)))[0] is Became.STOPPED
    assert await post.stops(person) == WITHDRAWN


async def test_an_address_that_nobody_knows_is_stopped_too(post: PostOffice) -> None:
    assert (await post.take(a_mail(Subject=post.token("nobody@example.org"))))[0] is Became.STOPPED
    assert await post.stops("nobody@example.org") == WITHDRAWN


async def test_all_beside_a_token_stops_everything(post: PostOffice) -> None:
    await post.take(a_mail("unsubscribe me from everything", Subject=post.token(ADA)))
    assert await post.stops(ADA) == [(Cause.ALL_MARKETING, "*", Source.EMAIL_REQUEST)]


async def test_the_same_mail_twice_has_one_effect(post: PostOffice) -> None:
    raw = a_mail(Subject=post.token(ADA))
    assert (await post.take(raw))[0] is Became.STOPPED
    later = NOW + timedelta(hours=1)
    await post.gives(ADA, now=later)
    head = await post.head()
    again = b"Received: by mx2.example.com\r\n" + raw
    assert (await post.take(again, now=later + timedelta(hours=1)))[0] is Became.REPEATED
    assert await post.head() == head


async def test_a_token_that_is_not_ours_stops_nobody(post: PostOffice) -> None:
    spoilt = post.token(ADA)[:-1] + "-"
    for subject in (TOKEN, spoilt):
        assert await post.take(a_mail(Subject=subject)) == (Became.QUEUED, "token_not_ours")
    assert await post.head() == 0
    assert await queued(post) == 2


async def test_tokens_of_two_people_in_one_subject_stop_neither(post: PostOffice) -> None:
    raw = a_mail(Subject=f"{post.token(ADA)} {post.token(BO)}")
    assert await post.take(raw) == (Became.QUEUED, "several_people")
    assert await post.head() == 0


# --- words -----------------------------------------------------------------------------------------------


async def test_an_answer_that_quotes_our_link_stops(post: PostOffice) -> None:
    raw = a_mail("Stop" + QUOTED.replace(TOKEN, post.token(ADA)), Subject="Re: News")
    assert (await post.take(raw))[0] is Became.STOPPED
    assert await post.stops(ADA) == WITHDRAWN
    assert (await post.evidence())["method"] == "reply"


async def test_an_answer_that_says_nothing_stops_nothing(post: PostOffice) -> None:
    raw = a_mail("Thank you!" + QUOTED.replace(TOKEN, post.token(ADA)), Subject="Re: News")
    assert await post.take(raw) == (Became.QUEUED, "not_understood")
    assert await post.head() == 0


@pytest.mark.parametrize(
    "results",
    [
        "",
        "mx.example.com; dmarc=pass header.from=example.com",
        "other.example.com; dmarc=pass header.from=example.com",
    ],
)
async def test_where_no_server_is_trusted_a_sender_is_never_believed(post: PostOffice, results: str) -> None:
    raw = a_mail("unsubscribe", Authentication_Results=results)
    assert await post.take(raw) == (Became.QUEUED, "stop_unproved")
    assert await post.take(raw) == (Became.REPEATED, "stop_unproved")
    assert await post.head() == 0
    assert await queued(post) == 1


PASS = "mx.example.com; spf=pass; dmarc=pass (p=reject) header.from=example.com"


async def test_a_sender_that_our_server_vouches_for_is_asked_to_confirm(trusting: PostOffice) -> None:
    assert (await trusting.take(a_mail("unsubscribe", Authentication_Results=PASS)))[0] is Became.ASKED
    assert await trusting.head() == 0
    [mail] = await MailQueue(trusting.services.database).claim(NOW, 5)
    assert mail.kind == KIND
    assert await queued(trusting) == 0
    found = await MailsIn(trusting.services.database, trusting.services.vault).find(mail.about)
    assert found is not None and found.reason == "asked"


async def test_one_address_is_asked_back_once_a_day(trusting: PostOffice) -> None:
    for minute in range(3):
        raw = a_mail("unsubscribe", Authentication_Results=PASS, Message_ID=f"<{minute}@example.com>")
        await trusting.take(raw, now=NOW + timedelta(minutes=minute))
    assert len(await MailQueue(trusting.services.database).claim(NOW + timedelta(hours=1), 5)) == 1
    raw = a_mail("unsubscribe", Authentication_Results=PASS, Message_ID="<later@example.com>")
    assert (await trusting.take(raw, now=NOW + timedelta(days=1)))[0] is Became.ASKED


@pytest.mark.parametrize(
    "results",
    [
        "mx.example.com; dmarc=fail header.from=example.com",
        "mx.example.com; dmarc=pass header.from=example.net",
        "mx.example.com; dmarc=pass",
        "evil.example.net; dmarc=pass header.from=example.com",
        f"evil.example.net; none\r\nAuthentication-Results: {PASS}",
        'mx.example.com; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com"',
        "mx.example.com; dmarc=fail (dmarc=pass header.from=example.com) header.from=example.net",
        "mx.example.com; dmarc=fail header.from=example.com; dmarc=pass header.from=example.com",
        "",
    ],
)
async def test_a_forged_sender_is_neither_stopped_nor_mailed(trusting: PostOffice, results: str) -> None:
    raw = a_mail("unsubscribe", Authentication_Results=results)
    assert await trusting.take(raw) == (Became.QUEUED, "stop_unproved")
    assert await trusting.head() == 0
    assert await MailQueue(trusting.services.database).claim(NOW, 5) == []


@pytest.mark.parametrize("name", AUTOMATIC)
async def test_no_loop_begins_and_nothing_is_kept(trusting: PostOffice, name: str) -> None:
    raw = (
        b"Authentication-Results: "
        + PASS.encode()
        + b"\r\n"
        + AUTOMATIC[name].removeprefix(b"From MAILER-DAEMON Tue Nov 24 10:00:00 2026\n")
    )
    sender = "" if name == "mailbox file" else None
    assert (await trusting.take(raw, sender=sender))[0] is Became.IGNORED
    assert await MailQueue(trusting.services.database).claim(NOW, 5) == []
    assert await queued(trusting) == 0 and await trusting.head() == 0


# --- complaints ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", ["List-Unsubscribe", "Feedback-ID", ""])
async def test_a_complaint_stops_all_marketing_of_whom_our_signature_names(
    post: PostOffice, left_out: str
) -> None:
    headers = {name: value for name, value in post.headers(ADA).items() if name != left_out}
    assert (await post.take(a_complaint(headers=headers)))[0] is Became.COMPLAINED
    assert await post.stops(ADA) == COMPLAINED
    evidence = await post.evidence()
    assert evidence["feedback_type"] == "abuse" and evidence["purpose"] == "newsletter"
    assert evidence["campaign"] == "nov"


async def test_a_complaint_of_days_ago_leaves_a_newer_yes_and_one_without_a_date_does_not(
    post: PostOffice,
) -> None:
    await post.gives(ADA)
    raw = a_complaint(headers=post.headers(ADA), Date="Mon, 23 Nov 2026 09:00:00 +0000")
    await post.take(raw, now=NOW + timedelta(hours=1))
    async with post.services.database.read() as tx:
        [(seq, status)] = await tx.fetch("SELECT seq, status FROM standing")
        [(stopped,)] = await tx.fetch("SELECT seq FROM stop")
    assert seq >= stopped and status == "ConsentGiven"
    await post.take(a_complaint(headers=post.headers(ADA), Date="x"), now=NOW + timedelta(hours=2))
    async with post.services.database.read() as tx:
        [(seq,)] = await tx.fetch("SELECT seq FROM standing")
        [(stopped,)] = await tx.fetch("SELECT seq FROM stop")
    assert seq < stopped


@pytest.mark.parametrize(
    "value",
    [
        "nov:newsletter:0123456789ab",
        f"nov:newsletter:{'A' * 43}:0123456789ab",
        "::::",
        "ada@example.com",
    ],
)
async def test_a_complaint_that_carries_nothing_of_ours_stops_nobody(post: PostOffice, value: str) -> None:
    headers = {"To": ADA, "From": "news@example.com", "Feedback-ID": value}
    raw = a_complaint(headers=headers, Original_Rcpt_To=ADA)
    assert await post.take(raw) == (Became.QUEUED, "complaint_unproved")
    assert await post.head() == 0


async def test_forged_complaints_in_bulk_stop_nobody(post: PostOffice) -> None:
    good = post.headers(ADA)["Feedback-ID"]
    about, signed = good.rsplit(":", 2)[0], good.split(":")[2]
    for number in range(60):
        # Each letter of the signed part changed in its turn, or another purpose put before it.
        letter = "B" if signed[number % 43] == "A" else "A"
        forged = signed[: number % 43] + letter + signed[number % 43 + 1 :]
        value = f"{about}:{forged}:x" if number < 43 else f"nov:purpose-{number}:{signed}:x"
        raw = a_complaint(headers={"Feedback-ID": value}, Message_ID=f"<{number}@example.com>")
        assert await post.take(raw) == (Became.QUEUED, "complaint_unproved")
    assert await post.head() == 0


async def test_a_signature_of_somebody_else_stops_somebody_else_only(post: PostOffice) -> None:
    """Whoever was mailed has one of their own; it says nothing of another, whatever stands around it."""
    headers = {**post.headers(BO), "To": ADA}
    assert (await post.take(a_complaint(headers=headers)))[0] is Became.COMPLAINED
    assert await post.stops(ADA) == [] and await post.stops(BO) == COMPLAINED
    mixed = {**post.headers(ADA), "Feedback-ID": post.headers(BO)["Feedback-ID"]}
    assert await post.take(a_complaint(headers=mixed)) == (Became.QUEUED, "several_people")
    assert await post.stops(ADA) == []


@pytest.mark.parametrize(
    ("kind", "became"),
    [
        ("Abuse", Became.COMPLAINED),
        ("fraud", Became.COMPLAINED),
        ("not-spam", Became.IGNORED),
        ("auth-failure", Became.IGNORED),
        ("virus", Became.IGNORED),
        ("other", Became.QUEUED),
        ("x-new", Became.QUEUED),
    ],
)
async def test_only_what_is_a_complaint_counts_as_one(post: PostOffice, kind: str, became: Became) -> None:
    assert (await post.take(a_complaint(kind, headers=post.headers(ADA))))[0] is became
    assert (await post.stops(ADA) == COMPLAINED) is (became is Became.COMPLAINED)
