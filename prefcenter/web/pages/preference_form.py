"""The form of the preferences page: what it shows of each purpose, and how its answers are read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from prefcenter.domain.answering import answered
from prefcenter.domain.purposes import Purpose, Terms
from prefcenter.domain.question import terms_at_hand
from prefcenter.use_cases.manage_preferences import Answer, Row
from prefcenter.use_cases.standings import PurposeStanding
from prefcenter.web.state import Web

ON, OFF, OPEN = "on", "off", "open"
_SHOWN = {ON: True, OFF: False, OPEN: None}
_WORDS = {state: word for word, state in _SHOWN.items()}

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRow:
    """One purpose as the template needs it. `terms`: what they have agreed to, where that is not the newest.
    `words`: names the text that a yes would be said to."""

    purpose: Purpose
    terms: Terms
    standing: PurposeStanding
    shown: str
    recipients: Sequence[str]
    is_objection: bool
    words: str


class PreferenceForm:
    """Shows rows and reads answers with the words of one catalog and one language."""

    def __init__(self, web: Web) -> None:
        self._names = web.services.catalogs.in_force.recipients
        labels = vars(web.templates.environment().get_template("pages/labels.txt").module)
        self._yes, self._no, self._objection = (str(labels[name]) for name in ("yes", "no", "objection"))

    def row(self, row: Row) -> ShownRow:
        return ShownRow(
            purpose=row.purpose,
            terms=_terms(row),
            standing=row.standing,
            shown=_WORDS[answered(allowed=row.standing.allowed, reason=row.standing.reason)],
            recipients=self._recipients(_terms(row)),
            is_objection=row.purpose.is_objected_to,
            words=_digest(self._wording(row, on=True)),
        )

    def answers(self, fields: Fields, rows: Sequence[Row]) -> dict[str, Answer]:
        """What was chosen, by purpose. Where a form says both yes and no, it is no."""
        said = set(fields)
        answers = {}
        for row in rows:
            key = row.purpose.key
            wanted = next((value for value in (OFF, ON) if (f"want-{key}", value) in said), None)
            if wanted is None:
                continue
            # A form that does not say what it showed: whatever was chosen is a change.
            shown = next(
                (state for word, state in _SHOWN.items() if (f"shown-{key}", word) in said), wanted == OFF
            )
            wording = self._wording(row, on=wanted == ON)
            as_read = wanted == OFF or (f"words-{key}", _digest(wording)) in said
            answers[key] = Answer(
                shown=shown,
                wanted=wanted == ON,
                wording=wording if as_read else None,
                version=_terms(row).version,
            )
        return answers

    def _wording(self, row: Row, *, on: bool) -> str:
        """All that was read beside an answer, the answer's own words last."""
        no = self._objection if row.purpose.is_objected_to else self._no
        terms = _terms(row)
        lines = [terms.title, terms.description, *self._recipients(terms), self._yes if on else no]
        return "\n".join(lines)

    def _recipients(self, terms: Terms) -> Sequence[str]:
        return [self._names[key].name for key in terms.recipients if key in self._names]


def _terms(row: Row) -> Terms:
    held = row.standing
    return terms_at_hand(
        row.purpose, allowed=held.allowed, version=held.version, pending_version=held.pending_version
    )


def _digest(wording: str) -> str:
    return sha256(wording.encode()).hexdigest()[:16]
