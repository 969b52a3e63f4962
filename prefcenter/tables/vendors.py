"""The exports that are recognised, as data. What is not in the vendors' documents is marked [K] in
docs/import.md. A format stands before those whose header it also fits."""

from __future__ import annotations

from prefcenter.tables.formats import (
    BOUNCE,
    COMPLAIN,
    DECLARED,
    GIVE,
    NO,
    STOP,
    STOP_ALL,
    Format,
    Rule,
    Verdict,
    flag,
)

_MAILCHIMP_KEYS = ("leid", "euid", "member_rating", "optin_ip", "confirm_ip")
_MAILCHIMP_EVIDENCE = {
    "optin_time": ("optin_time",),
    "optin_ip": ("optin_ip",),
    "confirm_time": ("confirm_time",),
    "confirm_ip": ("confirm_ip",),
    "ip": ("confirm_ip", "optin_ip"),
    "reason": ("unsub_reason",),
    "note": ("unsub_reason_other",),
}
_MAILCHIMP_FACTS = {"country": ("cc",), "region": ("region",)}

MAILCHIMP = (
    Format(
        name="mailchimp-unsubscribed",
        title="Mailchimp audience export, unsubscribed",
        needs=(("email address",), ("unsub_time",)),
        email=("email address",),
        rules=(Rule("unsub_reason", frozenset({"abuse", "abuse complaint", "spam complaint"}), COMPLAIN),),
        otherwise=STOP,
        stopped_at=("unsub_time",),
        evidence=_MAILCHIMP_EVIDENCE,
        facts=_MAILCHIMP_FACTS,
        utc=True,
    ),
    Format(
        name="mailchimp-cleaned",
        title="Mailchimp audience export, cleaned",
        needs=(("email address",), ("clean_time",)),
        email=("email address",),
        otherwise=BOUNCE,
        stopped_at=("clean_time",),
        utc=True,
    ),
    Format(
        name="mailchimp-nonsubscribed",
        title="Mailchimp audience export, non-subscribed",
        needs=(("email address",), ("optin_time", "confirm_time"), _MAILCHIMP_KEYS),
        named="nonsubscribed",
        email=("email address",),
        otherwise=Verdict(why="never said yes to marketing: Mailchimp calls them non-subscribed"),
        facts=_MAILCHIMP_FACTS,
        utc=True,
    ),
    Format(
        name="mailchimp",
        title="Mailchimp audience export, subscribed",
        needs=(("email address",), ("optin_time", "confirm_time"), _MAILCHIMP_KEYS),
        email=("email address",),
        otherwise=GIVE,
        given_at=("confirm_time", "optin_time"),
        evidence=_MAILCHIMP_EVIDENCE,
        facts=_MAILCHIMP_FACTS,
        utc=True,
    ),
)

_SOFT = Verdict(why="a block is about one message or server: the address may well work")

SENDGRID = (
    Format(
        name="sendgrid-blocks",
        title="SendGrid blocks",
        needs=(("email",), ("status",), ("reason",), ("created",)),
        only=True,
        named="block",
        email=("email",),
        otherwise=_SOFT,
    ),
    Format(
        name="sendgrid-bounces",
        title="SendGrid bounces",
        needs=(("email",), ("status",), ("reason",), ("created",)),
        only=True,
        named="bounce",
        email=("email",),
        otherwise=BOUNCE,
        stopped_at=("created",),
        evidence={"reason": ("reason",), "status": ("status",)},
        utc=True,
    ),
    Format(
        name="sendgrid-invalid",
        title="SendGrid invalid emails",
        needs=(("email",), ("reason",), ("created",)),
        only=True,
        email=("email",),
        otherwise=BOUNCE,
        stopped_at=("created",),
        evidence={"reason": ("reason",)},
        utc=True,
    ),
    Format(
        name="sendgrid-spam-reports",
        title="SendGrid spam reports",
        needs=(("email",), ("ip",), ("created",)),
        only=True,
        email=("email",),
        otherwise=COMPLAIN,
        stopped_at=("created",),
        evidence={"sending_ip": ("ip",)},
        utc=True,
    ),
    Format(
        name="sendgrid-group-unsubscribes",
        title="SendGrid group unsubscribes",
        needs=(("email",), ("group_id",), ("group_name",), ("created_at", "created")),
        only=True,
        email=("email",),
        otherwise=STOP,
        stopped_at=("created_at", "created"),
        evidence={"group": ("group_name", "group_id")},
        utc=True,
    ),
    Format(
        name="sendgrid-unsubscribes",
        title="SendGrid unsubscribes, global or of one group",
        needs=(("email",), ("created", "created_at")),
        only=True,
        email=("email",),
        otherwise=STOP,
        stopped_at=("created", "created_at"),
        utc=True,
    ),
)

