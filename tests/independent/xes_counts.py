"""Whether a ledger holds an XES log's events, every one and nothing else: counted from the bytes of both.

    python3 xes_counts.py FILE.xes[.gz] [LEDGER_DIR]      exit 0 equal, 1 not, 2 usage or a malformed file

Reads the log with xml.etree and the ledger's segments by docs/format.md sections 3, 5.9, 6 and 9. It verifies no signature: that is
verify.py. Without a ledger it prints what the log holds. It shares no code with anything.
"""

import base64
import collections
import datetime
import gzip
import hashlib
import os
import re
import sys
import xml.etree.ElementTree as etree

XML_BYTES_MAX = 1 << 30
ENTRIES_PER_SEGMENT = 65_536
DIFFERENCES_SHOWN = 10
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)

Record = collections.namedtuple("Record", "case position recorded activity actor group lifecycle")


class Malformed(Exception):
    """A file that is not what it should be."""


def read_log_bytes(path):
    """The XML of a log, and SHA-256 of the file as it lies there."""
    with open(path, "rb") as file:
        raw = file.read(XML_BYTES_MAX + 1)
    if len(raw) > XML_BYTES_MAX:
        raise Malformed(f"{path}: longer than {XML_BYTES_MAX} bytes")
    digest = hashlib.sha256(raw).digest()
    if not raw.startswith(b"\x1f\x8b"):
        return raw, digest
    with gzip.open(path) as file:
        xml = file.read(XML_BYTES_MAX + 1)
    if len(xml) > XML_BYTES_MAX:
        raise Malformed(f"{path}: longer than {XML_BYTES_MAX} bytes when unpacked")
    return xml, digest


class Strict(etree.TreeBuilder):
    """Builds the tree, and refuses a document type, in which alone an entity could be declared."""

    def doctype(self, *_):
        """Called by the parser itself, whatever the encoding of the file."""
        raise Malformed("a document type: refused")


def parse_log(xml):
    """The `log` element."""
    parser = etree.XMLParser(target=Strict())
    try:
        parser.feed(xml)
        root = parser.close()
    except etree.ParseError as error:
        raise Malformed(f"not XML: {error}") from error
    if local(root) != "log":
        raise Malformed(f"not a log: the root element is {local(root)}")
    return root


def local(element):
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def attributes(element):
    """The direct attributes of a trace or event; nested ones belong to others."""
    found = {}
    for child in element:
        key = child.get("key")
        if key is None or local(child) in ("event", "trace"):
            continue
        if key in found and key in ("concept:name", "time:timestamp", "org:resource", "org:group", "lifecycle:transition"):
            raise Malformed(f"{key} twice")
        found[key] = child.get("value") or "-"
    return found


def normalised(stamp):
    """YYYY-MM-DDTHH:MM:SS.mmm and the offset as written; what is finer than a millisecond is cut."""
    match = STAMP.fullmatch(stamp or "")
    if not match:
        raise Malformed(f"no time with an offset: {stamp!r}")
    try:
        datetime.datetime.fromisoformat(match[1])
    except ValueError as error:
        raise Malformed(f"no time: {stamp!r}") from error
    offset = "+00:00" if match[3] in ("Z", "-00:00") else match[3]
    return f"{match[1]}.{(match[2] or '')[:3].ljust(3, '0')}{offset}"


def records_of_log(root):
    """The events in the order of the file, and the number of traces."""
    records, traces = [], 0
    for trace in root:
        if local(trace) != "trace":
            continue
        traces += 1
        case = attributes(trace).get("concept:name")
        if case is None:
            raise Malformed(f"trace {traces} has no concept:name")
        for event in trace:
            if local(event) != "event":
                continue
            said = attributes(event)
            if "concept:name" not in said:
                raise Malformed(f"an event of {case} has no concept:name")
            records.append(
                Record(
                    case,
                    len(records),
                    normalised(said.get("time:timestamp")),
                    said["concept:name"],
                    said.get("org:resource", "-"),
                    said.get("org:group", "-"),
                    said.get("lifecycle:transition", "-"),
                )
            )
    return records, traces


def entries(folder):
    """The entries' bytes, as format.md section 9 reads them."""
    number = 0
    while True:
        path = os.path.join(folder, "segments", f"{number:06}")
        if not os.path.isfile(path):
            if number == 0:
                raise Malformed(f"{folder}: no segments/000000")
            return
        with open(path, "rb") as file:
            data = file.read()
        offset, count = 0, 0
        while count < ENTRIES_PER_SEGMENT:
            length = int.from_bytes(data[offset : offset + 2], "big")
            if length == 0 or offset + 2 + length > len(data):
                return
            yield data[offset + 2 : offset + 2 + length]
            offset, count = offset + 2 + length, count + 1
        number += 1


