"""Our own mails, answered, complained about and bounced: each names whom it was for, by our signature."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from prefcenter.domain.choices import Action, Cause
from prefcenter.storage.fields import to_micros
from prefcenter.storage.units import ref_of
from prefcenter.use_cases.receive_mail import Became, Received, receive_mail
from tests.mail.samples import a_bounce, a_complaint, a_mail
from tests.use_cases.campaigns import BO, PARTNER, Asked
from tests.web.asking import request
from tests.web.site import ADA


async def take(asked: Asked, raw: bytes) -> Received:
    return await receive_mail(asked.site.services, raw, sender=None, now=asked.clock())


async def causes(asked: Asked, address: str) -> list[tuple[Cause, str]]:
    found = await asked.site.services.reader.stops_at(asked.site.prints(address).wide)
    return [(stop.cause, stop.purpose) for stop in found]


async def question(asked: Asked, address: str = ADA) -> EmailMessage:
    await asked.agree(ADA, BO)
    await asked.apply(PARTNER)
    return next(mail for mail in await asked.mailed() if mail["To"] == address)


def returned(mail: EmailMessage, *names: str) -> dict[str, str]:
    return {name: str(value) for name, value in mail.items() if not names or name in names}


async def test_a_stop_in_answer_to_our_question_needs_no_quote(asked: Asked) -> None:
    mail = await question(asked)
    raw = a_mail("stop", Subject=f"Re: {mail['Subject']}", In_Reply_To=str(mail["Message-ID"]))
    assert (await take(asked, raw)).became is Became.STOPPED
    assert await causes(asked, ADA) == [(Cause.WITHDRAWN, "events")]
    assert await causes(asked, BO) == []


async def test_an_answer_with_what_is_nearly_our_message_id_stops_nobody(asked: Asked) -> None:
    local = str((await question(asked))["Message-ID"]).strip("<>").partition("@")[0]
    swapped = local[:-1] + ("A" if local[-1] != "A" else "E")
    for ids in (f"<{swapped}@localhost>", f"<{local[:32]}@localhost>", f"<{local.lower()}@localhost>"):
        raw = a_mail("stop", In_Reply_To=ids, Message_ID=ids)
        assert await take(asked, raw) == Received(Became.QUEUED, "stop_unproved")
    assert await causes(asked, ADA) == []


async def test_an_answer_to_an_address_that_they_left_stops_nobody_by_it(asked: Asked) -> None:
    mail = await question(asked)
    raw = a_mail("stop", In_Reply_To=str(mail["Message-ID"]))
    asked.clock.pass_by(days=1)
    services = asked.site.services
    async with services.database.write() as tx:
        await tx.fetch("UPDATE contact_point SET epoch = $1", to_micros(asked.clock()))
    assert (await take(asked, raw)).became is Became.QUEUED


@pytest.mark.parametrize("names", [(), ("Message-ID",), ("Feedback-ID",), ("List-Unsubscribe",)])
async def test_a_complaint_about_our_question_is_theirs(asked: Asked, names: tuple[str, ...]) -> None:
    mail = await question(asked)
    assert (await take(asked, a_complaint(headers=returned(mail, *names)))).became is Became.COMPLAINED
    assert await causes(asked, ADA) == [(Cause.COMPLAINED, "*")]


async def test_a_confirmation_that_bounces_marks_the_address(asked: Asked) -> None:
    await request(asked.site, "newsletter", "cy@example.com")
    [mail] = await asked.deliver()
    assert mail["List-Unsubscribe"] is None
    assert (await take(asked, a_bounce(headers=returned(mail)))).became is Became.BOUNCED
    assert await causes(asked, "cy@example.com") == [(Cause.BOUNCED, "*")]


async def test_stop_in_answer_to_a_confirmation_stops_everything(asked: Asked) -> None:
    await request(asked.site, "newsletter", "cy@example.com")
    [mail] = await asked.deliver()
    raw = a_mail("stop!", In_Reply_To=str(mail["Message-ID"]))
    assert (await take(asked, raw)).became is Became.STOPPED
    assert await causes(asked, "cy@example.com") == [(Cause.ALL_MARKETING, "*")]


async def test_a_stop_reaches_whoever_was_erased_from_the_tables(asked: Asked) -> None:
    mail = await question(asked)
    ref = ref_of(asked.site.prints(ADA), ADA)
    assert ref.wide is not None
    await asked.site.said(Action.ERASE, "*", ADA)
    before = len(await causes(asked, ADA))
    token = str(mail["List-Unsubscribe"]).partition(">")[0].rpartition("/")[2]
    assert (await take(asked, a_mail(Subject=token))).became is Became.STOPPED
    assert len(await causes(asked, ADA)) == before + 1
