"""The demo's new purpose: it comes when everybody is there already, so people are asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prefcenter.bootstrap import wanted_catalog
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.links import QuestionLink
from prefcenter.use_cases.ask_people import ask_people, purpose_to_ask
from prefcenter.use_cases.services import Services

TIPS = "workshop-tips"
_ADDED = f"""
[purposes.{TIPS}]
title = "Tips for your workshop"
description = "How others use what you bought, chosen by what that was. Twice a month."
kind = "marketing"
channels = ["email"]
basis = "consent"
double_opt_in = false
data = ["email", "purchases"]
"""


async def ask_about_tips(services: Services, clock: Callable[[], datetime]) -> None:
    """As `prefcenter apply` and `prefcenter ask` would, after an edit of the file."""
    with services.settings.config.open("a", encoding="utf-8") as file:
        file.write(_ADDED)
    await services.catalogs.apply(wanted_catalog(services.settings), clock)
    purpose = purpose_to_ask(services, TIPS)
    await ask_people(
        services, purpose, CampaignKind.ASK, per_minute=None, clock=clock, watch=lambda done, total: None
    )


def question_path(services: Services, email: str, now: datetime) -> str:
    """The page that asks this person, as their preferences page leads to it."""
    prints = services.fingerprinter.of_email(parse_email(email))
    purpose = purpose_to_ask(services, TIPS)
    link = QuestionLink(prints.narrow, prints.wide, TIPS, purpose.version, now)
    return f"/n/{services.links.choice(link)}"
