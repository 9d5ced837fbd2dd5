"""Cuts a machine off: three servers and two nodes in network namespaces of their own, joined by a bridge, under certificates.

    sudo python3 tests/cluster/partition.py target/release/zeren

The machine of the node that sequences is cut off with its server. It acknowledges nothing more, answers its readers all the same and says how old
that is; the other node takes over; when the way is mended the first ends with 7, follows, and every statement that was acknowledged is in both
records, and what was not in neither. Ends with 1 on whatever differs; where this user may not make namespaces it says that nothing was tried, and ends with 0.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

from cluster import Cluster, NoServer  # noqa: E402
from nodes import Different, Process, Room, until  # noqa: E402

NODES = {"node-1": ("county", "n1"), "node-2": ("node-2", "n2")}
DEPOSED = 7
TAKEOVER_SECONDS = 60
BRIDGE = "zeren-br"
HUB = "10.77.0.254"


def told(step):
    print(f"{time.strftime('%H:%M:%S')} {step}", flush=True)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Machines:
    """A namespace for each server, with one way out; the bridge is in the namespace of this test."""

    def __init__(self, names):
        self.addresses = {name: f"10.77.0.{at}" for at, name in enumerate(names, 1)}

    def __enter__(self):
        # What a test that was killed has left.
        self.__exit__()
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{HUB}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name, address in self.addresses.items():
            ip("netns", "add", self.of(name))
            ip("link", "add", f"zeren-{name}", "type", "veth", "peer", "name", "way", "netns", self.of(name))
            ip("link", "set", f"zeren-{name}", "master", BRIDGE, "up")
            for words in (["addr", "add", f"{address}/24", "dev", "way"], ["link", "set", "way", "up"], ["link", "set", "lo", "up"]):
                ip("-n", self.of(name), *words)
        return self

    def __exit__(self, *_):
        for name in self.addresses:
            for words in (["link", "del", f"zeren-{name}"], ["netns", "del", self.of(name)]):
                subprocess.run(["ip", *words], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", BRIDGE], check=False, capture_output=True)

    @staticmethod
    def of(name):
        return f"zeren-{name}"

    def within(self, name):
        """What comes before a command that runs on that machine."""
        return ["ip", "netns", "exec", self.of(name)]

    def cut(self, name):
        ip("link", "set", f"zeren-{name}", "down")

    def mend(self, name):
        ip("link", "set", f"zeren-{name}", "up")


class Apart(Cluster):
    """The same servers, each on its machine."""

    def __init__(self, folder, people, machines):
        self.machines = machines
        super().__init__(folder, people)

    def write_list(self, people):
        servers = [f"server {name} {self.zones[name]} {self.machines.addresses[name]}" for name in self.names]
        self.list.write_text("\n".join([*servers, people]), encoding="utf-8")

    def address(self, name):
        return f"{self.machines.addresses[name]}:4222"

    def start(self, *names):
        for name in names or self.names:
            command = [*self.machines.within(name), self.program, "-c", str(self.configuration_of(name))]
            with self.log_of(name).open("ab") as log:
                self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait()

    def monitor(self, name, path):
        asked = [*self.machines.within(name), "curl", "-s", "--max-time", "2", f"http://127.0.0.1:8222{path}"]
        with contextlib.suppress(ValueError):
            return json.loads(subprocess.run(asked, capture_output=True, text=True, check=False).stdout)
        return {}


class Story:
    """One cut, and what comes of it."""

    def __init__(self, room, machines):
        self.room, self.machines = room, machines

    def on(self, node, *words, seconds=60):
        """A command on a node's machine: exit code and what it said."""
        command = [*self.machines.within(NODES[node][1]), self.room.program, "--lang", "en", *map(str, words)]
        try:
            done = subprocess.run(command, cwd=self.room.folder, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode, done.stdout + done.stderr

    def serve(self, node):
        folder, machine = NODES[node]
        command = [*self.machines.within(machine), self.room.program, "--lang", "en", "serve", "--dir", folder, "--cluster", f"{node}.toml", "--listen", "127.0.0.1:8417"]
        self.room.count += 1
        process = Process(command, self.room.folder, self.room.path(f"{self.room.count:02}-{node}.log"))
        self.room.processes.append(process)
        process.wait("following")
        return process

    def read(self, node, path):
        asked = [*self.machines.within(NODES[node][1]), "curl", "-s", "--max-time", "5", f"http://127.0.0.1:8417{path}"]
        text = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        return json.loads(text) if text.startswith("{") else text

    def now(self, node):
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.read(node, "/v1/ledger")["received_last_ms"] // 1000))

    def submit(self, draft, by, node, seconds=60):
        return self.on(node, "submit", draft, "--to", "http://127.0.0.1:8417", "--key", f"{by}.pem", "--policy", self.room.policy, seconds=seconds)

    def recorded(self, draft, by, node):
        last = [None, ""]

        def answered():
            last[:] = self.submit(draft, by, node)
            return last[0] == 0
        try:
            until("a receipt", answered, TAKEOVER_SECONDS)
        except Different as late:
            raise Different(f"{late}: {last}") from None

    def run(self):
        room = self.room
        for node, (folder, _) in NODES.items():
            room.zeren("key", "new", "--plain", f"{node}-node.pem")
            room.write(f"{node}.toml", room.fields(node, f"{node}-node.pem"))
        until("the keeper's stream", lambda: stream_made(room))
        room.zeren("cluster", "found", "--cluster", "node-1.toml", "--dir", "county")
        room.zeren("backup", "--dir", "county", "--to", "copy", "--policy", room.policy)
        room.zeren("cluster", "join", "--from", "copy", "--to", "node-2")
        shutil.copy(room.path("county/checkpoint-key.pem"), room.path("node-2/checkpoint-key.pem"))
        first = self.serve("node-1")
        first.wait("sequencing")
        second = self.serve("node-2")
        self.recorded(room.incident("1.draft", "f001", "county", self.now("node-1")), "f001", "node-1")
        told("one machine sequences, another stands by")

        draft = room.incident("2.draft", "f002", "county", self.now("node-1"))
        self.machines.cut("n1")
        code, said = self.submit(draft, "f002", "node-1", seconds=20)
        if code == 0:
            raise Different(f"a receipt from a machine that is cut off: {said}")
        if not isinstance(found := self.read("node-1", "/ready"), dict) or "cluster" not in found:
            raise Different(f"readers of the machine that is cut off: {found}")
        until("it says how old that is", lambda: self.read("node-1", "/ready")["cluster"]["heard_ms"] > 10_000)
        second.wait("sequencing")
        self.recorded(room.incident("3.draft", "f003", "node-2", self.now("node-2")), "f003", "node-2")
        told("cut off: nothing acknowledged there, readers answered and told how old; the other took over and records")

        self.machines.mend("n1")
        if (code := first.ended()) != DEPOSED:
            raise Different(f"the first, when it woke: expected exit code {DEPOSED}, found {code}:\n{first.said()}")
        again = self.serve("node-1")
        # What was not acknowledged is nowhere: another statement of that device has its counter by now.
        code, said = self.submit(draft, "f002", "node-2")
        if code == 0 or "counter-used" not in said:
            raise Different(f"what was never acknowledged, once again: {code} {said}")
        sizes = lambda: [self.read(node, "/v1/ledger")["size"] for node in NODES]  # noqa: E731
        until("both hold the same", lambda: len(set(sizes())) == 1)
        again.stop()
        second.stop()
        held = {folder: self.room.audit(folder) for folder, _ in NODES.values()}
        if len(set(held.values())) != 1:
            raise Different(f"expected one record, found {held}")
        told(f"mended: the first followed, {held['county'][0]} entries in both, one root")


def stream_made(room):
    """The keeper makes the stream, when the servers have found each other."""
    try:
        return room.stream("keeper", "create", f"LEDGER_{room.tag}_1")
    except Different as failed:
        if re.search("10005|nobody answers", str(failed)):
            return ""
        raise


def may_make_namespaces():
    if not shutil.which("ip") or not shutil.which("curl"):
        sys.exit("partition.py needs `ip` and `curl`: apt-get install iproute2 curl")
    tries = [["netns", "add", "zeren-try"], ["link", "add", "zeren-try", "type", "bridge"]]
    made = [subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0 for words in tries]
    for words in (["netns", "del", "zeren-try"], ["link", "del", "zeren-try"]):
        subprocess.run(["ip", *words], capture_output=True, check=False)
    return all(made)


def main():
    if os.geteuid() != 0 or not may_make_namespaces():
        print("NOT TRIED: this user may not make network namespaces and a bridge; run it as root")
        return
    with tempfile.TemporaryDirectory(prefix="zeren-apart-") as folder, Machines(["n1", "n2", "n3"]) as machines:
        try:
            room = Room(sys.argv[1] if len(sys.argv) > 1 else "target/release/zeren", Path(folder))
            users = [f"user {node} node {room.tag}" for node in NODES]
            people = "\n".join([f"ledger {room.tag}", *users, f"user keeper keeper {room.tag}", "user breakglass breakglass", "user system system"])
            room.cluster = Apart(Path(folder) / "cluster", people, machines)
            with room.cluster:
                try:
                    Story(room, machines).run()
                finally:
                    room.end()
        except (NoServer, Different) as ended:
            sys.exit(f"partition.py: {ended}")
    print("cut off, taken over, mended: nothing acknowledged was lost")


if __name__ == "__main__":
    main()
