"""The tasks and mails by which third parties hear that a permission ended, born with what ended it."""

from __future__ import annotations

from collections.abc import Sequence

from prefcenter.domain.choices import Entry
from prefcenter.domain.third_parties import ends_permissions, to_be_told
from prefcenter.storage.batch import Batch, Ended, dossier_of
from prefcenter.storage.database import Row, Statement, Tx
from prefcenter.storage.mail_queue import ADD_MAIL, Priority, mail_row
from prefcenter.storage.people import Contact
from prefcenter.storage.tasks import ADD_TASK, NEWEST_TASKS, new_task_row
from prefcenter.storage.vault import Vault

#: The mail to a third party; its `about` is the task's id.
THIRD_PARTY = "third_party"


def note_ended(batch: Batch, entry: Entry, left: Contact | None = None) -> None:
    """Note what an entry that is about to be folded ends, and who must hear of it.

    `left`: the contact point that a change of address has just taken from the person.
    """
    purposes = batch.purposes
    if not purposes.disclosures or not ends_permissions(entry):
        return
    for subject in [entry.subject] if entry.subject else batch.people.subjects_at(entry.wide):
        contacts = [left] if left is not None else batch.people.by_subject[subject]
        contact = next((one for one in contacts if one.wide == entry.wide), contacts[0])
        wides = batch.people.wides_of(subject) | {contact.wide}
        told = to_be_told(
            entry,
            dossier_of(batch, subject, wides),
            disclosures=purposes.disclosures,
            find=purposes.find,
            regimes=purposes.regimes,
        )
        batch.ended += [Ended(entry, contact, one) for one in told]


async def tasks_of(batch: Batch, tx: Tx) -> list[tuple[Statement, Sequence[Row]]]:
    """The rows that tell of what the batch ended; a repeat is told to nobody twice."""
    if not batch.ended:
        return []
    told: dict[tuple[str, str, str], int] = {}
    for subject, recipient, purpose, seq in await tx.among(
        NEWEST_TASKS, "text", {ended.contact.subject for ended in batch.ended}
    ):
        told[subject, recipient, purpose] = seq
    tasks, mails = [], []
    for entry, contact, one in batch.ended:
        key = (contact.subject, one.recipient, one.purpose)
        if told.get(key, -1) > one.after:
            continue
        told[key] = entry.seq
        id_, row = new_task_row(entry, contact.subject, one, _sealed(contact, batch.vault))
        tasks.append(row)
        mails.append(
            mail_row(kind=THIRD_PARTY, about=id_, priority=Priority.THIRD_PARTY, now=entry.recorded_at)
        )
    return [(ADD_TASK, tasks), (ADD_MAIL, mails)]


def _sealed(contact: Contact, vault: Vault) -> bytes:
    """As it is sealed already: a key that is gone must not keep a stop from being recorded."""
    if contact.sealed is not None:
        return contact.sealed
    assert contact.address is not None
    return vault.seal(contact.address.encode())
