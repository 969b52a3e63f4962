"""Every PREFCENTER_* variable, read once and typed; no secret has a default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from prefcenter.settings import values
from prefcenter.settings.env_file import read_env_file
from prefcenter.settings.values import SHORTEST_SECRET, Secret

PREFIX = "PREFCENTER_"


class SettingsError(Exception):
    """What is wrong with the settings, all of it; no value of a secret is ever quoted."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class _Variable:
    field: str
    parse: Callable[[str, Path], Any]  # raises ValueError("what is wrong; remedy")
    about: str
    default: str | None = None
    required: bool = False
    from_file: bool = False  # NAME_FILE names a file that holds the value


_VARIABLES: Mapping[str, _Variable] = {
    "PREFCENTER_SECRET_KEYS": _Variable(
        field="secret_keys",
        parse=values.parse_secret_keys,
        required=True,
        from_file=True,
        about="Keys that sign links and seal addresses: comma-separated, oldest first, the last one is used.",
    ),
    "PREFCENTER_PEPPER": _Variable(
        field="pepper",
        parse=values.parse_secret,
        required=True,
        from_file=True,
        about="Keys the fingerprints of addresses. Never change it: every stop would be forgotten.",
    ),
    "PREFCENTER_DATABASE_URL": _Variable(
        field="database_url",
        parse=values.parse_database_url,
        default="sqlite:///prefcenter.db",
        from_file=True,
        about="sqlite:///prefcenter.db (relative to this folder) or postgres://user:password@host/name.",
    ),
    "PREFCENTER_BASE_URL": _Variable(
        field="base_url",
        parse=values.parse_base_url,
        default="http://localhost:8000",
        about="The public address that links begin with; https, except on loopback.",
    ),
    "PREFCENTER_SMTP_URL": _Variable(
        field="smtp_url",
        parse=values.parse_smtp_url,
        from_file=True,
        about="Where mail goes out: smtp://user:password@host:587 or smtps://….",
    ),
    "PREFCENTER_MAIL_FROM": _Variable(
        field="mail_from",
        parse=values.parse_sender,
        about="The sender of the mails: news@example.com or Example Ltd <news@example.com>.",
    ),
    "PREFCENTER_CONFIG": _Variable(
        field="config",
        parse=values.parse_path,
        default="prefcenter.toml",
        about="The file of purposes, notice, recipients and connections.",
    ),
    "PREFCENTER_TEMPLATES": _Variable(
        field="templates",
        parse=values.parse_folder,
        about="A folder searched for templates before the shipped ones.",
    ),
    "PREFCENTER_UNSUBSCRIBE_ADDRESS": _Variable(
        field="unsubscribe_address",
        parse=values.parse_address,
        about="Where mailto: unsubscribes are read; without it no mailto: is ever written.",
    ),
    "PREFCENTER_MAIL_IN": _Variable(
        field="mail_in",
        parse=values.parse_mail_in,
        about="Where the worker takes mail in, such as lmtp://127.0.0.1:8024; without it nowhere.",
    ),
    "PREFCENTER_AUTHSERV_ID": _Variable(
        field="authserv_id",
        parse=values.parse_authserv_id,
        about="What your mail server calls itself in Authentication-Results; unset, no From is believed.",
    ),
    "PREFCENTER_ALLOW_PRIVATE_WEBHOOKS": _Variable(
        field="allow_private_webhooks",
        parse=values.parse_switch,
        default="0",
        about="1 lets webhooks go to private addresses, for a demo or tests only.",
    ),
}

#: Every variable and what it is for, in one line.
VARIABLES: Mapping[str, str] = {name: variable.about for name, variable in _VARIABLES.items()}

#: Variables that may also be given as NAME_FILE, the path of a file with the value.
FROM_FILE: frozenset[str] = frozenset(name for name, variable in _VARIABLES.items() if variable.from_file)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the operator set. Paths are absolute; `base_url` ends without a slash."""

    secret_keys: tuple[Secret, ...]  # oldest first; the last one signs and seals
    pepper: Secret
    database_url: str = field(repr=False)  # may hold a password; a SQLite path is absolute and verbatim
    base_url: str
    smtp_url: Secret | None
    mail_from: str | None
    config: Path
    templates: Path | None
    unsubscribe_address: str | None
    mail_in: values.MailIn | None
    authserv_id: str | None
    allow_private_webhooks: bool
    #: Every variable that was given: where `env:NAME` of a connection is looked up.
    named: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, folder: Path) -> Settings:
        """Reads `environ` over the `.env` in `folder`; raises SettingsError with every problem found."""
        given, problems = merged_environ(environ, folder=folder)
        problems += _unknown(given)
        fields: dict[str, Any] = {}
        for name, variable in _VARIABLES.items():
            try:
                text = _text(name, variable, given, folder)
                fields[variable.field] = None if text is None else variable.parse(text, folder)
            except ValueError as wrong:
                problems.append(f"{name}: {wrong}")
        if fields.get("mail_in") and not given.get("PREFCENTER_UNSUBSCRIBE_ADDRESS", "").strip():
            problems.append(
                "PREFCENTER_MAIL_IN: for which address? set PREFCENTER_UNSUBSCRIBE_ADDRESS as well"
            )
        if fields.get("pepper") in (fields.get("secret_keys") or ()):
            problems.append("PREFCENTER_PEPPER: also stands in PREFCENTER_SECRET_KEYS; use a key of its own")
        if problems:
            raise SettingsError(tuple(problems))
        return cls(**fields, named=given)


def merged_environ(environ: Mapping[str, str], *, folder: Path) -> tuple[dict[str, str], list[str]]:
    """`environ` over the `.env` in `folder`, with what is wrong in that file; `env:NAME` looks here too."""
    from_file, problems = read_env_file(folder / ".env")
    # A variable and its _FILE twin are one setting: whoever sets either in the environment wins.
    set_outside = {_setting(name) for name in environ}
    kept = {name: value for name, value in from_file.items() if _setting(name) not in set_outside}
    return kept | dict(environ), problems


def _setting(name: str) -> str:
    return name.removesuffix("_FILE") if name.startswith(PREFIX) else name


def _unknown(given: Mapping[str, str]) -> list[str]:
    known = [*VARIABLES, *(f"{name}_FILE" for name in sorted(FROM_FILE))]
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    return [
        f"{name}: unknown variable; did you mean {get_close_matches(name, known, n=1, cutoff=0)[0]}?"
        for name in unknown
    ]


def _text(name: str, variable: _Variable, given: Mapping[str, str], folder: Path) -> str | None:
    """The text of one variable, from itself, its file or its default; an empty one counts as not set."""
    text = given.get(name, "").strip()
    file = given.get(f"{name}_FILE", "").strip() if variable.from_file else ""
    if text and file:
        raise ValueError(f"{name}_FILE is set as well; keep one of the two")
    if file:
        text = _file_text(f"{name}_FILE", folder / file)
    if text:
        return text
    if variable.required:
        raise ValueError(
            f"not set; `prefcenter init` writes a fresh one, or set {name} or {name}_FILE"
            f" to at least {SHORTEST_SECRET} random characters"
        )
    return variable.default


def _file_text(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ValueError(f"the file of {name} cannot be read ({why}); check its path and mode") from None
    if not text:
        raise ValueError(f"the file of {name} is empty; put the value into it")
    return text
