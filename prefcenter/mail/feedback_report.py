"""Feedback reports: a mailbox provider says that somebody pressed "spam" (ARF, RFC 5965).

Everything in one is a claim: only what we signed ourselves says whose mail it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prefcenter.mail.parts import Part, fields_in, read_part
from prefcenter.mail.reported_at import reported_at
from prefcenter.mail.traces import Traces, traces_of_ours

#: RFC 5965 3.1: each exactly once.
_REQUIRED = ("feedback-type", "user-agent", "version")
_ORIGINALS = ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers")


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """`kind`: the Feedback-Type in lower case. `reported_at`: as the report itself is dated."""

    kind: str
    traces: Traces
    reported_at: datetime | None


def is_feedback_report(mail: Part) -> bool:
    return mail.kind == "multipart/report" and mail.parameter("report-type").lower() == "feedback-report"


def read_feedback_report(mail: Part) -> FeedbackReport | None:
    """None where it breaks the rules of its form."""
    children = mail.children()
    reports = [fields_in(part.content) for part in children if part.kind == "message/feedback-report"]
    if len(reports) != 1 or any(len(reports[0].values(name)) != 1 for name in _REQUIRED):
        return None
    original = returned_mail(children)
    traces = traces_of_ours(original) if original is not None else Traces()
    kind = reports[0].value("feedback-type").lower()
    return FeedbackReport(kind, traces, reported_at(mail))


def returned_mail(children: list[Part]) -> Part | None:
    """The header fields of the mail that a report is about; None unless there is exactly one."""
    found = [part for part in children if part.kind in _ORIGINALS]
    # Against RFC 2046 5.2.1, some do encode it.
    return read_part(found[0].content.lstrip()) if len(found) == 1 else None
