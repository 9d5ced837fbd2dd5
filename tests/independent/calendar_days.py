"""Days of a procedure's offset, natural or working (format.md section 7.1), as numbers of days since 1970-01-01, a Thursday."""

import datetime
from dataclasses import dataclass

from values import DAY


def day_number(moment, east):
    """The day of a moment in milliseconds, at an offset east of UTC; years above 9999 need no date."""
    return (moment + east) // DAY


def day_of_year(year, month, day):
    return datetime.date(year, month, day).toordinal() - 719163


@dataclass
class Calendar:
    """`working` holds ISO weekdays, the two others days; a day that is in both is a holiday."""

    working: frozenset = frozenset(range(1, 6))
    holidays: frozenset = frozenset()
    workdays: frozenset = frozenset()

    def between(self, first, second, kind):
        """How many days d with first < d <= second count."""
        if second <= first:
            return 0
        if kind == "natural":
            return second - first
        count = sum((second - weekday + 4) // 7 - (first - weekday + 4) // 7 for weekday in self.working)
        count -= sum(self._is_working(day) for day in self.holidays if first < day <= second)
        return count + sum(not self._is_working(day) for day in self.workdays - self.holidays if first < day <= second)

    def _is_working(self, day):
        return (day + 3) % 7 + 1 in self.working


def days_between(procedure, first, second, kind):
    """The days between two times, in milliseconds, as section 7.1 counts them."""
    east = procedure.east
    return procedure.calendar.between(day_number(first, east), day_number(second, east), kind)


def is_past(procedure, due, period, received, more=0):
    """Whether `due` (month, day) of the period, plus some more days, is earlier than the date of `received`."""
    return due is not None and day_of_year(period, *due) + more < day_number(received, procedure.east)
