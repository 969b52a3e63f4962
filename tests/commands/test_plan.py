"""`plan` and `apply`: what is said before, is what is done after; people keep what they agreed to."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from prefcenter.commands import updating
from tests.api.client import CATALOG
from tests.commands.conftest import ROOT, Console

NOTICE = '[notice]\nversion = "2026-11"\nurl = "https://example.com/privacy"\npublished = 2026-11-01\n'
SUBSTANTIAL = 'change = "substantial"\n'
TWO = '[recipients.two]\nname = "Two"\nemail = "two@example.com"\n'
SECOND_PARTY = (
    CATALOG.replace('recipients = ["partner-inc"]', 'recipients = ["partner-inc", "two"]') + f"\n{TWO}"
)
EVENTS = (
    '\n[purposes.events]\ntitle = "Events"\ndescription = "Our events."\nchannels = ["email"]\n'
    'basis = "consent"\n'
)
#: What the README changes.
SECOND = '[recipients.second-inc]\nname = "Second Inc"\nemail = "privacy@second.example"\n'
SURVEYS = (
    '[purposes.surveys]\ntitle = "Surveys"\ndescription = "What you think."\nchannels = ["email"]\n'
    'basis = "consent"\n'
)
README_CHANGE = "\n".join(
    [
        CATALOG.replace("Monthly product news and tips.", "Product news and tips, once a month.")
        .replace('recipients = ["partner-inc"]', 'recipients = ["partner-inc", "second-inc"]')
        .replace("[purposes.offers]", f"{SURVEYS}\n[purposes.offers]"),
        SECOND,
        '[regimes.FR]\nexpires = 24\nreason = "Counsel advises it"\n',
        NOTICE.replace("2026-11-01", "2026-12-01").replace("2026-11", "2026-12") + SUBSTANTIAL,
    ]
)


def write(console: Console, text: str) -> None:
    (console.folder / "prefcenter.toml").write_text(text)


def give(console: Console, email: str, purpose: str = "newsletter") -> None:
    path = console.folder / "yes.csv"
    path.write_text(
        "email,purpose,action,occurred_at,wording,source\n"
        f"{email},{purpose},give,2026-03-01T10:00:00Z,Yes please,form\n"
    )
    console.ok("import", str(path))


def test_nothing_is_planned_where_nothing_changed(console):
    assert "Nothing to do" in console.ok("plan").out
    assert "In force already" in console.ok("apply").out


def test_a_third_party_more_is_material_and_people_stay_on_what_they_agreed_to(console):
    give(console, "ada@example.com", "partner-offers")
    write(console, SECOND_PARTY)

    said = console.ok("plan").out

    assert "~ partner-offers: material change" in said
    assert "adds the third party two" in said
    assert "becomes version 2; 1 person stays on what was agreed to" in said
    assert "`prefcenter ask partner-offers`" in said
    assert "third party two (Two, mail to two@example.com): partner-offers" in said
    assert "Nothing has been changed" in said

    console.ok("apply")
    why = console.ok("why", "ada@example.com", "--purpose", "partner-offers").out
    assert why.startswith("Yes:")
    assert "version 1" in why


@pytest.mark.parametrize(
    ("case", "text", "told"),
    [
        ("a kind", CATALOG.replace('kind = "marketing"', 'kind = "profiling"', 1), "its kind was marketing"),
        (
            "a basis",
            CATALOG.replace('basis = "consent"', 'basis = "legitimate_interest"', 1),
            "its basis was consent",
        ),
        (
            "a third party under an old key",
            CATALOG.replace('name = "Partner Inc"', 'name = "Other Inc"'),
            "use another key",
        ),
    ],
)
def test_what_makes_another_purpose_is_refused_and_nothing_is_applied(console, case, text, told):
    give(console, "ada@example.com")
    write(console, text.replace('title = "Your account"', 'title = "Account"'))

    ran = console.run("plan")
    assert (ran.code, told in ran.out) == (1, True), case
    assert "would refuse" in ran.out
    assert told in console.refused("apply")

    write(console, CATALOG)
    assert "Nothing to do" in console.ok("plan").out


def test_a_purpose_taken_out_is_retired_and_says_who_held_it(console):
    give(console, "ada@example.com")
    write(console, re.sub(r"(?ms)^\[purposes.newsletter\].*?^(?=\[)", "", CATALOG))

    said = console.ok("plan").out
    assert "- newsletter: retired" in said
    assert "1 person said yes to it: kept as proof" in said

    console.ok("apply")
    assert "unknown_purpose" in console.ok("why", "ada@example.com", "--purpose", "newsletter").out
    write(console, CATALOG)
    assert "+ newsletter: wanted again" in console.ok("plan").out
    console.ok("apply")
    assert console.ok("why", "ada@example.com", "--purpose", "newsletter").out.startswith("Yes:")


@pytest.mark.parametrize(
    "text",
    [
        CATALOG.replace('recipients = ["partner-inc"]', "recipients = []"),
        re.sub(r"(?ms)^\[purposes.partner-offers\].*?^(?=\[)", "", CATALOG),
    ],
    ids=["it is taken out of a purpose", "its purpose is retired"],
)
def test_a_third_party_that_gets_less_is_named_too(console, text):
    write(console, text)
    assert "third party partner-inc (Partner Inc, mail to privacy@partner.example)" in console.ok("plan").out


def test_two_notices_with_one_version_are_refused(console):
    write(console, CATALOG + NOTICE + SUBSTANTIAL)
    assert "at once" in console.ok("plan").out
    console.ok("apply")
    write(console, CATALOG + NOTICE.replace("privacy", "privacy-2") + SUBSTANTIAL)

    assert "was applied with other content; give it a new version" in console.refused("apply")


def test_what_comes_with_a_substantial_notice_waits_for_thirty_days(console):
    write(console, CATALOG + NOTICE + SUBSTANTIAL)
    console.ok("apply")
    write(console, CATALOG + EVENTS + NOTICE.replace("2026-11", "2026-12", 1) + SUBSTANTIAL)

    said = console.ok("plan").out
    assert "+ events: new" in said
    assert re.search(r"held back by the notice until \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    assert re.search(r"§ notice\n +'2026-12' \(substantial\): in force on \d{4}", said)

    console.ok("apply")
    give(console, "ada@example.com", "events")
    assert "not_in_force" in console.ok("why", "ada@example.com", "--purpose", "events").out


def test_a_rule_of_a_country_that_is_overridden_shows_in_the_plan(console):
    write(console, CATALOG + '\n[regimes.FR]\nexpires = 24\nreason = "Counsel advises it"\n')

    said = console.ok("plan").out

    assert "§ rules" in said
    assert "rules of FR: changed: expires 36 to 24" in said
    console.ok("apply")
    assert "Nothing to do" in console.ok("plan").out


def test_an_apply_writes_a_handful_of_rows_and_one_only_once(console):
    for number in range(3):
        give(console, f"p{number}@example.com", "partner-offers")
    write(console, SECOND_PARTY)
    console.ok("apply")
    before = console.ok("verify").out
    assert "In force already" in console.ok("apply").out
    assert console.ok("verify").out == before


def test_a_new_version_starts_again_from_the_last_one(console):
    write(console, SECOND_PARTY)
    console.ok("apply")
    write(
        console,
        SECOND_PARTY.replace('["partner-inc", "two"]', '["partner-inc", "two", "three"]')
        + TWO.replace("two", "three"),
    )
    assert "becomes version 3" in console.ok("plan").out


def test_the_readme_shows_what_plan_says(console, monkeypatch):
    monkeypatch.setattr(updating, "utc_now", lambda: datetime(2026, 11, 20, tzinfo=UTC))
    write(console, CATALOG + NOTICE + SUBSTANTIAL)
    console.ok("apply")
    rows = [f"p{number}@example.com,newsletter" for number in range(1240)]
    rows += [f"p{number}@example.com,partner-offers" for number in range(312)]
    (console.folder / "yes.csv").write_text(
        "email,purpose,action,occurred_at,wording,source\n"
        + "".join(f"{row},give,2026-03-01T10:00:00Z,Yes please,form\n" for row in rows)
    )
    console.ok("import", "yes.csv")
    (console.folder / "prefcenter.toml").write_text(README_CHANGE)

    shown = (ROOT / "README.md").read_text().split("$ prefcenter plan\n")[1].split("```")[0]

    assert console.ok("plan").out == shown
