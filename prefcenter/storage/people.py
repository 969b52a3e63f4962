"""Whose address is it: subjects, external ids and contact points of a batch (docs/rules.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from prefcenter.domain.addresses import whose
from prefcenter.storage.fields import EPOCH
from prefcenter.storage.units import Ref, UnitRefused


def new_id() -> str:
    """128 random bits in hex."""
    return os.urandom(16).hex()


class Contact(NamedTuple):
    """A contact point. `sealed` None: new in this batch, in the clear in `address` till it is written."""

    subject: str
    channel: str
    narrow: bytes
    wide: bytes
    sealed: bytes | None = None
    address: str | None = None


class Match(NamedTuple):
    """Who a reference turned out to be. `is_new`: the address was not known before.

    `left`: the contact point whose place this one takes.
    """

    subject: str | None
    wide: bytes
    matched: str | None = None
    is_new: bool = False
    left: Contact | None = None


@dataclass(slots=True)
class People:
    """The people that a batch touches; what it adds or changes is in `new_…` and `moved`."""

    contacts: dict[tuple[str, bytes], Contact] = field(default_factory=dict)
    by_wide: dict[bytes, list[Contact]] = field(default_factory=dict)
    by_subject: dict[str, list[Contact]] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    known_since: dict[str, datetime] = field(default_factory=dict)
    formerly_held: set[bytes] = field(default_factory=set)
    new_subjects: dict[str, datetime] = field(default_factory=dict)
    new_contacts: dict[tuple[str, str], tuple[Contact, datetime]] = field(default_factory=dict)
    new_external: dict[str, str] = field(default_factory=dict)

    def learn(self, contact: Contact) -> None:
        self.contacts[contact.channel, contact.narrow] = contact
        self.by_wide.setdefault(contact.wide, []).append(contact)
        self.by_subject.setdefault(contact.subject, []).append(contact)

    def wides_of(self, subject: str) -> frozenset[bytes]:
        return frozenset([contact.wide for contact in self.by_subject.get(subject, ())])

    def subjects_at(self, wide: bytes) -> list[str]:
        return list(dict.fromkeys(contact.subject for contact in self.by_wide.get(wide, ())))

    def check(self, ref: Ref, index: int) -> None:
        """Raise UnitRefused if the reference cannot be followed. Changes nothing."""
        if ref.subject is not None or ref.external_id is not None:
            self._find(ref, index)

    def _find(self, ref: Ref, index: int) -> tuple[str | None, Contact | None, str | None]:
        if ref.subject is None and ref.external_id is None and ref.wide is not None:
            # By far the most: only an address, which nothing can be at odds with.
            contact, matched = self._contact(ref)
            return (contact.subject if contact else None), contact, matched
        by_id = ref.subject if ref.subject in self.by_subject else None
        if ref.subject is not None and by_id is None:
            raise UnitRefused("no subject has this id", index=index, field="subject.id")
        by_external = self.external.get(ref.external_id) if ref.external_id is not None else None
        contact, matched = self._contact(ref)
        people = {who for who in (by_id, by_external, contact.subject if contact else None) if who}
        if len(people) > 1:
            raise UnitRefused(
                "the ids and the address belong to different people; send only one of them",
                index=index,
                conflict=True,
            )
        if not people and ref.wide is None:
            raise UnitRefused(
                "no subject has this external id; send the email too, once",
                index=index,
                field="subject.external_id",
            )
        if people and contact is None and ref.wide is not None and not ref.create:
            raise UnitRefused("this address is not theirs", index=index, field="subject.email")
        return next(iter(people), None), contact, matched

    def each_named(self, ref: Ref) -> list[Ref]:
        """Whom a stop names, each by itself and the address first. Empty: its names are those of one person
        (or of nobody), so the reference may be followed as it is."""
        ids = [ref.subject, self.external.get(ref.external_id) if ref.external_id is not None else None]
        contact, _ = self._contact(ref)
        owner = contact.subject if contact else None
        others = dict.fromkeys(who for who in ids if who in self.by_subject and who != owner)
        address = [] if ref.wide is None else [replace(ref, subject=None, external_id=None, create=False)]
        found = [*address, *(Ref(channel=ref.channel, subject=who) for who in others)]
        # An id that nobody has any more takes nothing from the address beside it.
        is_unknown = ref.subject is not None and ref.subject not in self.by_subject
        return found if len(found) > 1 or is_unknown else []

    def _contact(self, ref: Ref) -> tuple[Contact | None, str | None]:
        if ref.wide not in self.by_wide:
            return None, None
        return whose(ref.narrow, [c for c in self.by_wide[ref.wide] if c.channel == ref.channel])

    def look(self, ref: Ref, index: int) -> Match:
        """Find the person, and make nobody. Raises UnitRefused as `check`."""
        subject, contact, matched = self._find(ref, index)
        if contact is not None:
            return Match(contact.subject, contact.wide, matched if ref.narrow is not None else None)
        return Match(subject, ref.wide or (self._address_of(subject, ref.channel) if subject else b""))

    def follow(self, ref: Ref, index: int, now: datetime) -> Match:
        """Find the person, or make them where the reference says so. Raises UnitRefused as `check`."""
        subject, contact, matched = self._find(ref, index)
        if contact is not None:
            matched = matched if ref.narrow is not None else None
            self._attach(ref, contact.subject)
            return Match(contact.subject, contact.wide, matched)
        if subject is not None and ref.wide is None:
            return Match(subject, self._address_of(subject, ref.channel))
        assert ref.wide is not None
        if not ref.create or ref.narrow is None:
            return Match(subject, ref.wide)
        return self._write_address(ref, subject, now)

    def _address_of(self, subject: str, channel: str) -> bytes:
        contacts = self.by_subject[subject]
        same = [contact.wide for contact in contacts if contact.channel == channel]
        return same[0] if same else contacts[0].wide

    def _write_address(self, ref: Ref, subject: str | None, now: datetime) -> Match:
        assert ref.wide is not None and ref.narrow is not None
        if subject is None:
            subject = new_id()
            self.new_subjects[subject] = self.known_since[subject] = now
        contact = Contact(subject, ref.channel, ref.narrow, ref.wide, None, ref.address)
        left = self._forget(subject, ref.channel)
        self.learn(contact)
        # Whoever gave an address up in this batch comes before whoever took it.
        self.new_contacts.pop((subject, ref.channel), None)
        # Links issued before an address came to somebody from somewhere, or somebody else, are void.
        moved = left is not None or ref.wide in self.formerly_held
        self.new_contacts[subject, ref.channel] = (contact, now if moved else EPOCH)
        self._attach(ref, subject)
        return Match(subject, ref.wide, None, True, left)

    def _forget(self, subject: str, channel: str) -> Contact | None:
        for contact in self.by_subject.get(subject, ()):
            if contact.channel == channel:
                self.by_subject[subject].remove(contact)
                self.by_wide[contact.wide].remove(contact)
                del self.contacts[channel, contact.narrow]
                self.formerly_held.add(contact.wide)
                return contact
        return None

    def _attach(self, ref: Ref, subject: str) -> None:
        if ref.external_id is not None and ref.create and ref.external_id not in self.external:
            self.external[ref.external_id] = subject
            self.new_external[ref.external_id] = subject
