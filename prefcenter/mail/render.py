"""Templates for mails and pages: a folder of one's own first, then the shipped ones, in any language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_PACKAGE = Path(__file__).resolve().parent.parent
#: Compiled gettext catalogs, `<language>/LC_MESSAGES/prefcenter.mo`; English is the source and needs none.
_LOCALES = _PACKAGE / "locale"
_DOMAIN = "prefcenter"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(_[A-Za-z0-9]{2,8})*")


class RenderedEmail(NamedTuple):
    subject: str
    text: str
    html: str


def shipped_templates() -> Path:
    """Inside the package when installed, beside it in the source tree."""
    installed = _PACKAGE / "_templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


def environment(folders: Sequence[Path], language: str = "en") -> Environment:
    """Jinja for pages and mails: the first folder that has a template wins, `.html` is escaped.

    A name missing from the context is an error, not an empty string. `_()`, `gettext`, `ngettext` and
    `{% trans %}` speak `language`, which templates also see as `language`; without a catalog, English.
    """
    made = Environment(
        loader=FileSystemLoader([str(folder) for folder in folders]),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    translations = Translations.load(_LOCALES, [language], _DOMAIN)
    # Added by the extension at run time, so jinja2's own types do not know it.
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    return made


class Templates:
    """The mails under `emails/<name>/`: subject.txt, body.txt and body.html.

    `folders` are searched in order; give the operator's folder first and `shipped_templates()` last.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._by_language: dict[str, Environment] = {}

    def environment(self, language: str = "en") -> Environment:
        """The environment of a language, made once."""
        if language not in self._by_language:
            self._by_language[language] = environment(self._folders, language)
        return self._by_language[language]

    def nearest(self, language: str | None) -> str:
        """A language that there is a catalog for: `de-CH` may be answered in `de`; else English."""
        wanted = language or ""
        for name in (wanted.replace("-", "_"), re.split("[-_]", wanted)[0].lower()):
            if _LANGUAGE.fullmatch(name) and (_LOCALES / name / "LC_MESSAGES" / f"{_DOMAIN}.mo").is_file():
                return name
        return "en"

    def render_email(self, name: str, context: Mapping[str, object], language: str = "en") -> RenderedEmail:
        """Raises jinja2's TemplateNotFound or UndefinedError; the subject comes out as one line."""
        made = self.environment(language)

        def render(part: str) -> str:
            return made.get_template(f"emails/{name}/{part}").render(context)

        return RenderedEmail(
            subject=" ".join(render("subject.txt").split()),
            text=render("body.txt"),
            html=render("body.html"),
        )
