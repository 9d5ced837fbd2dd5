"""Reads the list of servers, ledgers and users; example.list says how it is written. Whatever is not exactly that is refused with its line."""

import re
import sys
from dataclasses import dataclass, field

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_LENGTH_MAX = 32
TAG = re.compile(r"[0-9a-f]{16}")
ADDRESS = re.compile(r"[A-Za-z0-9.:-]{1,253}")
LOOPBACK = "127.0.0.1"
PORTS = (4222, 6222, 8222)  # clients, routes, monitor
# A repair makes the next one, which is rare.
GENERATION_MAX = 9
# How many ledgers a user of the role names: least and most.
ROLES = {"node": (1, 1), "reader": (1, 1000), "keeper": (1, 1000), "backup": (1, 1000), "restore": (1, 1), "breakglass": (0, 0), "system": (0, 0)}


@dataclass
class Server:
    name: str
    zone: str
    address: str
    clients: int
    routes: int
    monitor: int


@dataclass
class User:
    name: str
    role: str
    tags: list
    generation: int = 0  # of the role restore


@dataclass
class ClusterList:
    servers: list = field(default_factory=list)
    tags: list = field(default_factory=list)
    users: list = field(default_factory=list)


class Wrong(Exception):
    """What is wrong in the list, with its line."""


def name(word, what):
    if not NAME.fullmatch(word) or len(word) > NAME_LENGTH_MAX:
        raise Wrong(f"{what} must be of a-z, 0-9 and '-', at most {NAME_LENGTH_MAX} of them, and begin with a letter; found {word!r}")
    return word


def server(words):
    if len(words) not in (2, 3, 6):
        raise Wrong("expected: server NAME ZONE [ADDRESS [CLIENTS ROUTES MONITOR]]")
    address = words[2] if len(words) > 2 else LOOPBACK
    if not ADDRESS.fullmatch(address):
        raise Wrong(f"an address is a name or a number of the network; found {address!r}")
    ports = words[3:] or PORTS
    if not all(str(port).isdigit() and 0 < int(port) < 65536 for port in ports):
        raise Wrong(f"ports are from 1 to 65535; found {' '.join(map(str, ports))}")
    return Server(name(words[0], "a server's name"), name(words[1], "a zone"), address, *map(int, ports))


def user(words, tags):
    if len(words) < 2 or words[1] not in ROLES:
        raise Wrong(f"expected: user NAME ROLE [TAG…], a role of {', '.join(ROLES)}")
    least, most = ROLES[words[1]]
    given, generation = words[2:], 0
    if words[1] == "restore":
        if len(given) != 2 or not given[1].isdigit() or not 0 < int(given[1]) <= GENERATION_MAX:
            raise Wrong(f"expected: user NAME restore TAG GENERATION, a generation from 1 to {GENERATION_MAX}")
        given, generation = given[:1], int(given[1])
    if not least <= len(given) <= most or len(set(given)) != len(given):
        raise Wrong(f"the role {words[1]} names {least} to {most} ledgers, each once; found {len(given)}")
    for tag in given:
        if tag not in tags:
            raise Wrong(f"no line 'ledger {tag}' stands before this one")
    return User(name(words[0], "a user's name"), words[1], given, generation)


def parse(text):
    """The list in `text`, or `Wrong`."""
    found = ClusterList()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        try:
            match words:
                case []:
                    pass
                case ["server", *rest]:
                    found.servers.append(server(rest))
                case ["ledger", tag] if TAG.fullmatch(tag):
                    found.tags.append(tag)
                case ["user", *rest]:
                    found.users.append(user(rest, found.tags))
                case ["ledger", *_]:
                    raise Wrong("expected: ledger TAG, 16 hex digits in small letters")
                case _:
                    raise Wrong(f"a line begins with server, ledger or user; found {words[0]!r}")
        except Wrong as wrong:
            raise Wrong(f"line {number}: {wrong}") from None
    whole(found)
    return found


def whole(found):
    """What holds of the list as a whole."""
    # Two servers cannot outvote the third, and an even number gains nothing.
    if len(found.servers) not in (1, 3, 5):
        raise Wrong(f"expected 3 or 5 servers (1 to try things out), found {len(found.servers)}")
    for what, values in {
        # make-certificates finds both by the name alone.
        "server or user": [each.name for each in found.servers + found.users],
        "zone": [each.zone for each in found.servers],
        "ledger": found.tags,
        "address and port": [(each.address, port) for each in found.servers for port in (each.clients, each.routes)],
        "monitor": [(each.address, each.monitor) for each in found.servers],
    }.items():
        for value in values:
            if values.count(value) > 1:
                raise Wrong(f"the {what} {value} is given twice")
    if not found.tags:
        raise Wrong("no ledger is named")


def read(path):
    """The list in the file; ends the program with exit code 2 when it is wrong."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read())
    except (OSError, UnicodeDecodeError, Wrong) as wrong:
        print(f"{path}: {wrong}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    # For make-certificates: what it needs of a list that is right.
    LIST = read(sys.argv[1])
    for each in LIST.servers:
        print("server", each.name, each.address)
    for each in LIST.users:
        print("user", each.name, each.role)
