"""Settings: typed, complete errors, and no secret that shows or has a default."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefcenter.settings import FROM_FILE, VARIABLES, Secret, Settings, SettingsError, merged_environ
from prefcenter.settings.env_file import parse_env

OLD, NEW, PEPPER = "old-key-" * 6, "new-key-" * 6, "pepper-of-this-place-" * 2
NEEDED = {"PREFCENTER_SECRET_KEYS": f"{OLD},{NEW}", "PREFCENTER_PEPPER": PEPPER}


def read(folder: Path, **changes: str) -> Settings:
    return Settings.from_environ(
        {**NEEDED, **{f"PREFCENTER_{k}": v for k, v in changes.items()}}, folder=folder
    )


def problems(folder: Path, **changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(folder, **changes)
    return caught.value.problems


def test_two_secrets_are_enough_to_start(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert [key.reveal() for key in settings.secret_keys] == [OLD, NEW]
    assert settings.pepper == Secret(PEPPER)
    assert settings.database_url == f"sqlite:///{tmp_path}/prefcenter.db"
    assert settings.base_url == "http://localhost:8000"
    assert settings.config == tmp_path / "prefcenter.toml"
    assert (settings.smtp_url, settings.mail_from, settings.templates) == (None, None, None)
    assert (settings.unsubscribe_address, settings.mail_in, settings.authserv_id) == (None, None, None)
    assert settings.allow_private_webhooks is False


def test_every_variable_arrives_typed(tmp_path: Path) -> None:
    (tmp_path / "looks").mkdir()
    settings = read(
        tmp_path,
        DATABASE_URL="postgres://me:pw@db.example.com:5432/consent",
        BASE_URL="https://preferences.example.com/",
        SMTP_URL="smtps://me:p%40w@smtp.example.com",
        MAIL_FROM="Example Ltd <news@example.com>",
        CONFIG="conf/purposes.toml",
        TEMPLATES="looks",
        UNSUBSCRIBE_ADDRESS="unsubscribe@example.com",
        MAIL_IN="lmtp://[::1]:8024",
        AUTHSERV_ID="mx.example.com",
        ALLOW_PRIVATE_WEBHOOKS="1",
    )
    assert settings.database_url == "postgres://me:pw@db.example.com:5432/consent"
    assert settings.base_url == "https://preferences.example.com"
    assert settings.smtp_url == Secret("smtps://me:p%40w@smtp.example.com")
    assert settings.mail_from == "Example Ltd <news@example.com>"
    assert settings.config == tmp_path / "conf/purposes.toml"
    assert settings.templates == tmp_path / "looks"
    assert settings.unsubscribe_address == "unsubscribe@example.com"
    assert settings.mail_in == ("lmtp", "::1", 8024)
    assert settings.authserv_id == "mx.example.com"
    assert settings.allow_private_webhooks is True


def test_no_secret_has_a_default_and_the_message_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({}, folder=tmp_path)
    keys, pepper = caught.value.problems
    assert keys.startswith("PREFCENTER_SECRET_KEYS: not set; `prefcenter init`")
    assert pepper.startswith("PREFCENTER_PEPPER: not set; `prefcenter init`")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, PEPPER="short", BASE_URL="ftp://x", DATABASE_URL="mysql://x/y", PEPER="x")
    assert [problem.split(":")[0] for problem in found] == [
        "PREFCENTER_PEPER",
        "PREFCENTER_PEPPER",
        "PREFCENTER_DATABASE_URL",
        "PREFCENTER_BASE_URL",
    ]


def test_secrets_print_as_stars_everywhere(tmp_path: Path) -> None:
    settings = read(
        tmp_path, SMTP_URL="smtp://me:hunter2@host", DATABASE_URL="postgres://me:hunter2@host/name"
    )
    for text in (repr(settings), str(settings), f"{settings.pepper}", repr(settings.secret_keys)):
        assert not any(secret in text for secret in (OLD, NEW, PEPPER, "hunter2"))
    assert "**********" in repr(settings)


@pytest.mark.parametrize("name", ["SMTP_URL", "DATABASE_URL"])
@pytest.mark.parametrize(
    "shape", ["smtp://me:hunter2/x@host", "postgres://me:hunter2@host:port/x", "hunter2"]
)
def test_an_error_never_quotes_a_password(tmp_path: Path, name: str, shape: str) -> None:
    assert not any("hunter2" in problem for problem in problems(tmp_path, **{name: shape}))


def test_a_short_key_is_refused_by_its_position(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SECRET_KEYS=f"{OLD},tooshort")
    assert found.startswith("PREFCENTER_SECRET_KEYS: key 2 of 2 is too short (8 characters)")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    key = "k" * 48
    (found,) = problems(tmp_path, SECRET_KEYS=f"{key},{'l' * 48},{key}")
    assert found.startswith("PREFCENTER_SECRET_KEYS: holds a key twice")


def test_the_pepper_is_no_signing_key(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, PEPPER=NEW)
    assert found.startswith("PREFCENTER_PEPPER: also stands in PREFCENTER_SECRET_KEYS")


def test_an_unknown_variable_names_the_nearest_one(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, BASEURL="https://example.com")
    assert found == "PREFCENTER_BASEURL: unknown variable; did you mean PREFCENTER_BASE_URL?"
    (found,) = problems(tmp_path, CONFIG_FILE="x")
    assert found.startswith("PREFCENTER_CONFIG_FILE: unknown variable")


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://127.0.0.1/", "http://[::1]:80", "https://a.example/p"]
)
def test_base_urls_that_are_fine(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, BASE_URL=url).base_url == url.rstrip("/")


def test_a_base_url_is_the_same_in_capitals(tmp_path: Path) -> None:
    assert read(tmp_path, BASE_URL="HTTPS://Prefs.Example.com/A").base_url == "https://prefs.example.com/A"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://localhost.example.com",
        "https://",
        "example.com",
        "https://me@example.com",
        "https://example.com/?x=1",
        "https://example.com/#x",
        "https://example.com/>, <https://evil.example",
        "https://exa\nmple.com",
        "https://example.com:0",
        "https://example.com/a/../b",
        "https://bücher.example",
        "https://example.com:port",
        "https://[::1",
    ],
)
def test_base_urls_that_are_refused(tmp_path: Path, url: str) -> None:
    (found,) = problems(tmp_path, BASE_URL=url)
    assert found.startswith("PREFCENTER_BASE_URL: ")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@db/name",
        "postgres://db:5433/name?sslmode=require",
        "postgresql://postgres:@/postgres?host=/tmp/socket",
    ],
)
def test_postgresql_urls_are_taken_as_they_are(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, DATABASE_URL=url).database_url == url


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://prefcenter.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://:memory:",
        "sqlite:///a.db?mode=ro",
        "postgres://host",
        "postgres://host/",
        "postgres:///name",
        "mysql://host/name",
        "prefcenter.db",
    ],
)
def test_database_urls_that_are_refused(tmp_path: Path, url: str) -> None:
    (found,) = problems(tmp_path, DATABASE_URL=url)
    assert found.startswith("PREFCENTER_DATABASE_URL: ") and "sqlite:///prefcenter.db" in found


def test_an_absolute_sqlite_path_stays(tmp_path: Path) -> None:
    assert read(tmp_path, DATABASE_URL="sqlite:////var/lib/p.db").database_url == "sqlite:////var/lib/p.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "https://smtp.example.com"),
        ("MAIL_FROM", "Example Ltd"),
        ("MAIL_FROM", "Example\r\nBcc: x@example.com <news@example.com>"),
        ("UNSUBSCRIBE_ADDRESS", "Us <unsubscribe@example.com>"),
        ("AUTHSERV_ID", "mx.example.com; dmarc=pass"),
        ("TEMPLATES", "no-such-folder"),
        ("ALLOW_PRIVATE_WEBHOOKS", "maybe"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    (found,) = problems(tmp_path, **{name: value})
    assert found.startswith(f"PREFCENTER_{name}: ") and "; " in found


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8024",
        "lmtp://127.0.0.1",
        "http://127.0.0.1:8024",
        "lmtp://:8024",
        "lmtp://a:b@127.0.0.1:8024",
        "lmtp://127.0.0.1:8024/x",
        "smtp://127.0.0.1:99999",
    ],
)
def test_where_mail_is_taken_in_has_a_protocol_a_host_and_a_port(tmp_path: Path, url: str) -> None:
    (found,) = problems(tmp_path, MAIL_IN=url, UNSUBSCRIBE_ADDRESS="stop@example.com")
    assert found.startswith("PREFCENTER_MAIL_IN: ") and "lmtp://127.0.0.1:8024" in found


def test_mail_is_taken_in_for_an_address(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, MAIL_IN="lmtp://127.0.0.1:8024")
    assert found.startswith("PREFCENTER_MAIL_IN: ") and "PREFCENTER_UNSUBSCRIBE_ADDRESS" in found


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{OLD}\n{NEW}\n")
    (tmp_path / "pepper").write_text(f"{PEPPER}\n")
    environ = {"PREFCENTER_SECRET_KEYS_FILE": "keys", "PREFCENTER_PEPPER_FILE": str(tmp_path / "pepper")}
    settings = Settings.from_environ(environ, folder=tmp_path)
    assert settings.secret_keys == (Secret(OLD), Secret(NEW))
    assert settings.pepper.reveal() == PEPPER


def test_a_secret_file_that_is_missing_or_empty_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (found,) = problems(tmp_path, PEPPER="", PEPPER_FILE="nowhere")
    assert found.startswith("PREFCENTER_PEPPER: the file of PREFCENTER_PEPPER_FILE cannot be read")
    (found,) = problems(tmp_path, PEPPER="", PEPPER_FILE="empty")
    assert "is empty" in found


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, PEPPER_FILE="pepper")
    assert found == "PREFCENTER_PEPPER: PREFCENTER_PEPPER_FILE is set as well; keep one of the two"


def test_the_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"# mine\nexport PREFCENTER_PEPPER='{PEPPER}'\nPREFCENTER_SECRET_KEYS=\"{OLD}\" # one\n"
        "PREFCENTER_BASE_URL=https://file.example\nPREFCENTER_MAIL_FROM=a#b@example.com # comment\n"
        "TOKEN=abc\nLOGIN=me:pw\n"
    )
    settings = Settings.from_environ({"PREFCENTER_BASE_URL": "https://env.example"}, folder=tmp_path)
    assert settings.secret_keys == (Secret(OLD),)
    assert settings.base_url == "https://env.example"
    assert settings.mail_from == "a#b@example.com"
    others, _ = merged_environ({"TOKEN_FILE": "x", "LOGIN": "mine"}, folder=tmp_path)
    assert (others["TOKEN"], others["LOGIN"]) == ("abc", "mine")


def test_a_file_variable_of_the_environment_beats_the_value_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"PREFCENTER_PEPPER={OLD}\n")
    (tmp_path / "pepper").write_text(PEPPER)
    environ = {"PREFCENTER_SECRET_KEYS": NEW, "PREFCENTER_PEPPER_FILE": "pepper"}
    assert Settings.from_environ(environ, folder=tmp_path).pepper == Secret(PEPPER)


def test_a_broken_line_of_the_env_file_is_named_without_its_content(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A="hunter2\nhunter2\nB=1\nB=2\n')
    found = problems(tmp_path)
    assert [problem.split(":")[0] for problem in found] == [".env line 1", ".env line 2", ".env line 4"]
    assert "hunter2" not in "".join(found)


def test_quotes_and_escapes_of_the_env_file() -> None:
    values, found = parse_env('A="x \\"y\\" \\n # z" # c\nB=\'a\\n$A\'\nC=\nD = e f  # g\n\n')
    assert values == {"A": 'x "y" \n # z', "B": "a\\n$A", "C": "", "D": "e f"}
    assert found == []


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    settings = read(tmp_path, SMTP_URL="", BASE_URL="", ALLOW_PRIVATE_WEBHOOKS="")
    assert (settings.smtp_url, settings.base_url) == (None, "http://localhost:8000")


def test_every_variable_is_described_in_one_line() -> None:
    assert all(about and "\n" not in about for about in VARIABLES.values())
    names = {name.removeprefix("PREFCENTER_") for name in FROM_FILE}
    assert names == {"SECRET_KEYS", "PEPPER", "SMTP_URL", "DATABASE_URL"}
