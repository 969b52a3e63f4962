"""`/n/{token}`: asks about a new or changed purpose. GET shows; POST, and nothing else, answers."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.addresses import mask
from prefcenter.domain.answering import Answer, Offered, offered
from prefcenter.domain.choices import Effect
from prefcenter.links import AskedLink, BadLink, QuestionLink
from prefcenter.use_cases.answer_question import Chosen, choose
from prefcenter.use_cases.manage_preferences import LinkVoid
from prefcenter.use_cases.open_question import NothingToDecide, Opened, open_question
from prefcenter.web.body import PUBLIC_LIMIT, read_body, read_form, read_shown_seq
from prefcenter.web.errors import not_found
from prefcenter.web.state import Web, page, web_of

LANGUAGE = "en"


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """`words` names the text that is answered."""

    shown_seq: int
    words: str
    answers: Offered


async def choice(request: Request) -> Response:
    """A link to an address that changed hands answers as one that never was."""
    web = web_of(request)
    try:
        link = web.services.links.read_choice(request.path_params["token"])
        opened = await open_question(web.services, link, web.now())
        if request.method != "POST":
            return _show(request, web, opened)
        return await _answer(request, web, link, opened)
    except NothingToDecide:
        return page(request, "choice_closed")
    except (BadLink, LinkVoid):
        return not_found(request)


async def _answer(request: Request, web: Web, link: AskedLink | QuestionLink, opened: Opened) -> Response:
    fields = read_form(request, await read_body(request, PUBLIC_LIMIT))
    said = {value for name, value in fields if name == "answer"}
    # A form that says several things says no.
    answer = next((one for one in (Answer.NO, Answer.LATER, Answer.SEEN, Answer.YES) if one in said), None)
    if answer is None:
        return _show(request, web, opened)
    read = ("words", _digest(_wording(web, opened))) in fields
    if not read and answer is not Answer.NO:
        return _show(request, web, opened, changed=True)
    chosen = await choose(
        web.services,
        opened,
        answer,
        shown_seq=read_shown_seq(fields),
        wording=_wording(web, opened, answer) if read else None,
        language=LANGUAGE,
        now=web.now(),
    )
    # As it is now, for the answer.
    return _show(request, web, await open_question(web.services, link, web.now()), chosen=chosen)


def _show(
    request: Request, web: Web, opened: Opened, *, changed: bool = False, chosen: Chosen | None = None
) -> Response:
    posed = opened.posed
    return page(
        request,
        "choice" if chosen is None else "chosen",
        changed=changed,
        chosen=chosen,
        question=posed.question,
        names=posed.names,
        begins_at=posed.begins_at,
        standing=opened.standing,
        address=mask(opened.address),
        manage_token=opened.manage_token,
        form=_form(web, opened, chosen),
    )


def _form(web: Web, opened: Opened, chosen: Chosen | None) -> Form:
    said = chosen.answer if chosen is not None and chosen.effect is not Effect.NONE else None
    answers = offered(is_notice=opened.posed.question.is_notice, reason=opened.standing.reason, said=said)
    return Form(shown_seq=opened.shown_seq, words=_digest(_wording(web, opened)), answers=answers)


def _wording(web: Web, opened: Opened, answer: Answer | None = None) -> str:
    """All that was read, the answer's own words last."""
    template = web.templates.environment(LANGUAGE).get_template("pages/question.txt")
    posed = opened.posed
    said = answer.value if answer is not None else None
    return template.render(question=posed.question, names=posed.names, said=said)


def _digest(wording: str) -> str:
    return sha256(wording.encode()).hexdigest()[:16]