def note_text(entry):
    """The text of an entry's note: after the lines `previous` and `received`, before the last blank line."""
    head = entry.split(b"\n", 2)
    if len(head) != 3 or not head[0].startswith(b"previous ") or not head[1].startswith(b"received "):
        raise Malformed("an entry without `previous` and `received`")
    text, blank, _ = head[2].rpartition(b"\n\n")
    if not blank:
        raise Malformed("a note without a blank line")
    return text.decode("utf-8")


def records_of_ledger(folder, source):
    """The imported records of this source in the order of the log, and how many are of other sources."""
    records, others = [], 0
    wanted = base64_of(source)
    for entry in entries(folder):
        lines = note_text(entry).split("\n")
        if lines[0] != "zeren statement v1" or "act import" not in lines[:4]:
            continue
        said = {}
        for line in lines[1:]:
            key, _, value = line.partition(" ")
            said.setdefault(key, value)
        digest, position = said["source"].split(" ")
        if digest != wanted:
            others += 1
            continue
        case = said["case"].split(" ")[0]
        records.append(Record(case, int(position), said["recorded"], said["activity"], said["actor"], said["group"], said["lifecycle"]))
    return records, others


def base64_of(digest):
    """Base64 as the format has it."""
    return base64.b64encode(digest).decode("ascii")


COUNTS = [
    ("events per person and activity", lambda record: (record.actor, record.activity)),
    ("events per person", lambda record: record.actor),
    ("events per activity", lambda record: record.activity),
    ("events per group", lambda record: record.group),
    ("events per life-cycle transition", lambda record: record.lifecycle),
    ("events per case", lambda record: record.case),
]


def differences(log, ledger):
    """Where the two differ, in words."""
    for name, key in COUNTS:
        expected, found = (collections.Counter(map(key, records)) for records in (log, ledger))
        for value in sorted(set(expected) | set(found), key=str):
            if expected[value] != found[value]:
                yield f"{name}, {value}: {expected[value]} in the log, {found[value]} in the ledger"
    expected, found = (by_case(records) for records in (log, ledger))
    for case in sorted(set(expected) | set(found)):
        # In the order of the log against the order of the ledger: both orders are part of what is compared.
        pairs = zip(expected.get(case, []), found.get(case, []))
        for at, (one, other) in enumerate(pairs):
            if one != other:
                yield f"case {case}, event {at}: {one} in the log, {other} in the ledger"
                break
    positions = {record.position: record for record in log}
    for record in ledger:
        if positions.get(record.position) != record:
            yield f"record {record.position}: {positions.get(record.position)} in the log, {record} in the ledger"
    twice = [position for position, count in collections.Counter(record.position for record in ledger).items() if count > 1]
    yield from (f"record {position}: more than once in the ledger" for position in sorted(twice))


def by_case(records):
    """For each case its (recorded, activity, actor), in order."""
    cases = collections.defaultdict(list)
    for record in records:
        cases[record.case].append((record.recorded, record.activity, record.actor))
    return cases


def table(rows):
    """A short table: what, the log, the ledger."""
    for name, *numbers in rows:
        print(f"{name:<12}" + "".join(f"{number:>12}" for number in numbers))


def summary(records):
    """Cases, events, persons, activities, groups."""
    fields = ("case", "actor", "activity", "group")
    cases, persons, activities, groups = (len({getattr(record, field) for record in records}) for field in fields)
    return cases, len(records), persons, activities, groups


def main(arguments):
    """The command."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        xml, digest = read_log_bytes(arguments[0])
        log, traces = records_of_log(parse_log(xml))
        ledger, others = records_of_ledger(arguments[1], digest) if len(arguments) == 2 else (None, 0)
    except (Malformed, OSError, EOFError, KeyError, ValueError) as error:
        print(f"xes_counts: {error}", file=sys.stderr)
        return 2
    names = ("cases", "events", "persons", "activities", "groups")
    if ledger is None:
        table([("", "log"), *zip(names, summary(log))])
        return 0
    table([("", "log", "ledger"), *zip(names, summary(log), summary(ledger))])
    found = list(differences(log, ledger))
    if len({record.case for record in log}) != traces:
        print(f"note: {traces} traces, some without an event or with the name of another")
    if others:
        print(f"note: {others} records of other files, not compared")
    if not found:
        print("equal")
        return 0
    print(f"not equal: {len(found)} differences")
    for difference in found[:DIFFERENCES_SHOWN]:
        print(f"  {difference}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
