"""What a new catalog may change: wording at once, more of people's data never without asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from prefcenter.domain.catalog_changes import What, changed_recipients, compare, refusals
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose, SoftOptInOffer, Translation

NEWS = Purpose(
    key="newsletter",
    title="News",
    description="Monthly.",
    channels=(Channel.EMAIL,),
    basis=Basis.CONSENT,
    recipients=("partner-inc",),
    data=("email",),
)
OFFER = SoftOptInOffer(offered_since=date(2025, 1, 1), wording="Say no here.")


def changes(new: Purpose, old: Purpose = NEWS) -> list[tuple[What, str]]:
    return [(change.what, change.detail) for change in compare({old.key: old}, {new.key: new})]


def test_in_an_empty_database_everything_is_new() -> None:
    (change,) = compare(None, {"newsletter": NEWS})
    assert (change.purpose, change.what) == ("newsletter", What.NEW)
    assert compare({}, {"newsletter": NEWS}) == (change,)


def test_nothing_changed_is_no_change_whatever_the_version_held() -> None:
    assert changes(NEWS) == []
    assert changes(NEWS, replace(NEWS, version=4)) == []


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (
            replace(NEWS, channels=(Channel.EMAIL, Channel.SMS)),
            "newsletter: adds the channel sms (was email, now email, sms): a new version, on which people are"
            " asked",
        ),
        (
            replace(NEWS, recipients=("partner-inc", "other")),
            "adds the third party other (was partner-inc, now",
        ),
        (
            replace(NEWS, data=("email", "purchases")),
            "adds the category of data purchases (was email, now email,",
        ),
    ],
)
def test_more_channels_third_parties_or_data_are_material(new: Purpose, says: str) -> None:
    ((what, detail),) = changes(new)
    assert what is What.MATERIAL
    assert says in detail


def test_exchanging_one_third_party_for_another_is_material() -> None:
    found = changes(replace(NEWS, recipients=("other",)))
    assert [what for what, _ in found] == [What.MATERIAL, What.MINOR]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (
            replace(NEWS, kind=Kind.PROFILING),
            "its kind was marketing and would be profiling: make it a new purpose",
        ),
        (
            replace(NEWS, basis=Basis.LEGITIMATE_INTEREST),
            "its basis was consent and would be legitimate_interest: make it a new purpose",
        ),
        (replace(NEWS, basis=None), "its basis was consent and would be not set: make it a new purpose"),
    ],
)
def test_another_kind_or_basis_is_another_purpose(new: Purpose, says: str) -> None:
    assert changes(new) == [(What.FORBIDDEN, f"newsletter: {says}")]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (replace(NEWS, title="Tips"), "its title was 'News' and is now 'Tips'"),
        (replace(NEWS, description="Weekly."), "its description was 'Monthly.' and is now 'Weekly.'"),
        (replace(NEWS, why="Because."), "its why was not set and is now 'Because.'"),
    ],
)
def test_words_may_change(new: Purpose, says: str) -> None:
    assert changes(new) == [(What.WORDING, f"newsletter: {says}")]


def test_translations_are_words_too() -> None:
    german = replace(NEWS, translations={"de": Translation(title="Neues", description="Monatlich.")})
    assert changes(german) == [
        (What.WORDING, "newsletter: its title in de was not set and is now 'Neues'"),
        (What.WORDING, "newsletter: its description in de was not set and is now 'Monatlich.'"),
    ]
    assert [what for what, _ in changes(NEWS, german)] == [What.WORDING, What.WORDING]


def test_the_words_of_the_soft_opt_in_are_words_and_its_day_is_minor() -> None:
    old = replace(NEWS, basis=None, soft_opt_in=OFFER)
    assert changes(replace(old, soft_opt_in=replace(OFFER, wording="No?")), old) == [
        (What.WORDING, "newsletter: its soft_opt_in wording was 'Say no here.' and is now 'No?'")
    ]
    assert changes(replace(old, soft_opt_in=None), old) == [
        (What.MINOR, "newsletter: its soft_opt_in offered_since was 2025-01-01 and is now not set")
    ]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (
            replace(NEWS, recipients=()),
            "no longer has the third party partner-inc (was partner-inc, now none)",
        ),
        (replace(NEWS, data=()), "no longer has the category of data email (was email, now none)"),
        (replace(NEWS, double_opt_in=True), "its double_opt_in was not set and is now on"),
        (replace(NEWS, require_proof="confirmed"), "its require_proof was not set and is now 'confirmed'"),
        (replace(NEWS, similar_to_purchase=True), "its similar_to_purchase was off and is now on"),
    ],
)
def test_less_scope_and_other_terms_are_minor(new: Purpose, says: str) -> None:
    assert changes(new) == [(What.MINOR, f"newsletter: {says}")]


def test_another_order_of_channels_is_no_change() -> None:
    both = replace(NEWS, channels=(Channel.EMAIL, Channel.SMS))
    assert changes(replace(both, channels=(Channel.SMS, Channel.EMAIL)), both) == []


def test_what_is_gone_is_retired_once() -> None:
    ((key, what),) = [(change.purpose, change.what) for change in compare({"newsletter": NEWS}, {})]
    assert (key, what) == ("newsletter", What.RETIRED)
    assert compare({"newsletter": replace(NEWS, retired=True)}, {}) == ()
    assert compare({"newsletter": NEWS}, {"newsletter": replace(NEWS, retired=True)})[0].what is What.RETIRED


def test_retiring_and_reviving_smuggles_nothing_in() -> None:
    retired = replace(NEWS, retired=True)
    wider = replace(NEWS, channels=(Channel.EMAIL, Channel.SMS), kind=Kind.DISCLOSURE)
    assert [what for what, _ in changes(NEWS, retired)] == [What.REVIVED]
    assert [what for what, _ in changes(wider, retired)] == [What.REVIVED, What.FORBIDDEN, What.MATERIAL]


def test_only_forbidden_changes_are_refused() -> None:
    wanted = replace(
        NEWS, title="Tips", kind=Kind.TRACKING, channels=(Channel.SMS,), double_opt_in=True, recipients=()
    )
    other = replace(NEWS, key="other")
    found = compare(
        {"newsletter": NEWS, "gone": replace(NEWS, key="gone")}, {"newsletter": wanted, "other": other}
    )
    assert {change.what for change in found} == set(What) - {What.REVIVED, What.NOTICE, What.RULES}
    assert {change.what for change in refusals(found)} == {What.FORBIDDEN}


def test_changes_come_in_the_order_of_the_file_the_retired_last() -> None:
    applied = {key: replace(NEWS, key=key) for key in ("a", "b")}
    wanted = {key: replace(NEWS, key=key, title="Tips") for key in ("z", "b")}
    assert [change.purpose for change in compare(applied, wanted)] == ["z", "b", "a"]


def test_a_third_party_that_became_another_one_needs_another_key() -> None:
    partner = Purpose(key="partner", title="Partner", description="…", recipients=("inc",))
    other = Purpose(key="news", title="News", description="…")
    purposes = {"partner": partner, "news": other}
    assert changed_recipients({"inc": "Partner Inc"}, {"inc": "Partner Inc"}, purposes) == ()
    (change,) = changed_recipients({"inc": "Partner Inc"}, {"inc": "Another Inc"}, purposes)
    assert (change.purpose, change.what) == ("partner", What.FORBIDDEN)
    assert refusals([change]) == (change,)
