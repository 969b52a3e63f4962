"""The API's document: valid, complete, and true of the running service."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from schemathesis.specs.openapi.definitions import OPENAPI_31
from starlette.routing import Route

from prefcenter.web.api import types
from prefcenter.web.api.examples import EXAMPLES
from prefcenter.web.api.openapi import document
from prefcenter.web.api.operations import OPERATIONS
from prefcenter.web.routes import ROUTES
from tests.api.client import Api, open_api, settings_of
from tests.api.servers import serving
from tests.databases import sqlite_copy

DOCUMENT: dict[str, Any] = msgspec.json.decode(document())

# A schema cannot say which purposes and people there are: valid data may well be refused.
CHECKS = ("--checks", "all", "--exclude-checks", "positive_data_acceptance")


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    problems = jsonschema_rs.validator_for(OPENAPI_31).iter_errors(DOCUMENT)
    assert [f"{problem.instance_path}: {problem.message}" for problem in problems] == []
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_it_has_every_route_and_only_the_routes() -> None:
    served = {
        (method, route.path.replace(":hex128", ""))
        for route in ROUTES
        if isinstance(route, Route) and route.path.startswith("/v1/") and route.methods
        for method in route.methods
        if method != "HEAD"
    }
    described = {
        (method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations
    }
    assert served - described == {("GET", "/v1/openapi.json")}
    assert described <= served


def test_every_operation_has_a_name_of_its_own_and_its_scope() -> None:
    operations = [o for path in DOCUMENT["paths"].values() for o in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(OPERATIONS)
    for operation in OPERATIONS:
        described = DOCUMENT["paths"][operation.path][operation.method.lower()]
        assert operation.scope in described["description"]


def test_every_example_is_taken_by_its_type() -> None:
    takers = {(o.method, o.path): o.takes for o in OPERATIONS if o.takes is not None}
    assert set(EXAMPLES) == set(takers)
    for where, taken in takers.items():
        assert msgspec.convert(EXAMPLES[where], taken)


def test_what_is_not_offered_yet_is_not_in_the_document() -> None:
    assert types.LinksRequest.__struct_encode_fields__[-1] == "for"


async def test_it_is_served_to_everybody(local_api: Api) -> None:
    answer = await local_api.client.get("/v1/openapi.json")
    assert answer.json() == DOCUMENT
    assert answer.headers["content-type"] == "application/json"


async def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    sqlite_template: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, sqlite_copy(sqlite_template, tmp_path))
    async with open_api(settings) as api:
        secret = api.secret
    async with serving(settings) as url:
        checker = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{url}/v1/openapi.json", "--header", f"Authorization: Bearer {secret}", *CHECKS),
            *("--max-examples", "6", "--generation-deterministic", "--no-color"),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        report, _ = await checker.communicate()
    assert checker.returncode == 0, report.decode()
    assert f"Tested: {len(OPERATIONS)}" in report.decode()
