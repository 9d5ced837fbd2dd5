"""What the tests of nodes share: the program under test, its folders and files, its processes, and statements that an official signs."""

import base64
import hashlib
import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

from cluster import DEPLOY

LANGUAGES = ["en", "zh"]
COMMAND_SECONDS = 60
EVENT_SECONDS = 60
REFUSED = 4
CLOCK = "%Y-%m-%dT%H:%M:%S+00:00"


class Different(Exception):
    """Something is not as it must be, with what."""


def until(what, is_so, seconds=EVENT_SECONDS):
    """Waits until it is so; gives what made it so."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        if time.monotonic() > end:
            raise Different(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


class Process:
    """A node, a follower or a projector that runs, and what it has said."""

    def __init__(self, command, folder, log):
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file)

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def events(self, name):
        """What came with each event of that name."""
        lines = [line for line in self.said().splitlines() if line.startswith("{") and line.endswith("}")]
        return [event["more"] for event in map(json.loads, lines) if event.get("event") == name]

    def wait(self, name):
        """The first event of that name."""
        def heard():
            if self.process.poll() is not None:
                raise Different(f"ended with {self.process.returncode} before {name!r}:\n{self.said()}")
            return self.events(name)
        return until(f"{name!r} in {self.log.name}", heard)[0]

    @property
    def address(self):
        return "http://" + self.wait("serving")["address"]

    def ended(self, seconds=EVENT_SECONDS):
        """The exit code of a process that ends by itself; None where it does not."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM, as the unit stops it."""
        if self.process.poll() is None:
            self.process.terminate()
            if self.process.wait(timeout=EVENT_SECONDS) != 0:
                raise Different(f"{self.log.name} ended with {self.process.returncode}:\n{self.said()}")


class Room:
    """A folder with the sample county in it, a cluster, and a cluster file for each of its users."""

    def __init__(self, program, folder):
        self.program, self.folder = str(Path(program).resolve()), folder
        self.processes, self.count = [], 0
        self.zeren("demo", "--profile", "s", "--dir", "county")
        self.policy = "county/trust-policy"
        self.ledger = re.match(r"log ([^+]+)\+", (folder / self.policy).read_text(encoding="utf-8"))[1]
        self.tag = self.ledger.rsplit("/", 1)[1]
        self.cluster = None

    def path(self, name):
        return self.folder / name

    def try_zeren(self, *words, lang="en", seconds=COMMAND_SECONDS):
        """Exit code and all that the command said; without an end in time, None."""
        command = [self.program, "--lang", lang, *map(str, words)]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            return None, "".join(part.decode() for part in (late.stdout, late.stderr) if part)
        return done.returncode, done.stdout + done.stderr

    def zeren(self, *words, code=0):
        """What it said; it must end with `code`."""
        found, said = self.try_zeren(*words)
        if found != code:
            raise Different(f"zeren {' '.join(map(str, words))}: expected exit code {code}, found {found}\n{said}")
        return said

    def user(self, name):
        """The folder of a user's certificate."""
        users = self.cluster.certificates / "users" / name
        return users if users.exists() else self.cluster.certificates / "safe" / name

    def stream(self, user, *words, typed="", code=0):
        """What deploy/cluster/stream prints."""
        command = [DEPLOY / "stream", "--at", self.cluster.address("n1"), "--as", self.user(user), *map(str, words)]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
        if done.returncode != code:
            raise Different(f"stream {' '.join(map(str, words))} as {user}: expected exit code {code}, found {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def fields(self, user, node=None):
        """A cluster file as docs/operations-cluster.md has it; a reader has no key of a node's."""
        of = self.user(user)
        fields = {
            "servers": [f"tls://{self.cluster.address(name)}" for name in self.cluster.names],
            "authority": str(of / "authority.pem"), "certificate": str(of / f"{user}.pem"), "certificate_key": str(of / f"{user}.key"),
            "inbox": f"_INBOX_{user}", "node": user, "servers_sync_always": True, "replicas": 3,
        }
        return fields | ({"node_key": node} if node else {})

    def write(self, name, fields):
        """A cluster file of these fields, those that are None left out."""
        # What JSON writes of texts, numbers, true and lists is TOML.
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if value is not None]
        self.path(name).write_text("".join(lines), encoding="utf-8")
        return name

    def start(self, name, *words):
        """A process that goes on; its log is NAME.log."""
        self.count += 1
        process = Process([self.program, "--lang", "en", *map(str, words)], self.folder, self.path(f"{self.count:02}-{name}.log"))
        self.processes.append(process)
        return process

    def serve(self, node, folder, file=None, name=None):
        return self.start(name or node, "serve", "--dir", folder, "--cluster", file or f"{node}.toml", "--listen", "127.0.0.1:0")

    def end(self):
        """At once: nobody needs them any more."""
        for process in self.processes:
            process.kill()

    def now(self, process):
        """A time at which somebody may sign: that of the record's last entry, which in a demonstration is long ago."""
        with urllib.request.urlopen(f"{process.address}/v1/ledger", timeout=EVENT_SECONDS) as answer:
            received = json.load(answer)["received_last_ms"]
        return time.strftime(CLOCK, time.gmtime(received // 1000))

    def incident(self, draft, by, folder, at, kind="other", generation=0):
        """A draft that a founder has signed, at the own desk: the demonstration's invented ones give their keys to everybody."""
        if not self.path(f"{by}.pem").exists():
            self.zeren("key", "demo", by, "--dir", "county", "-o", f"{by}.pem")
        document = base64.b64encode(hashlib.sha256(b"the report").digest()).decode()
        lines = [f"incident {kind}", "node node-1", f"generation {generation}", f"document {document}"]
        words = ["draft", "incident", "--dir", folder, "--by", by, "--device", "d-county", "--at", at, "-o", draft]
        sign = ["sign", draft, "--key", f"{by}.pem", "--person", by, "--policy", self.policy, "--yes"]
        self.zeren(*words, *lines)
        code, said = self.try_zeren(*sign)
        # Receipts have shown the signer more than the last signature did, and no service is asked.
        if code == REFUSED and (remembered := re.search(r"`zeren draft (--remembered) ([0-9]+)`", said)):
            self.path(draft).unlink()
            self.zeren(*words, *remembered.groups(), *lines)
            self.zeren(*sign)
        elif code != 0:
            raise Different(f"sign: exit code {code}\n{said}")
        return draft

    def submit(self, draft, by, process, lang="en"):
        """Exit code and what was said."""
        return self.try_zeren("submit", draft, "--to", process.address, "--key", f"{by}.pem", "--policy", self.policy, lang=lang)

    def status(self, user, folder):
        """What `zeren cluster status` says, with its exit code."""
        code, said = self.try_zeren("cluster", "status", "--cluster", f"{user}.toml", "--dir", folder, "--json")
        try:
            return json.loads(said.splitlines()[0]) | {"code": code}
        except (ValueError, IndexError):
            return {"code": code, "said": said}

    def audit(self, folder):
        """Entries and root of a folder that holds."""
        report = json.loads(self.zeren("audit", folder, "--policy", self.policy, "--json").splitlines()[0])
        if report["verdict"] != "holds":
            raise Different(f"{folder}: expected to hold, found {report}")
        return report["entries"], report["root"]
