"""`prefcenter.toml`: who speaks, for which purposes, told to whom, through which connections."""

from prefcenter.catalog.file import parse, read
from prefcenter.catalog.parts import Catalog, CatalogError, ConnectionSpec, Controller, Notice, Recipient
from prefcenter.catalog.stored import digest, from_json, to_json

__all__ = [
    "Catalog",
    "CatalogError",
    "ConnectionSpec",
    "Controller",
    "Notice",
    "Recipient",
    "digest",
    "from_json",
    "parse",
    "read",
    "to_json",
]
