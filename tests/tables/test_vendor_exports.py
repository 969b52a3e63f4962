"""The exports of other tools: what of them is a choice, and what never becomes one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Found, Skipped, open_import, unread_columns
from prefcenter.tables.recognising import FORMATS, recognise
from tests.tables.reading import DECLARED, bad_in, found_in, imported, written

MAILCHIMP = (
    "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,"
    "LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)
ADA = (
    'ada@example.com,Ada,L.,4,"2021-03-01 09:58:00",203.0.113.7,"2021-03-01 10:02:11",203.0.113.8,52.5,13.4,'
    '1,2,Europe/Berlin,de,BE,"2024-01-01 00:00:00",4711,abc123,,"""vip"""'
)
BOB = (
    'bob@example.org,Bob,,2,"2019-06-30 12:00:00",198.51.100.4,,,,,,,,us,ca,'
    '"2019-06-30 12:00:00",4712,abc124,,'
)
HUBSPOT = (
    "Record ID,First Name,Email,Lifecycle Stage,Became a Customer Date,Create Date,Country/Region,"
    "Preferred language,Unsubscribed from all email,Email hard bounce reason,Opted out of email: Offers"
)
LISTMONK = "uuid,email,name,attributes,status,created_at,updated_at"
SENDGRID = {
    "bounces": "status,reason,email,created\n5.1.1,550 5.1.1 no such user,ada@example.com,1700000000\n",
    "blocks": "status,reason,email,created\n5.7.1,554 blocked,ada@example.com,1700000000\n",
    "invalid_emails": "reason,email,created\nMail domain mentioned is unknown,ada@example.com,1700000000\n",
    "spam_reports": "ip,email,created\n203.0.113.9,ada@example.com,1700000000\n",
    "unsubscribes": "email,created\nada@example.com,1700000000\n",
    "group": "email,group_id,group_name,created_at\nada@example.com,10,Weekly,1700000000\n",
}
AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def only(path: Path, **options: object) -> Found:
    (found,) = found_in(path, **options)
    return found


def skipped(path: Path, **options: object) -> str:
    (found,) = imported(path, **options)  # type: ignore[arg-type]
    assert isinstance(found, Skipped)
    return found.reason


def test_a_mailchimp_subscriber_said_yes_at_the_time_and_from_where_mailchimp_saw_it(tmp_path: Path) -> None:
    ada, bob = found_in(written(tmp_path, f"{MAILCHIMP}\n{ADA}\n{BOB}\n"), purpose="newsletter")
    assert (ada.action, ada.purpose, ada.channel) == ("give", "newsletter", None)
    assert ada.occurred_at == datetime(2021, 3, 1, 10, 2, 11, tzinfo=UTC)
    assert ada.evidence == {
        "format": "mailchimp",
        "optin_time": "2021-03-01T09:58:00Z",
        "optin_ip": "203.0.113.7",
        "confirm_time": "2021-03-01T10:02:11Z",
        "confirm_ip": "203.0.113.8",
        "ip": "203.0.113.8",
    }
    assert (ada.facts, ada.external_id) == ({"country": "DE"}, None)
    assert bob.occurred_at == datetime(2019, 6, 30, 12, tzinfo=UTC)
    assert (bob.evidence["ip"], bob.facts) == ("198.51.100.4", {"country": "US-CA"})


def test_a_declaration_stands_in_for_what_is_missing_and_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, f"{MAILCHIMP}\n{ADA}\n")
    found = only(path, purpose="newsletter", declaration=DECLARED)
    assert found.evidence["wording"] == "Yes, send me the newsletter"
    assert found.evidence["source"] == "the sign-up form of example.com"
    assert found.evidence["declared"] == ["wording", "source"]
    assert "declared" not in only(path, purpose="newsletter").evidence


def test_mailchimp_does_not_say_what_they_said_yes_to(tmp_path: Path) -> None:
    path = written(tmp_path, f"{MAILCHIMP}\n{ADA}\n")
    for purpose in (None, "*"):
        with pytest.raises(TableError, match="--purpose"):
            imported(path, purpose=purpose)


def test_mailchimp_unsubscribes_end_the_purpose_or_everything(tmp_path: Path) -> None:
    head = f"{MAILCHIMP},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER"
    rows = f'{ADA},"2022-02-02 02:02:02",Spring,77,NORMAL,\n{BOB},"2022-02-02 02:02:02",,,Abuse complaint,\n'
    path = written(tmp_path, f"{head}\n{rows}")
    ada, bob = found_in(path)
    assert (ada.action, ada.purpose) == ("object", "*")
    assert ada.occurred_at == datetime(2022, 2, 2, 2, 2, 2, tzinfo=UTC)
    assert ada.evidence["reason"] == "NORMAL"
    assert (bob.action, bob.purpose, bob.channel) == ("complain", "*", "email")
    ada, bob = found_in(path, purpose="newsletter", declaration=DECLARED)
    assert (ada.action, ada.purpose, bob.purpose) == ("withdraw", "newsletter", "*")
    assert "declared" not in ada.evidence


def test_mailchimp_cleaned_addresses_bounced(tmp_path: Path) -> None:
    path = written(tmp_path, f'{MAILCHIMP},CLEAN_TIME\n{ADA},"2022-02-02 02:02:02"\n')
    assert only(path, purpose="newsletter")[3:6] == ("*", "email", "bounce")


def test_mailchimp_non_subscribed_contacts_said_nothing(tmp_path: Path) -> None:
    text = f"{MAILCHIMP}\n{ADA}\n{ADA.replace(',de,', ',,')}\n"
    path = written(tmp_path, text, "nonsubscribed_email_audience_export_9.csv")
    first, second = imported(path, purpose="newsletter", declaration=DECLARED)
    assert isinstance(first, Found)
    assert (first.action, first.purpose, first.facts) == (None, None, {"country": "DE"})
    assert isinstance(second, Skipped)
    assert "never said yes" in second.reason


@pytest.mark.parametrize(
    ("file", "action", "evidence"),
    [
        ("bounces", "bounce", {"reason": "550 5.1.1 no such user", "status": "5.1.1"}),
        ("invalid_emails", "bounce", {"reason": "Mail domain mentioned is unknown"}),
        ("spam_reports", "complain", {"sending_ip": "203.0.113.9"}),
        ("unsubscribes", "withdraw", {}),
        ("group", "withdraw", {"group": "Weekly"}),
    ],
)
def test_each_suppression_list_of_sendgrid_is_known(
    file: str, action: str, evidence: dict[str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, SENDGRID[file], f"suppression_{file}.csv")
    found = only(path, purpose="newsletter")
    assert (found.action, found.occurred_at) == (action, AT)
    assert found.purpose == ("newsletter" if action == "withdraw" else "*")
    assert {**evidence, "format": found.evidence["format"]} == found.evidence
    assert only(path).purpose == "*"


def test_sendgrid_times_come_in_several_ways(tmp_path: Path) -> None:
    for time in ("1700000000", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "2023-11-14 23:13:20 +0100"):
        assert only(written(tmp_path, f"email,created\nada@example.com,{time}\n")).occurred_at == AT


def test_a_block_is_no_bounce_and_the_file_name_or_the_format_tells_them_apart(tmp_path: Path) -> None:
    assert "may well work" in skipped(written(tmp_path, SENDGRID["blocks"], "suppression_blocks.csv"))
    unnamed = written(tmp_path, SENDGRID["blocks"])
    with pytest.raises(TableError, match="sendgrid-blocks or sendgrid-bounces; say which with --format"):
        imported(unnamed)
    assert "may well work" in skipped(unnamed, form="sendgrid-blocks")
    assert only(unnamed, form="sendgrid-bounces").action == "bounce"


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("HARD_BOUNCE", "bounce"),
        ("INVALID_EMAIL", "bounce"),
        ("Marked as Spam", "complain"),
        ("SPAM_COMPLAINT", "complain"),
        ("UNSUBSCRIBE", "object"),
        ("USER_SUPPRESSED", "object"),
        ("something new", "object"),
    ],
)
def test_whoever_klaviyo_suppressed_is_stopped(reason: str, action: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"Email,Reason,Date\nada@example.com,{reason},2023-11-14T22:13:20+00:00\n")
    found = only(path, purpose="newsletter")
    assert (found.action, found.purpose, found.occurred_at) == (action, "*", AT)
    assert found.evidence == {"reason": reason, "format": "klaviyo"}


def test_a_stop_whose_zone_is_unknown_is_undated_and_so_undoes_every_yes(tmp_path: Path) -> None:
    path = written(tmp_path, "Email,Reason,Date\nada@example.com,UNSUBSCRIBE,2023-11-14 22:13:20\n")
    found = only(path)
    assert found.occurred_at is None
    assert found.evidence["stated_time"] == "2023-11-14 22:13:20"
    assert found.left_out == ("date: needs a time zone, as in 2026-03-01T10:00:00Z",)


def test_listmonk_says_who_is_blocked_and_not_who_agreed(tmp_path: Path) -> None:
    row = "7f0c,{email},N,{{}},{status},2023-11-14 22:13:20.000001 {zone},2024-01-01 00:00:00 +0000 UTC"
    people = (("ada", "blocklisted", "+0000 UTC"), ("bob", "enabled", "+0100 +0100"), ("eve", "disabled", ""))
    text = "\n".join(row.format(email=f"{n}@example.com", status=s, zone=z) for n, s, z in people)
    path = written(tmp_path, f"{LISTMONK}\n{text}\n", "subscribers.csv")
    ada, bob, eve = imported(path, purpose="newsletter")
    assert isinstance(ada, Found)
    # When the row was made is not when it was blocked.
    assert ada[3:7] == ("*", None, "object", None)
    assert isinstance(bob, Skipped)
    assert "--declare" in bob.reason
    assert isinstance(eve, Skipped)
    assert "by an operator" in eve.reason
    _, bob, _ = imported(path, purpose="newsletter", declaration=DECLARED)
    assert isinstance(bob, Found)
    assert (bob.action, bob.purpose) == ("give", "newsletter")
    assert bob.occurred_at == datetime(2023, 11, 14, 21, 13, 20, 1, tzinfo=UTC)
    with pytest.raises(TableError, match="add --purpose"):
        imported(path, declaration=DECLARED)


def test_hubspot_says_who_opted_out_and_who_is_a_customer(tmp_path: Path) -> None:
    rows = (
        "1,Ada,ada@example.com,Customer,2023-11-14 22:13,2023-01-01 10:00,Germany,de,true,,",
        "2,Bob,bob@example.com,Lead,,2023-01-01 10:00,Germany,en-us,false,Unknown user,",
        "3,Eve,eve@example.com,Lead,,2023-01-01 10:00,,,,,true",
        "4,Zoe,zoe@example.com,Customer,2023-11-14 22:13,2023-01-01 10:00,Germany,,No,,false",
        "5,Kim,kim@example.com,Customer,,2023-01-01 10:00,Germany,,wahr,,",
    )
    path = written(tmp_path, "\n".join((HUBSPOT, *rows)))
    ada, bob, eve, zoe, kim = imported(path, purpose="newsletter", declaration=DECLARED)
    assert isinstance(ada, Found)
    assert ada[3:7] == ("*", None, "object", None)
    since = datetime(2023, 11, 14, 22, 13, tzinfo=UTC)
    assert ada.facts == {"language": "de", "relationship": {"kind": "customer", "since": since}}
    assert isinstance(bob, Found)
    assert (bob.action, bob.facts) == ("bounce", {"language": "en-us"})
    assert isinstance(eve, Skipped)
    assert "subscription type" in eve.reason
    assert isinstance(zoe, Found)
    assert (zoe.action, zoe.occurred_at) == ("give", datetime(2023, 1, 1, 10, tzinfo=UTC))
    assert isinstance(kim, Found)
    assert (kim.action, kim.facts) == ("object", {})
    undeclared = imported(path, purpose="newsletter")[3]
    assert isinstance(undeclared, Found)
    assert (undeclared.action, undeclared.facts["relationship"]["kind"]) == (None, "customer")


def test_mautic_proves_no_yes_unless_it_says_who_may_not_be_contacted(tmp_path: Path) -> None:
    head = "id,firstname,lastname,email,points,dateAdded,preferred_locale"
    row = "1,Ada,L.,ada@example.com,10,2023-01-01 10:00:00,"
    plain = written(tmp_path, f"{head}\n{row}\n{row}de\n")
    nothing, facts = imported(plain, purpose="newsletter", declaration=DECLARED)
    assert isinstance(nothing, Skipped)
    assert "may not be contacted" in nothing.reason
    assert isinstance(facts, Found)
    assert (facts.action, facts.facts) == (None, {"language": "de"})
    rows = "\n".join(f"{row},{word}" for word in ("1", "2", "manual", "contactable", "", "0"))
    path = written(tmp_path, f"{head},doNotContact\n{rows}\n")
    found = found_in(path, purpose="newsletter", declaration=DECLARED)
    assert [each.action for each in found] == ["object", "bounce", "object", "give", "give", "give"]


def test_a_stop_is_never_lost_to_another_column_of_its_row(tmp_path: Path) -> None:
    head = f"{MAILCHIMP},UNSUB_TIME,UNSUB_REASON"
    row = ADA.replace(",de,", ",Germany,").replace("2021-03-01 09:58:00", "long ago")
    found = only(written(tmp_path, f'{head}\n{row},2999-01-01 00:00:00,"{"x" * 501}"\n'))
    assert (found.action, found.occurred_at, found.facts) == ("object", None, {})
    assert [each.split(":")[0] for each in found.left_out] == [
        "unsub_time",
        "optin_time",
        "unsub_reason",
        "cc",
    ]
    # But a yes is not taken by halves.
    (bad,) = bad_in(written(tmp_path, f"{MAILCHIMP}\n{row}\n"), purpose="newsletter")
    assert bad.reason == (
        "optin_time: must be a time like 2026-03-01T10:00:00Z; "
        "cc: must be an ISO 3166-1 alpha-2 code such as DE, or with a region such as US-CA;"
        " XX or nothing where it is not known"
    )


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    for text, unread in (
        (f"{HUBSPOT},Favourite Colour\n", ["Record ID", "First Name", "Country/Region", "Favourite Colour"]),
        ("email,action,Name,rejected_line\n", ["Name"]),
        (SENDGRID["unsubscribes"], []),
    ):
        with open_import(written(tmp_path, text)) as table:
            assert unread_columns(table, recognise(table)) == unread


def test_an_unknown_table_or_format_is_told_the_nearest_and_all_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, "Email Address,LEID,Colour\nada@example.com,1,red\n")
    every = ", ".join(FORMATS)
    with pytest.raises(TableError) as unknown:
        imported(path)
    assert "the nearest is mailchimp, which needs 'optin_time' too\n" in str(unknown.value)
    assert str(unknown.value).endswith(f"force a format with --format (docs/import.md): {every}")
    with pytest.raises(TableError) as misspelt:
        imported(path, form="mailchmp")
    said = f"--format: no format 'mailchmp'; did you mean 'mailchimp'? it takes: {every}"
    assert str(misspelt.value) == said


def test_what_is_wrong_with_a_cell_that_is_read_for_two_things_is_said_once(tmp_path: Path) -> None:
    path = written(tmp_path, "Email Address,OPTIN_TIME,CONFIRM_TIME,LEID\nada@example.com,,yesterday,1\n")
    (bad,) = bad_in(path, purpose="newsletter", declaration=DECLARED)
    assert bad.reason.count("confirm_time") == 1


def test_a_format_can_be_forced_and_then_its_columns_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "Email,Reason,Date,Name\nada@example.com,UNSUBSCRIBE,,Ada\n")
    with pytest.raises(TableError, match="not a format that is known; it has: Email, Reason, Date, Name"):
        imported(path)
    assert only(path, form="klaviyo").action == "object"
    with pytest.raises(TableError, match="needs a column 'email address'; it has: Email, Reason"):
        imported(path, form="mailchimp")
    with pytest.raises(TableError, match="--format: no format 'outlook'; it takes: mailchimp"):
        imported(path, form="outlook")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_finds_its_address_and_reads_only_what_it_names(name: str) -> None:
    form = FORMATS[name]
    assert any(set(form.email) >= set(group) for group in form.needs)
    assert not form.only or form.named or set(form.email) < {each for group in form.needs for each in group}
