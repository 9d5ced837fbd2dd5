"""What a TOML value must be, `procedure-format` where it is not (format.md section 7)."""

import datetime

import values as v
from values import require


def well(condition):
    require(condition, "procedure-format")


def integer(value, low, high):
    well(type(value) is int and low <= value <= high)
    return value


def string(value, grammar):
    well(type(value) is str and grammar(value) is not None)
    return value


def code(value):
    return string(value, v.code)


def title(value):
    return string(value, lambda text: v.text(text, wide=True))


def share(value):
    well(type(value) is str)
    parsed = v.share(value)
    well(parsed is not None)
    return parsed


def boolean(value):
    well(type(value) is bool)
    return value


def true(value):
    well(value is True)
    return True


def date(value):
    """A local date, as days since 1970-01-01."""
    well(type(value) is datetime.date and value.year >= 1900)
    return value.toordinal() - 719163


def one_of(*words):
    return lambda value: string(value, lambda word: word if word in words else None)


def table(value, needed, optional=()):
    well(type(value) is dict and needed <= value.keys() <= needed | set(optional))
    return value


def entries(value, low, high):
    """A table of that many entries under names of its own."""
    well(type(value) is dict and low <= len(value) <= high)
    return value


def array(value, low, high, item):
    well(type(value) is list and low <= len(value) <= high)
    return [item(member) for member in value]


def distinct(value, item, low=0, high=50_000):
    """An array that holds no value twice."""
    items = array(value, low, high, item)
    well(len(set(items)) == len(items))
    return items
