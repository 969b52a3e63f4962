"""Every stand-in by the name of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from email_hooks.stand_ins.api import StandIn
from email_hooks.stand_ins.hubspot import HubSpotStandIn
from email_hooks.stand_ins.listmonk import ListmonkStandIn
from email_hooks.stand_ins.mailchimp import MailchimpStandIn
from email_hooks.stand_ins.mailgun import MailgunStandIn
from email_hooks.stand_ins.postmark import PostmarkStandIn
from email_hooks.stand_ins.resend import ResendStandIn
from email_hooks.stand_ins.sendgrid import SendGridStandIn
from email_hooks.stand_ins.ses import SesStandIn
from email_hooks.stand_ins.standard import StandardStandIn

_ALL: tuple[type[StandIn], ...] = (
    HubSpotStandIn,
    ListmonkStandIn,
    MailchimpStandIn,
    MailgunStandIn,
    PostmarkStandIn,
    ResendStandIn,
    SendGridStandIn,
    SesStandIn,
    StandardStandIn,
)

STAND_INS: Mapping[str, type[StandIn]] = MappingProxyType({one.name: one for one in _ALL})
