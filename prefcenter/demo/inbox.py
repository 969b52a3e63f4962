"""`/demo/inbox`: the mails that arrived, their headers, and the button of a mail program."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from prefcenter.demo.context import DEMO_NAV
from prefcenter.domain.decide import Decision
from prefcenter.links import BadLink
from prefcenter.mail.mailbox import Mailbox, ReceivedMail, press_unsubscribe
from prefcenter.use_cases.decide_recipients import Question, Recipient, decide_recipients
from prefcenter.use_cases.services import Services
from prefcenter.web.errors import not_found
from prefcenter.web.state import page, web_of

#: The fields that make the button of a mail program (RFC 2369, 2919, 8058).
LIST_FIELDS = frozenset({"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id"})

#: A mail is a stranger's HTML: nothing of it runs or loads, and its links open the page that they name.
_MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-top-navigation-by-user-activation"
)
#: That of every page (web/security.py), and the mail's frame.
_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; frame-src 'self'"
)
_OPEN_ON_TOP = '<base target="_top">'


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed:
    """What one click did. `status` None: nobody answered."""

    status: int | None
    milliseconds: int
    before: Decision
    after: Decision


class Inbox:
    def __init__(self, mailbox: Mailbox, now: Callable[[], datetime]) -> None:
        self._mailbox = mailbox
        self._now = now

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/demo/inbox", self._list),
            Route("/demo/inbox/{id}", self._mail, methods=["GET", "POST"]),
            Route("/demo/inbox/{id}/html", self._html),
        ]

    async def _list(self, request: Request) -> Response:
        mails = self._mailbox.mails
        return page(request, "demo/inbox", here="/demo/inbox", nav=DEMO_NAV, mails=mails)

    async def _mail(self, request: Request) -> Response:
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            return not_found(request)
        services = web_of(request).services
        pressed = await self._press(services, mail) if request.method == "POST" else None
        return page(
            request,
            "demo/mail",
            headers={"content-security-policy": _PAGE_CSP},
            here="",
            nav=DEMO_NAV,
            mail=mail,
            fields=[(name, value, name.lower() in LIST_FIELDS) for name, value in mail.headers],
            purpose=services.catalogs.find(_purpose(services, mail)),
            pressed=pressed,
        )

    async def _html(self, request: Request) -> Response:
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            return not_found(request)
        html = mail.html.replace("<head>", f"<head>{_OPEN_ON_TOP}", 1)
        return HTMLResponse(html, headers={"content-security-policy": _MAIL_CSP})

    async def _press(self, services: Services, mail: ReceivedMail) -> Pressed | None:
        if mail.one_click is None:
            return None
        before = await self._decision(services, mail)
        started = time.perf_counter()
        status: int | None
        async with httpx2.AsyncClient(trust_env=False) as client:
            try:
                status = await press_unsubscribe(mail, client)
            except httpx2.HTTPError:
                status = None
        milliseconds = round((time.perf_counter() - started) * 1000)
        after = await self._decision(services, mail)
        return Pressed(status=status, milliseconds=milliseconds, before=before, after=after)

    async def _decision(self, services: Services, mail: ReceivedMail) -> Decision:
        to = [Recipient(email=mail.to[0])]
        question = Question(purpose=_purpose(services, mail))
        answers = await decide_recipients(services, question, to, self._now())
        return answers[0].decision


def _purpose(services: Services, mail: ReceivedMail) -> str:
    """The purpose in the link of the mail; empty where there is none of ours."""
    if mail.one_click is None:
        return ""
    try:
        return services.links.read_stop(mail.one_click.url.rpartition("/")[2]).purpose
    except BadLink:
        return ""
