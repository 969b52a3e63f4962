"""The one door: every choice is recorded here, many at a time, and acknowledged only once committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from prefcenter.storage.batch import Batch, Purposes
from prefcenter.storage.database import AnyDatabase, StorageUnavailable
from prefcenter.storage.level_rows import Connections, write_levels
from prefcenter.storage.loading import load
from prefcenter.storage.recording import record
from prefcenter.storage.units import KeyReused, Outcome, Unit, UnitRefused, UnitSpoiled
from prefcenter.storage.vault import Vault
from prefcenter.storage.writing import write

#: Units that share one transaction at most. More would only lengthen the wait of the first.
MOST_UNITS = 256


class Journal:
    """Units waiting at the same moment share one transaction (group commit).

    `record` returns once the unit is durable. It raises UnitRefused or KeyReused for a unit that cannot be
    recorded as it is, and StorageUnavailable if the database could not commit: nothing was acknowledged.
    If a batch fails, each unit is tried alone, so a poisoned one costs nobody else.
    """

    def __init__(
        self,
        database: AnyDatabase,
        purposes: Purposes,
        vault: Vault,
        on_deliveries: Callable[[], None] | None = None,
        connections: Connections | None = None,
    ) -> None:
        self._database = database
        self._purposes = purposes
        self._vault = vault
        self._on_deliveries = on_deliveries
        self._connections = connections
        self._waiting: list[tuple[Unit, asyncio.Future[Outcome]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def record(self, unit: Unit) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await future

    async def rehearse(self, unit: Unit) -> Outcome:
        """What recording this unit would come to. Writes nothing and holds up nobody. Raises as `record`."""
        async with self._database.read() as tx:
            batch = Batch(self._purposes, self._vault)
            await load(batch, tx, [unit])
        try:
            return record(batch, unit)
        except UnitSpoiled as error:
            raise error.__cause__ or error from error

    async def close(self) -> None:
        """Wait until everything handed in is recorded or refused."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                # One turn of the loop lets requests that arrived together be recorded together.
                await asyncio.sleep(0)
                number = _together([unit for unit, _ in self._waiting[:MOST_UNITS]])
                batch, self._waiting = self._waiting[:number], self._waiting[number:]
                await self._settle(batch)
        finally:
            self._flusher = None
            for _, future in self._waiting:
                future.cancel()
            self._waiting = []

    async def _settle(self, waiting: Sequence[tuple[Unit, asyncio.Future[Outcome]]]) -> None:
        try:
            answers = await self._commit([unit for unit, _ in waiting])
        except StorageUnavailable as error:
            # Whoever waited behind them has waited as long, and would only wait again for the same.
            behind, self._waiting = self._waiting, []
            for _, future in (*waiting, *behind):
                _fail(future, error)
        except Exception as error:  # whatever the poison is, the neighbours must not drink it
            if len(waiting) == 1:
                refused = isinstance(error, UnitSpoiled) and isinstance(error.__cause__, UnitRefused)
                _fail(waiting[0][1], error.__cause__ if refused and error.__cause__ else error)
                return
            for one in waiting:
                await self._settle([one])
        else:
            for (_, future), answer in zip(waiting, answers, strict=True):
                if isinstance(answer, Outcome):
                    if not future.done():
                        future.set_result(answer)
                else:
                    _fail(future, answer)

    async def _commit(self, units: Sequence[Unit]) -> list[Outcome | UnitRefused | KeyReused]:
        answers: list[Outcome | UnitRefused | KeyReused] = []
        async with self._database.ledger() as tx:
            batch = Batch(self._purposes, self._vault)
            if self._connections is not None:
                batch.reaches = self._connections.reaches()
            await load(batch, tx, units)
            for unit in units:
                try:
                    answers.append(record(batch, unit))
                except (UnitRefused, KeyReused) as error:
                    answers.append(error)
            pushing = self._connections is not None and await write_levels(batch, tx, self._connections)
            await write(batch, tx)
        # Companions may be mails; waking for another row costs a look.
        waking = pushing or batch.deliveries or batch.companions or batch.ended
        if waking and self._on_deliveries is not None:
            self._on_deliveries()
        return answers


def _together(units: Sequence[Unit]) -> int:
    """How many of the first of these share a transaction."""
    alone = next((number for number, unit in enumerate(units) if unit.alone), len(units))
    return max(alone, 1)


def _fail(future: asyncio.Future[Outcome], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
