"""Reading a ledger's files, every read bounded (format.md section 9)."""

import os
import re
import stat

import values

SLOT = 8192
PER_SEGMENT = 65_536
PER_BUNDLE = 256
SEGMENT_LIMIT = PER_SEGMENT * (2 + 65_535)
CHUNK = 1 << 20


def open_regular(path):
    """A binary file object of a regular file, or None; never blocks on a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return os.fdopen(handle, "rb")


def read_bounded(path, limit):
    """At most `limit` bytes of a regular file, or None where there is none."""
    file = open_regular(path)
    if file is None:
        return None
    with file:
        try:
            return file.read(limit)
        except OSError:
            return None


def names(path):
    """The names in a folder in order of their bytes; none where there is no folder."""
    try:
        return sorted(os.listdir(os.fsencode(path)))
    except (OSError, ValueError):
        return []


def marker(folder):
    """The ledger id that the file `ledger` names, or None where it is absent or malformed."""
    data = read_bounded(os.path.join(folder, "ledger"), 200)
    match = re.fullmatch(rb"zeren ledger v1\n([ -~]+)\n", data or b"")
    return values.ledger_id(match[1].decode("ascii")) if match else None


class Segments:
    """The entries that section 9 reads: a first pass by `scan`, then single entries by `entry`."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "segments")
        self.files = []
        self.places = []
        self.tail = False

    def scan(self):
        """Yield every entry in order; afterwards `tail` says whether bytes other than zero follow."""
        while True:
            file = open_regular(os.path.join(self.folder, "%06d" % len(self.files)))
            if file is None:
                break
            self.files.append(file)
            yield from self._scan_file(file)
            if len(self.places) < PER_SEGMENT * len(self.files):
                break
        self._later_files()

    def _scan_file(self, file):
        position = 0
        for _ in range(PER_SEGMENT):
            length = int.from_bytes(self._read(file, 2), "big")
            entry = self._read(file, length)
            if length == 0 or len(entry) < length:
                break
            self.places.append((len(self.files) - 1, position + 2, length))
            position += 2 + length
            yield entry
        self._check_rest(file, position)

    @staticmethod
    def _read(file, count):
        """Exactly `count` bytes, or none."""
        try:
            data = file.read(count)
        except OSError:
            return b""
        return data if len(data) == count else b""

    def _check_rest(self, file, position):
        try:
            file.seek(position)
            while position < SEGMENT_LIMIT and not self.tail:
                chunk = file.read(CHUNK)
                if not chunk:
                    break
                position += len(chunk)
                self.tail = chunk.count(0) != len(chunk)
        except OSError:
            self.tail = True

    def _later_files(self):
        """Files of higher numbers than those read are bytes after the last entry, too."""
        last = len(self.files) - 1
        for name in names(self.folder):
            if re.fullmatch(rb"[0-9]{6}", name) and int(name) > last and not self.tail:
                file = open_regular(os.path.join(os.fsencode(self.folder), name))
                if file is not None:
                    with file:
                        self._check_rest(file, 0)

    def bundles(self, count):
        """Where the bundles that begin within the first `count` entries begin, as the file `bundles` has it."""
        return b"".join((self.places[index][1] - 2).to_bytes(8, "big") for index in range(0, count, PER_BUNDLE))

    def entry(self, index):
        """The bytes of one entry again."""
        number, position, length = self.places[index]
        try:
            return os.pread(self.files[number].fileno(), length, position)
        except OSError:
            return b""

    def close(self):
        for file in self.files:
            file.close()


def unpadded(data):
    """A note without the \\n that pad it to a slot's size."""
    return data.rstrip(b"\n") + b"\n" if data.endswith(b"\n") else data


def slot(folder, number):
    """What a slot holds: None if unwritten, b"" if its size is wrong, else the note without its padding."""
    data = read_bounded(os.path.join(folder, "checkpoint.%d" % number), SLOT + 1)
    if data is None or data.count(b"\n") == len(data):
        return None
    return unpadded(data) if len(data) == SLOT else b""
