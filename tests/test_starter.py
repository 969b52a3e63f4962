"""`prefcenter init`: two files that work as they are, fresh keys, nothing overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from prefcenter import catalog
from prefcenter.settings import FROM_FILE, VARIABLES, Settings
from prefcenter.starter import StarterError, config_text, env_text, write_starter

ROOT = Path(__file__).parent.parent


def test_what_init_writes_starts_as_it_is(tmp_path: Path) -> None:
    assert write_starter(tmp_path) == [tmp_path / "prefcenter.toml", tmp_path / ".env"]
    settings = Settings.from_environ({}, folder=tmp_path)
    purposes = catalog.read(settings.config).purposes
    assert list(purposes) == ["newsletter", "events", "offers", "account", "partner-offers"]


def test_the_keys_are_fresh_each_time_and_differ(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_starter(tmp_path / name)
        settings = Settings.from_environ({}, folder=tmp_path / name)
        keys |= {settings.pepper, *settings.secret_keys}
    assert len(keys) == 4
    assert all(len(key.reveal()) == 64 for key in keys)


def test_nobody_else_may_read_the_keys(tmp_path: Path) -> None:
    write_starter(tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["prefcenter.toml", ".env"])
def test_it_overwrites_nothing_and_writes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StarterError, match=f"^{name} is there already"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_dangling_link_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StarterError, match=r"^\.env is there already"):
        write_starter(tmp_path)
    assert not (tmp_path / "prefcenter.toml").exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match="cannot be written"):
        write_starter(tmp_path / "nowhere")


def test_the_env_text_explains_every_variable() -> None:
    lines = env_text(secret_key="k" * 64, pepper="p" * 64).splitlines()
    for name, about in VARIABLES.items():
        assert f"# {about}" in lines
        assert any(line.lstrip("#").startswith(f"{name}=") for line in lines)
    assert all(any(f"{name}_FILE" in line for line in lines) for name in FROM_FILE)


def test_the_example_at_the_root_is_the_one_that_init_writes() -> None:
    assert (ROOT / "prefcenter.toml").read_text(encoding="utf-8") == config_text()