KLAVIYO = Format(
    name="klaviyo",
    title="Klaviyo suppressed profiles",
    needs=(
        ("email",),
        ("reason", "suppression reason", "suppression_reason"),
        ("date", "timestamp", "suppression date", "suppressed at", "suppressed_at"),
    ),
    only=True,
    email=("email",),
    rules=(
        Rule("*reason", frozenset({"hard bounce", "hard bounced", "bounced", "invalid email"}), BOUNCE),
        Rule("*reason", frozenset({"spam complaint", "marked as spam", "spam report"}), COMPLAIN),
    ),
    # Every other row of a list of people not to be mailed is somebody not to be mailed.
    otherwise=STOP_ALL,
    stopped_at=("date", "timestamp", "suppression date", "suppressed at", "suppressed_at"),
    evidence={"reason": ("reason", "suppression reason", "suppression_reason")},
)

LISTMONK = Format(
    name="listmonk",
    title="listmonk subscribers",
    needs=(("email",), ("status",), ("attributes", "attribs"), ("created_at",)),
    email=("email",),
    rules=(
        Rule("status", frozenset({"blocklisted", "blacklisted"}), STOP_ALL),
        Rule("status", frozenset({"enabled"}), DECLARED),
    ),
    otherwise=Verdict(why="disabled in listmonk: by an operator, no choice of the person"),
    given_at=("created_at",),
    utc=True,
)

_OPTED_OUT_OF_ONE = Verdict(why="opted out of a subscription type; export each type as a stop list")

HUBSPOT = Format(
    name="hubspot",
    title="HubSpot contacts",
    needs=(
        ("email",),
        ("record id", "contact id", "hs_object_id", "vid"),
        ("unsubscribed from all email", "opted out of all email", "hs_email_optout"),
    ),
    email=("email",),
    rules=(
        flag("unsubscribed from all email", STOP_ALL),
        flag("opted out of all email", STOP_ALL),
        flag("hs_email_optout", STOP_ALL),
        flag("email hard bounce reason*", BOUNCE),
        flag("hs_email_hard_bounce_reason*", BOUNCE),
        flag("invalid email address", BOUNCE),
        flag("hs_email_bad_address", BOUNCE),
        flag("opted out of email*", _OPTED_OUT_OF_ONE),
        flag("hs_email_optout_*", _OPTED_OUT_OF_ONE),
    ),
    otherwise=DECLARED,
    given_at=("create date", "createdate"),
    evidence={"legal_basis": ("legal basis for processing contact's data", "hs_legal_basis")},
    facts={
        "country": ("country/region code", "hs_country_region_code"),
        "language": ("preferred language", "hs_language"),
        "relationship_kind": ("lifecycle stage", "lifecyclestage"),
        "relationship_since": ("became a customer date", "hs_lifecyclestage_customer_date"),
    },
    words={"relationship_kind": {"customer": "customer"}},
)

_MAUTIC_DNC = ("donotcontact", "do_not_contact", "do not contact", "dnc", "dnc_email", "dnc_reason")

MAUTIC = (
    Format(
        name="mautic-dnc",
        title="Mautic contacts with a do-not-contact column",
        needs=(("email",), ("firstname", "first name"), ("points", "dateadded", "date_added"), _MAUTIC_DNC),
        email=("email",),
        rules=tuple(
            rule
            for column in _MAUTIC_DNC
            for rule in (
                Rule(column, frozenset({"2", "bounced"}), BOUNCE),
                Rule(column, NO | {"contactable"}, STOP_ALL, unless=True),
            )
        ),
        otherwise=DECLARED,
        given_at=("dateadded", "date_added"),
        facts={"language": ("preferred_locale", "preferred locale")},
    ),
    Format(
        name="mautic",
        title="Mautic contacts",
        needs=(("email",), ("firstname", "first name"), ("points",)),
        email=("email",),
        otherwise=Verdict(why="the export does not say who may not be contacted, so it proves no yes"),
        facts={"language": ("preferred_locale", "preferred locale")},
    ),
)

VENDORS = (*MAILCHIMP, *SENDGRID, KLAVIYO, LISTMONK, HUBSPOT, *MAUTIC)
