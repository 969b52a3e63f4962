"""Whatever is in a file, an import finds something, rejects it, or says why not: it never breaks."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import UTC
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.addresses import parse_email
from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Found
from prefcenter.tables.own import COLUMNS
from prefcenter.tables.recognising import FORMATS
from tests.tables.reading import DECLARED, NOW, imported, written

LIKELY = st.sampled_from(
    "ada@example.com Ada@EXAMPLE.com give withdraw bounce newsletter * de US ca customer true 1 0 1700000000 "
    "2026-03-01T10:00:00Z 2023-11-14 9999-12-31T23:59:59-23:59 0001-01-01 2026-03-01T10:00:00+99:99 "
    "enabled blocklisted 99999999999 = '".split()
)
CELL = st.one_of(LIKELY, st.just(""), st.text(max_size=12))
NAMES = sorted(
    {*COLUMNS, *(name for form in FORMATS.values() for group in (form.email, *form.needs) for name in group)}
)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), stop=st.booleans())
def test_any_bytes(content: bytes, stop: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            imported(written(Path(folder), content), purpose="newsletter", stop=stop)
        except TableError as error:
            assert "people.csv" in str(error)


@given(data=st.data(), names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=9, unique=True))
def test_any_cells_under_any_columns_that_are_known(data: st.DataObject, names: list[str]) -> None:
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(names), max_size=len(names)), max_size=5))
    form = data.draw(st.sampled_from([None, *FORMATS]))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *rows])
    content = text.getvalue().encode(errors="replace")
    with tempfile.TemporaryDirectory() as folder:
        try:
            results = imported(
                written(Path(folder), content), purpose="newsletter", form=form, declaration=DECLARED
            )
        except TableError:
            return
    for found in results:
        if isinstance(found, Found):
            parse_email(found.email)
            assert (found.action is None) == (found.purpose is None)
            assert not (found.action == "give" and (found.purpose == "*" or found.left_out))
            moment = found.occurred_at
            assert moment is None or (moment.tzinfo is UTC and moment.year >= 1900 and moment <= NOW)
