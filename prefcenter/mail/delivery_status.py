"""Delivery status notifications: a mail server says what became of a mail (RFC 3464)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from prefcenter.mail.feedback_report import returned_mail
from prefcenter.mail.parts import Part, fields_in
from prefcenter.mail.reported_at import reported_at
from prefcenter.mail.traces import Traces, traces_of_ours

_STATUSES = ("message/delivery-status", "message/global-delivery-status")
_GROUPS_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)")
_MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one recipient. `action` is in lower case, `status` such as `5.1.1`, empty where unread.

    `address`: the one that we wrote to, if the server says it (Original-Recipient), else the one it tried.
    """

    address: str
    action: str
    status: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """`reported_at`: as the notification itself is dated."""

    deliveries: tuple[Delivery, ...]
    traces: Traces
    reported_at: datetime | None


def is_delivery_status(mail: Part) -> bool:
    return mail.kind == "multipart/report" and mail.parameter("report-type").lower() == "delivery-status"


def read_delivery_status(mail: Part) -> DeliveryStatus | None:
    """None where it says nothing of any recipient."""
    children = mail.children()
    reports = [part for part in children if part.kind in _STATUSES]
    if len(reports) != 1:
        return None
    groups = [fields_in(group) for group in _GROUPS_END.split(reports[0].content.strip())[:_MOST_GROUPS]]
    deliveries = tuple(_delivery(group) for group in groups if group.values("final-recipient"))
    original = returned_mail(children)
    traces = traces_of_ours(original) if original is not None else Traces()
    return DeliveryStatus(deliveries, traces, reported_at(mail)) if deliveries else None


def _delivery(group: Part) -> Delivery:
    address = _address(group.value("original-recipient")) or _address(group.value("final-recipient"))
    status = _STATUS.match(group.value("status"))
    return Delivery(address, group.value("action").strip().lower(), status[1] if status else "")


def _address(stated: str) -> str:
    """`rfc822; ada@example.com`, without the type; empty for what is no mail address."""
    kind, _, address = stated.partition(";")
    return address.strip().strip("<>")[:320] if kind.strip().lower() in ("rfc822", "utf-8") else ""
