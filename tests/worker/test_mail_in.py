"""The worker's door for mail, on a real database that may be away."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from pathlib import Path

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.bootstrap import open_services, open_worker
from prefcenter.settings import SettingsError
from prefcenter.worker.mail_in import mail_in
from tests.api.client import settings_of
from tests.databases import sqlite_copy
from tests.mail.samples import a_mail
from tests.postgres import PostgresServer
from tests.use_cases.post import ADA, NOW, UNSUBSCRIBE, PostOffice, open_post_office

FREE = {"MAIL_IN": "lmtp://127.0.0.1:0"}


@pytest.fixture(autouse=True)
def fresh() -> None:
    EXECUTOR_CACHE.clear()


async def deliver(port: int, raw: bytes) -> int:
    """The answer to DATA."""

    def session() -> int:
        with smtplib.LMTP("127.0.0.1", port) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("ada@example.com")
            client.rcpt(UNSUBSCRIBE)
            return client.data(raw)[0]

    return await asyncio.to_thread(session)


async def test_it_answers_250_once_the_stop_is_committed(database_url: str, tmp_path: Path) -> None:
    async with (
        open_post_office(database_url, tmp_path, **FREE) as post,
        mail_in(post.services, lambda: NOW) as port,
    ):
        assert port is not None
        assert await deliver(port, a_mail(Subject=post.token(ADA))) == 250
        assert [stop[1] for stop in await post.stops(ADA)] == ["newsletter"]
        assert await deliver(port, a_mail("Hello?")) == 250
        assert await deliver(port, b"\xff\xfe\0\r\n") == 250


async def test_it_answers_451_while_the_database_is_away_and_nothing_is_lost(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    await postgres_server.create("mail_in_away", postgres_template)
    async with (
        open_post_office(postgres_server.url("mail_in_away"), tmp_path, **FREE) as post,
        mail_in(post.services, lambda: NOW) as port,
    ):
        assert port is not None
        stop, other = a_mail(Subject=post.token(ADA)), a_mail("Hello?")
        await asyncio.to_thread(postgres_server.stop)
        assert await deliver(port, stop) == 451
        assert await deliver(port, other) == 451
        await asyncio.to_thread(postgres_server.start)
        assert await deliver(port, stop) == 250
        assert await deliver(port, other) == 250
        assert len(await post.stops(ADA)) == 1


async def test_a_port_that_is_taken_is_said_by_the_name_of_the_setting(
    sqlite_template: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        variables = {"MAIL_IN": f"smtp://127.0.0.1:{taken.getsockname()[1]}"}
        async with open_post_office(sqlite_copy(sqlite_template, tmp_path), tmp_path, **variables) as post:
            with pytest.raises(SettingsError, match="PREFCENTER_MAIL_IN: cannot listen there"):
                async with mail_in(post.services, lambda: NOW):
                    pass


async def test_the_worker_opens_the_door_where_a_setting_asks_for_it(
    sqlite_template: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    settings = settings_of(
        tmp_path,
        sqlite_copy(sqlite_template, tmp_path),
        MAIL_IN=f"lmtp://127.0.0.1:{port}",
        UNSUBSCRIBE_ADDRESS=UNSUBSCRIBE,
    )
    async with open_services(settings) as services, open_worker(settings, services):
        post = PostOffice(services)
        assert await deliver(port, a_mail(Subject="unsubscribe")) == 250
        assert await post.head() == 0


async def test_without_the_setting_there_is_no_door(sqlite_template: Path, tmp_path: Path) -> None:
    async with (
        open_post_office(sqlite_copy(sqlite_template, tmp_path), tmp_path) as post,
        mail_in(post.services, lambda: NOW) as port,
    ):
        assert port is None
