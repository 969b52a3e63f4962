"""Shipped templates read well, the operator's own win, and nothing is silently empty."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from jinja2 import UndefinedError

from prefcenter.mail import render
from prefcenter.mail.render import Templates, environment, shipped_templates

CONTEXT: dict[str, Any] = {
    "title": "What is new in November",
    "name": "Ada",
    "controller": SimpleNamespace(name="Example Ltd", postal_address="1 Example Street, Example City"),
    "purpose": SimpleNamespace(title="Product newsletter"),
    "unsubscribe_url": "https://prefs.example.com/u/tok",
    "preferences_url": "https://prefs.example.com/p/tok",
}
SHIPPED = Templates([shipped_templates()])


def put(folder: Path, **parts: str) -> Path:
    for part, text in parts.items():
        path = folder / "emails" / "hello" / part.replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_newsletter_says_in_both_parts_why_by_whom_and_how_to_stop() -> None:
    mail = SHIPPED.render_email("newsletter-demo", CONTEXT)
    assert mail.subject == "What is new in November"
    for part in (mail.text, unescape(mail.html)):
        for promised in (
            "You get this because",
            "Product newsletter",
            "Example Ltd",
            "1 Example Street",
            "Ada",
        ):
            assert promised in part
        assert CONTEXT["unsubscribe_url"] in part
        assert CONTEXT["preferences_url"] in part


def test_the_newsletter_loads_nothing_from_elsewhere() -> None:
    html = SHIPPED.render_email("newsletter-demo", CONTEXT).html
    assert not re.search(r"<(img|link|script|iframe|video|table)\b|src=|url\(|@import|http-equiv", html)
    assert set(re.findall(r"https?://[^\"<\s]+", html)) == {
        CONTEXT["unsubscribe_url"],
        CONTEXT["preferences_url"],
    }


def test_the_newsletter_leaves_its_colours_to_light_and_dark_mode() -> None:
    html = SHIPPED.render_email("newsletter-demo", CONTEXT).html
    assert 'name="color-scheme" content="light dark"' in html
    assert set(re.findall(r"[\s;\"]color:([^;]+)", html)) == {"inherit"}
    assert "background" not in html


def test_the_newsletter_greets_people_whose_name_is_not_known() -> None:
    mail = SHIPPED.render_email("newsletter-demo", {**CONTEXT, "name": ""})
    assert mail.text.startswith("Hello,\n")
    assert "Hello,</p>" in mail.html


def test_what_people_are_called_is_text_not_html() -> None:
    mail = SHIPPED.render_email("newsletter-demo", {**CONTEXT, "name": "<b>Ada</b> & Co"})
    assert "&lt;b&gt;Ada&lt;/b&gt; &amp; Co" in mail.html
    assert "<b>Ada</b> & Co" in mail.text


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    mail = SHIPPED.render_email("newsletter-demo", {**CONTEXT, "title": "News\r\nBcc: eve@example.com"})
    assert mail.subject == "News Bcc: eve@example.com"


def test_the_operators_folder_wins_part_by_part(tmp_path: Path) -> None:
    shipped = put(tmp_path / "shipped", subject_txt="Hi", body_txt="Hi", body_html="Hi")
    own = put(tmp_path / "own", subject_txt="Moin")
    assert Templates([own, shipped]).render_email("hello", {}) == ("Moin", "Hi", "Hi")


def test_a_missing_value_is_an_error_that_names_it(tmp_path: Path) -> None:
    folder = put(tmp_path, subject_txt="Hi", body_txt="{{ nmae }}", body_html="Hi")
    with pytest.raises(UndefinedError, match="nmae"):
        Templates([folder]).render_email("hello", {"name": "Ada"})


def test_templates_speak_the_language_there_is_a_catalog_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    german = Catalog(locale="de")
    german.add("Hello %(name)s,", "Hallo %(name)s,")
    german.add(("%(num)s mail", "%(num)s mails"), ("%(num)s Mail", "%(num)s Mails"))
    path = tmp_path / "de" / "LC_MESSAGES" / "prefcenter.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, german)
    monkeypatch.setattr(render, "_LOCALES", tmp_path)
    folder = put(
        tmp_path,
        subject_txt='{{ _("Hello %(name)s,", name=name) }}',
        body_txt="{% trans name=name %}Hello {{ name }},{% endtrans %} {{ language }}",
        body_html='{{ ngettext("%(num)s mail", "%(num)s mails", 2) }} {{ _("Hello %(name)s,", name=name) }}',
    )
    templates = Templates([folder])
    assert templates.render_email("hello", {"name": "<A>"}, "de") == (
        "Hallo <A>,",
        "Hallo <A>, de",
        "2 Mails Hallo &lt;A&gt;,",
    )
    assert templates.render_email("hello", {"name": "A"}, "xx").text == "Hello A, xx"


def test_pages_share_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<h1>{{ title }}</h1>")
    page = environment([tmp_path]).get_template("page.html")
    assert page.render(title="a < b") == "<h1>a &lt; b</h1>"
