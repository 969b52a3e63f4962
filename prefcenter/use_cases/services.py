"""What the use cases work with; `bootstrap` puts it together."""

from __future__ import annotations

from dataclasses import dataclass

from prefcenter.accounts import CurrentAccounts
from prefcenter.catalog import Catalog
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.links import Links
from prefcenter.settings import Settings
from prefcenter.storage.catalogs import Catalogs
from prefcenter.storage.database import AnyDatabase
from prefcenter.storage.hook_inbox import HookInbox
from prefcenter.storage.journal import Journal
from prefcenter.storage.lookups import Lookups
from prefcenter.storage.reading import Reader
from prefcenter.storage.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Services:
    settings: Settings
    database: AnyDatabase
    catalogs: Catalogs
    journal: Journal
    reader: Reader
    lookups: Lookups
    vault: Vault
    links: Links
    fingerprinter: Fingerprinter
    accounts: CurrentAccounts
    hook_inbox: HookInbox

    @property
    def catalog(self) -> Catalog:
        """The catalog in force. Raises NoCatalog before the first `apply`."""
        catalog = self.catalogs.current
        if catalog is None:
            raise NoCatalog("no catalog is in force; run `prefcenter apply`")
        return catalog


class NoCatalog(Exception):
    """Nothing was applied yet, so no purpose is known."""
