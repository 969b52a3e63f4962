"""Whether a mail is as mailbox providers and RFC 8058 want subscription mail to be. No DNS is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prefcenter.mail.fields import LINE_MUST
from prefcenter.mail.list_headers import ONE_CLICK, feedback_parts, is_one_click_url
from prefcenter.mail.own_words import all_text
from prefcenter.mail.parts import Part, read_mail
from prefcenter.mail.traces import tokens_in

_ONCE = ("from", "date", "message-id", "subject", "list-unsubscribe", "list-unsubscribe-post", "list-id")
_AT_MOST_ONCE = ("to", "reply-to", "sender", "feedback-id", "mime-version", "content-type")
_NAMES = {
    "list-id": "List-ID",
    "message-id": "Message-ID",
    "mime-version": "MIME-Version",
    "feedback-id": "Feedback-ID",
}
_SIGNED = ("list-unsubscribe", "list-unsubscribe-post")
_URIS = re.compile(r"\s*<([^<>]*)>\s*(?:,|\Z)")
_LIST_ID = re.compile(r"(?:[^<>]*\s)?<[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+>")
_TAG = re.compile(r"(?:^|;)\s*h\s*=\s*([^;]*)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'<>]+")


@dataclass(frozen=True, slots=True)
class Remark:
    """`level`: ok, warning or problem."""

    level: str
    field: str
    text: str


def check_mail(
    raw: bytes, *, is_our_stop: Callable[[str], bool], is_our_feedback: Callable[[str, str], bool]
) -> list[Remark]:
    """Every finding on a mail, with its remedy. The functions say whether a stop token, and the two parts
    of a Feedback-ID, are signed by us."""
    mail = read_mail(raw)
    return [
        *_once(mail),
        *_where(mail, is_our_stop),
        *_how(mail),
        *_signatures(mail),
        *_list_id(mail),
        *_feedback(mail, is_our_feedback),
        *_lines(raw),
        *_body(mail),
    ]


def _name(field: str) -> str:
    return _NAMES.get(field, field.title())


def _once(mail: Part) -> Iterator[Remark]:
    for field in (*_ONCE, *_AT_MOST_ONCE):
        number = len(mail.values(field))
        if number > 1:
            yield Remark(
                "problem", _name(field), f"is there {number} times; programs differ on which they read"
            )
        elif number == 0 and field in _ONCE:
            yield Remark("problem", _name(field), "is missing; add it")


def _where(mail: Part, is_our_stop: Callable[[str], bool]) -> Iterator[Remark]:
    field = "List-Unsubscribe"
    value = mail.value("list-unsubscribe")
    if not value:
        return
    if "=?" in value:
        yield Remark("problem", field, "is encoded (RFC 2047), which nobody decodes there; send it as it is")
    uris = ["".join(uri.split()) for uri in _URIS.findall(value)]
    if _URIS.sub("", value).strip() or not uris:
        yield Remark("problem", field, "must be URIs in <angle brackets> with commas between them (RFC 2369)")
    webs = [uri for uri in uris if uri.lower().startswith(("https:", "http:"))]
    if len(webs) != 1 or not webs[0].lower().startswith("https:") or not is_one_click_url(webs[0]):
        yield Remark("problem", field, "must hold exactly one https URI (RFC 8058 3.1)")
    if any(not uri.lower().startswith(("https:", "http:", "mailto:")) for uri in uris):
        yield Remark("warning", field, "holds a URI that is neither https nor mailto; leave it out")
    yield _tokens(field, webs, uris, is_our_stop)


def _tokens(field: str, webs: list[str], uris: list[str], is_our_stop: Callable[[str], bool]) -> Remark:
    found = tokens_in(" ".join(uris))
    ours = [token for token in found if is_our_stop(token)]
    if len(ours) > 1:
        return Remark("problem", field, "holds links of two people or purposes; take both URIs from one call")
    if found and len(ours) < len(found) and any("/u/" in uri for uri in webs):
        return Remark("problem", field, "holds a link of ours that was changed or cut off; mint it again")
    if ours:
        return Remark("ok", field, "holds a link of ours, and its signature is right")
    return Remark(
        "warning", field, "holds no link of ours: an unsubscribe there has to come back by a provider"
    )


def _how(mail: Part) -> Iterator[Remark]:
    value = mail.value("list-unsubscribe-post")
    if value and value != ONE_CLICK:
        yield Remark("problem", "List-Unsubscribe-Post", f"must be exactly {ONE_CLICK}")


def _signatures(mail: Part) -> Iterator[Remark]:
    signatures = mail.values("dkim-signature")
    field = "DKIM-Signature"
    if not signatures:
        yield Remark(
            "problem", field, "is missing: no program offers one-click; check the mail as it arrives"
        )
        return
    covered = [_covered(signature) for signature in signatures]
    if any(fields.issuperset(_SIGNED) for fields in covered):
        yield Remark("ok", field, "covers both fields; whether it is valid, only a receiver can say")
        return
    missing = [_name(one) for one in _SIGNED if not any(one in fields for fields in covered)]
    what = " and ".join(missing) if missing else "both fields in one signature"
    yield Remark("problem", field, f"does not cover {what}; add to its h= (RFC 8058 4)")


def _covered(signature: str) -> set[str]:
    found = _TAG.search(signature)
    return {name.strip().lower() for name in found[1].split(":")} if found else set()


def _list_id(mail: Part) -> Iterator[Remark]:
    value = mail.value("list-id")
    if value and not _LIST_ID.fullmatch(value):
        yield Remark("problem", "List-ID", 'must be "Title" <list.host.example> (RFC 2919)')


def _feedback(mail: Part, is_our_feedback: Callable[[str, str], bool]) -> Iterator[Remark]:
    value = mail.value("feedback-id")
    if not value:
        yield Remark("warning", "Feedback-ID", "is missing: a complaint can only be tied to List-Unsubscribe")
    elif not is_our_feedback(*feedback_parts(value)):
        yield Remark(
            "warning", "Feedback-ID", "is not ours, or was changed: a complaint cannot be tied to it"
        )


def _lines(raw: bytes) -> Iterator[Remark]:
    longest = max((len(line.rstrip(b"\r")) for line in raw.split(b"\n")), default=0)
    if longest > LINE_MUST:
        text = (
            f"has {longest} octets; at most {LINE_MUST} are allowed (RFC 5322): fold it, or encode the body"
        )
        yield Remark("problem", "a line", text)


def _body(mail: Part) -> Iterator[Remark]:
    links = _LINK.findall(all_text(mail))
    if not any("/u/" in link or "unsubscribe" in link.lower() for link in links):
        yield Remark("warning", "the body", "shows no link to unsubscribe; people look for one there")
