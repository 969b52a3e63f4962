"""The form of the preferences page: what it shows of each purpose, and how its answers are read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from prefcenter.domain.choices import Cause
from prefcenter.domain.purposes import Purpose
from prefcenter.use_cases.manage_preferences import Answer, Row
from prefcenter.use_cases.standings import PurposeStanding
from prefcenter.web.state import Web

ON, OFF, OPEN = "on", "off", "open"
_SHOWN = {ON: True, OFF: False, OPEN: None}

#: Reasons by which the person has said no already. Any other that forbids leaves both answers open.
_SAID_NO = frozenset(
    {Cause.WITHDRAWN, Cause.REFUSED, Cause.OBJECTED, Cause.ALL_MARKETING, Cause.COMPLAINED, Cause.ERASED}
)

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRow:
    """One purpose as the template needs it. `words`: names the text that a yes would be said to."""

    purpose: Purpose
    standing: PurposeStanding
    shown: str
    recipients: Sequence[str]
    is_objection: bool
    words: str


class PreferenceForm:
    """Shows rows and reads answers with the words of one catalog and one language."""

    def __init__(self, web: Web) -> None:
        self._catalog = web.services.catalog
        labels = vars(web.templates.environment().get_template("pages/labels.txt").module)
        self._yes, self._no, self._objection = (str(labels[name]) for name in ("yes", "no", "objection"))

    def row(self, row: Row) -> ShownRow:
        return ShownRow(
            purpose=row.purpose,
            standing=row.standing,
            shown=_shown(row.standing),
            recipients=self._recipients(row.purpose),
            is_objection=row.purpose.is_objected_to,
            words=_digest(self._wording(row.purpose, on=True)),
        )

    def shown_seq(self, fields: Fields) -> int:
        """The ledger's head when the page was made; 0, older than every stop, where it cannot be read."""
        text = next((value for name, value in fields if name == "shown_seq"), "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0

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
            wording = self._wording(row.purpose, on=wanted == ON)
            as_read = wanted == OFF or (f"words-{key}", _digest(wording)) in said
            answers[key] = Answer(shown=shown, wanted=wanted == ON, wording=wording if as_read else None)
        return answers

    def _wording(self, purpose: Purpose, *, on: bool) -> str:
        """All that was read beside an answer, the answer's own words last."""
        no = self._objection if purpose.is_objected_to else self._no
        lines = [purpose.title, purpose.description, *self._recipients(purpose), self._yes if on else no]
        return "\n".join(lines)

    def _recipients(self, purpose: Purpose) -> Sequence[str]:
        known = self._catalog.recipients
        return [known[key].name for key in purpose.recipients if key in known]


def _shown(standing: PurposeStanding) -> str:
    if standing.allowed:
        return ON
    return OFF if standing.reason in _SAID_NO else OPEN


def _digest(wording: str) -> str:
    return sha256(wording.encode()).hexdigest()[:16]
