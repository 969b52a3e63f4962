"""A connection that cannot be used says which key or variable is wrong, and what would be right."""

from typing import Any

import pytest

from prefcenter.accounts import Accounts, CurrentAccounts, accounts_of, reaches_of
from prefcenter.catalog import Catalog, ConnectionSpec
from prefcenter.catalog.parts import Controller

NAMED = {"KEY": "secret-value", "EMPTY": "  "}


def catalog(provider: str = "sendgrid", purposes: dict[str, str] | None = None, **options: Any) -> Catalog:
    mapped = {"newsletter": "group:10"} if purposes is None else purposes
    spec = ConnectionSpec(key="main", provider=provider, purposes=mapped, options=options)
    controller = Controller(name="Example", postal_address="Street 1", email="privacy@example.com")
    return Catalog(controller=controller, connections={"main": spec})


def accounts(provider: str = "sendgrid", purposes: dict[str, str] | None = None, **options: Any) -> Accounts:
    return accounts_of(catalog(provider, purposes, **options), NAMED)


def test_variables_are_looked_up_wherever_they_stand() -> None:
    found = accounts(api_key="env:KEY", basic=["env:KEY"], deep={"one": "env:KEY"}, plain="envoy")
    config = found.usable["main"].config
    assert (config["api_key"], config["basic"], config["deep"]) == (
        "secret-value",
        ["secret-value"],
        {"one": "secret-value"},
    )
    assert (config["plain"], config["scopes"]) == ("envoy", ("group:10",))
    assert "secret-value" not in repr(found)


@pytest.mark.parametrize("name", ["NOT_SET", "EMPTY"])
def test_a_variable_that_is_not_set_is_named(name: str) -> None:
    found = accounts(api_key=f"env:{name}")
    assert found.usable == {}
    assert found.problems == {"main": (f"env:{name}: the variable is not set",)}


def test_an_unknown_provider_is_named_with_the_nearest() -> None:
    (problem,) = accounts("sendgird").problems["main"]
    assert "sendgird" in problem and "sendgrid" in problem


def test_a_scope_that_the_provider_cannot_stop_is_named_with_those_it_can() -> None:
    (problem,) = accounts(purposes={"newsletter": "stream:broadcast"}).problems["main"]
    assert problem.startswith("purposes.newsletter: ")
    assert "'stream:broadcast'" in problem and "group:…" in problem


def test_a_connection_that_no_stop_would_reach_is_a_problem() -> None:
    (problem,) = accounts(purposes={}).problems["main"]
    assert "map at least one purpose" in problem


def test_what_is_reached_is_known_while_secrets_are_still_missing() -> None:
    assert [one.connection for one in reaches_of(catalog(api_key="env:NOT_SET"))] == ["main"]
    assert reaches_of(catalog("unheard-of")) == reaches_of(None) == ()


def test_another_catalog_is_worked_out_anew_and_the_same_one_is_not() -> None:
    class Catalogs:
        current: Catalog | None = None

    catalogs = Catalogs()
    here = CurrentAccounts(catalogs, NAMED)
    assert here.now.usable == {} and here.reaches() == ()
    catalogs.current = catalog()
    assert here.now is here.now and list(here.now.usable) == ["main"]
    catalogs.current = catalog("mailgun")
    assert here.now.usable == {} and "main" in here.now.problems
