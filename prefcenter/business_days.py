"""On which days a country works: its weekends, and its national public holidays."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays


@lru_cache(maxsize=64)
def _calendar(country: str) -> holidays.HolidayBase | None:
    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        return None


def is_business_day(country: str, day: date) -> bool:
    """Whether `country` (ISO 3166-1, such as `US`) works on that day.

    Holidays of one state or province do not count, and of a country without a list of its own only weekends
    do: a deadline so comes rather too early than too late.
    """
    calendar = _calendar(country)
    if calendar is None:
        return day.weekday() < _SATURDAY
    return calendar.is_working_day(day)


_SATURDAY = 5
