"""Every kind of mail of ours, by its name in the table `mail`."""

from __future__ import annotations

from collections.abc import Mapping

from prefcenter.storage.third_parties import THIRD_PARTY
from prefcenter.use_cases import confirming, stop_link_mail
from prefcenter.use_cases.campaign_mail import CAMPAIGN_MAILS
from prefcenter.use_cases.composing import Composer
from prefcenter.use_cases.confirmation_mail import CONFIRMATION
from prefcenter.use_cases.third_party_mail import THIRD_PARTY_MAIL

COMPOSERS: Mapping[str, Composer] = {
    confirming.KIND: CONFIRMATION,
    THIRD_PARTY: THIRD_PARTY_MAIL,
    stop_link_mail.KIND: stop_link_mail.STOP_LINK_MAIL,
    **CAMPAIGN_MAILS,
}
