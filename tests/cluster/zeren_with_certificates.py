"""Runs nodes, a follower and a projector under the certificates, accounts and permissions that deploy/cluster makes, as docs/operations-cluster.md says.

    python3 tests/cluster/zeren_with_certificates.py target/release/zeren

The sample county is founded on three real servers, statements come over HTTP, the sequencer is killed, another takes over; what must be refused
is refused, in words that help; the stream is deleted, and repaired from a node's segments. Ends with 1 on whatever differs, after it has tried all
that it still can.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import refusals  # noqa: E402
from cluster import DEPLOY, Cluster, NoServer  # noqa: E402
from nodes import LANGUAGES, Different, Room, until  # noqa: E402

sys.path.insert(0, str(DEPLOY))
from nats_client import Client, Failed  # noqa: E402

NODES = {"node-1": "county", "node-2": "node-2"}
READERS = {"follower-1": "follower", "projector-1": "projector"}
# Who may not sequence waits for six seconds, and asks.
TAKEOVER_SECONDS = 30
# A stream that is gone is no outage: whoever reads it, or writes to it, notices within this time.
GONE_SECONDS = 30
DOES_NOT_VERIFY = 1
# Exit codes after which the units leave it to a person.
NOT_TRIED_AGAIN = (1, 2, 4, 5)


def people(tag):
    users = [f"user {name} node {tag}" for name in NODES] + [f"user {name} reader {tag}" for name in READERS]
    return "\n".join([f"ledger {tag}", *users, f"user keeper keeper {tag}", "user breakglass breakglass", "user system system"])


def told(step):
    print(f"{time.strftime('%H:%M:%S')} {step}", flush=True)


class Story:
    """The steps, in the order of the page; `wrong` are the differences after which it can go on."""

    def __init__(self, room):
        self.room, self.wrong, self.running = room, [], {}

    def name(self, generation=1):
        return f"LEDGER_{self.room.tag}_{generation}"

    def asks(self, title, words, en, zh, codes=refusals.FAILED, seconds=refusals.SAID_SECONDS):
        """A command that must be refused, in both languages."""
        for lang, wanted in zip(LANGUAGES, (en, zh), strict=True):
            code, said = self.room.try_zeren(*words, lang=lang, seconds=seconds)
            self.wrong += refusals.judged(title, code, said, codes, wanted, lang)

    def node(self, name):
        """`zeren serve --cluster`, as the unit has it."""
        self.running[name] = self.room.serve(name, NODES[name])
        self.running[name].wait("following")
        return self.running[name]

    def read(self, name, *command):
        self.running[name] = self.room.start(name, *command, "--cluster", f"{name}.toml", "--dir", READERS[name])
        self.running[name].wait("projecting")

    def follow(self):
        """As `reader`, without a key of the ledger's or a node's; so the next one."""
        self.read("follower-1", "cluster", "follow")

    def project(self):
        self.read("projector-1", "project")

    def breakglass(self, verb, body=None, generation=1):
        """What the one with all rights asks of the servers; `body` may be made from the stream's configuration."""
        host, port = self.room.cluster.address("n1").split(":")
        client = Client(host, int(port), self.room.user("breakglass"))
        try:
            of = self.name(generation)
            if callable(body):
                body = body(client.ask(f"$JS.API.STREAM.INFO.{of}")["config"])
            return client.ask(f"$JS.API.STREAM.{verb}.{of}", body)
        finally:
            client.close()

    def delete(self, generation):
        self.room.stream("breakglass", "delete", self.name(generation), typed=self.name(generation) + "\n")

    def recorded(self, draft, by, node, seconds=TAKEOVER_SECONDS):
        """The same draft again, until there is a receipt; gives how long that took."""
        begun = time.monotonic()
        last = [None, ""]

        def answered():
            last[:] = self.room.submit(draft, by, self.running[node])
            return last[0] == 0
        try:
            until("a receipt", answered, seconds)
        except Different as late:
            raise Different(f"{late}: {last}") from None
        return time.monotonic() - begun

    def agree(self):
        """All four hold the same, by their own status and by an audit of their bytes."""
        folders = NODES | READERS

        def same():
            found = {user: self.room.status(user, folder) for user, folder in folders.items()}
            sizes = {each.get("entries") for each in found.values()}
            done = len(sizes) == 1 and all(each["code"] == 0 and each["standing"]["is"] == "same" and not each["unfit"] for each in found.values())
            self.last = found
            return done and found
        try:
            found = until("four that agree", same)
        except Different:
            raise Different(f"four folders: expected the same in all, found {self.last}") from None
        for reader in READERS:
            if found[reader]["consumers"] != [{"name": reader, "behind": 0}]:
                self.wrong.append(f"status of {reader}: expected to be 0 blocks behind, found {found[reader]['consumers']}")
        held = {folder: self.room.audit(folder) for folder in folders.values()}
        if len(set(held.values())) != 1 or {root for _, root in held.values()} != {each["root"] for each in found.values()}:
            raise Different(f"expected one root, found {held} and {found}")
        return held["county"]

    # The steps.

    def servers(self):
        """Section 3; one server does not sync always, and says so: the stream has no place."""
        room, cluster = self.room, self.room.cluster
        if (said := room.stream("system", "servers")).count("syncs always") != 3:
            raise Different(f"expected three that sync always, found {said}")
        if "10005" not in (said := room.stream("keeper", "create", self.name(), code=3)):
            raise Different(f"a stream with one server untagged: expected 10005, found {said}")
        cluster.configure()
        cluster.restart("n3")
        told("a server without the tag sync:always gets no stream")

    def found(self):
        """Section 5."""
        room = self.room
        for name in NODES:
            room.zeren("key", "new", "--plain", f"{name}-node.pem")
            room.write(f"{name}.toml", room.fields(name, f"{name}-node.pem"))
        for name in READERS:
            room.write(f"{name}.toml", room.fields(name))
        words = ["cluster", "found", "--cluster", "node-1.toml", "--dir", "county"]
        self.asks("found without the keeper's stream", words, ["keeper", f"create {self.name()}"], ["keeper", f"create {self.name()}"])
        until("a stream", lambda: self.try_create(1))
        said = room.zeren(*words)
        if self.name() not in said or "epoch 1" not in said:
            raise Different(f"found: {said}")
        self.asks("found a second time", words, ["join"], ["join"])
        told("founded")

    def try_create(self, generation):
        """As the page says: code 10005, try again."""
        try:
            return self.room.stream("keeper", "create", self.name(generation))
        except Different as failed:
            if "10005" in str(failed) or "nobody answers" in str(failed):
                return ""
            raise

    def join(self):
        """Section 6."""
        room = self.room
        room.zeren("backup", "--dir", "county", "--to", "copy", "--policy", room.policy)
        for folder in ["node-2", *READERS.values()]:
            room.zeren("cluster", "join", "--from", "copy", "--to", folder)
            if room.path(folder).joinpath("checkpoint-key.pem").exists():
                raise Different(f"{folder}: a copy brought the checkpoint key")
        room.path("node-2/checkpoint-key.pem").write_bytes(room.path("county/checkpoint-key.pem").read_bytes())
        self.node("node-1").wait("sequencing")
        self.node("node-2")
        self.follow()
        self.project()
        told("one sequences, one stands by, a follower and a projector follow")

    def record(self):
        """Over HTTP, at each node."""
        room, first, second = self.room, self.running["node-1"], self.running["node-2"]
        draft = room.incident("1.draft", "f001", "county", room.now(first))
        for lang in LANGUAGES:
            code, said = room.submit(draft, "f001", second, lang)
            self.wrong += refusals.judged("submitted to the one that stands by", code, said, refusals.FAILED, ["not-sequencing", "node-1"], lang)
        self.recorded(draft, "f001", "node-1")
        entries, _ = self.agree()
        told(f"recorded, {entries} entries in all four")

    def take_over(self):
        room, second = self.room, self.running["node-2"]
        draft = room.incident("2.draft", "f002", "node-2", room.now(second))
        self.running["node-1"].kill()
        took = self.recorded(draft, "f002", "node-2")
        second.wait("sequencing")
        self.node("node-1")
        self.agree()
        told(f"the sequencer killed, a receipt from the other after {took:.0f} s")

    def lose_a_consumer(self):
        """Section 10: one that DELIVERS TO somewhere is deleted, and its name is the projector's."""
        room, name = self.room, self.sequencer()
        if "projector-1" not in (said := room.stream("breakglass", "consumers", self.name())):
            raise Different(f"consumers: expected projector-1, found {said}")
        room.stream("breakglass", "delete-consumer", self.name(), "projector-1")
        self.recorded(room.incident("6.draft", "f001", NODES[name], room.now(self.running[name])), "f001", name)
        entries = room.audit(NODES[name])[0]
        try:
            until("the projector to go on", lambda: room.status("projector-1", "projector").get("entries") == entries, GONE_SECONDS)
        except Different as late:
            process = self.running.pop("projector-1")
            self.wrong.append(f"a consumer that was deleted: {late}, {process.process.poll()}\n    {process.said()[-1500:]}")
            process.kill()
            self.project()
        self.agree()
        told("a consumer deleted, and made again")

    def refuse_files(self):
        self.wrong += refusals.try_files(self.room, "node-2", "node-2")
        told("cluster files and certificates that are wrong")

    def refuse_reader(self):
        """All keys of a node's, and a reader's certificate: it may look on, and must not stand by in silence."""
        room = self.room
        for name in NODES:
            self.running.pop(name).stop()
        self.running.pop("follower-1").stop()
        file = room.write("reader.toml", room.fields("follower-1", "node-2-node.pem") | {"node": "node-2"})
        words = ["serve", "--dir", "node-2", "--cluster", file, "--listen", "127.0.0.1:0"]
        other = room.write("other.toml", room.fields("follower-1") | {"node": "projector-1"})
        follow = ["cluster", "follow", "--once", "--dir", "follower", "--cluster", other]
        self.asks("a reader under another's name", follow, ["permi"], ["无权"])
        self.asks("a reader's certificate to sequence with", words, ["permi"], ["无权"], seconds=TAKEOVER_SECONDS)
        for name in NODES:
            self.node(name)
        until("one that sequences", lambda: any(self.running[name].events("sequencing") for name in NODES), TAKEOVER_SECONDS)
        self.follow()
        self.agree()
        told("a reader's certificate does not sequence")

    def refuse_streams(self):
        """Changed by `breakglass`: seen by whoever looks and by whoever starts, named, and mended."""
        room = self.room
        # Whoever follows would end as well: that a stream is altered is noticed while it is used.
        for name in [*NODES, *READERS]:
            self.running.pop(name).stop()
        words = ["serve", "--dir", "node-2", "--cluster", "node-2.toml", "--listen", "127.0.0.1:0"]
        for changes, field in refusals.STREAMS:
            changes = {key: [each.replace("TAG", room.tag) for each in value] if key == "subjects" else value for key, value in changes.items()}
            try:
                self.breakglass("UPDATE", lambda config, changes=changes: config | changes)
            except Failed as failed:
                raise Different(f"{changes}: {failed}") from None
            status = room.status("node-1", "county")
            if status["code"] != DOES_NOT_VERIFY or field not in (status.get("unfit") or ""):
                self.wrong.append(f"status of a stream with {changes}: expected {field!r} and exit code 1, found {status}")
            if field in ("discard", "sync:always"):
                # Not as a disk that fails: a unit would try that again.
                self.asks(f"a stream with {changes}", words, [field, "stream"], [field], codes=NOT_TRIED_AGAIN)
            room.stream("breakglass", "mend", self.name())
            if (status := room.status("node-1", "county"))["code"] != 0:
                raise Different(f"mended after {changes}: {status}")
        for name in NODES:
            self.node(name)
        until("one that sequences", lambda: any(self.running[name].events("sequencing") for name in NODES), TAKEOVER_SECONDS)
        self.follow()
        self.project()
        told(f"{len(refusals.STREAMS)} streams that are not as they must be, each mended")

    def sequencer(self):
        return next(name for name in NODES if self.running[name].events("sequencing"))

    def lose(self):
        """The stream deleted: all stop, and say why; nothing more is acknowledged."""
        room, name = self.room, self.sequencer()
        self.at = room.now(self.running[name])
        draft = room.incident("3.draft", "f003", NODES[name], self.at)
        self.delete(1)
        code, said = room.submit(draft, "f003", self.running[name])
        if code == 0:
            raise Different(f"acknowledged without a stream: {said}")
        end = time.monotonic() + GONE_SECONDS
        for user, process in self.running.items():
            code, said = process.ended(max(0, end - time.monotonic())), process.said().splitlines()
            last = "\n".join(line for line in said if not line.startswith("{"))
            self.wrong += refusals.judged(f"{user}, whose stream was deleted", code, last, (DOES_NOT_VERIFY,), [self.name(), "deleted"], "en")
            process.kill()
        self.running.clear()
        for user, folder in (NODES | READERS).items():
            status = room.status(user, folder)
            if (status["code"], status.get("standing", {}).get("is")) != (DOES_NOT_VERIFY, "apart"):
                self.wrong.append(f"status of {user} without a stream: expected apart, found {status}")
        words = ["serve", "--dir", "county", "--cluster", "node-1.toml", "--listen", "127.0.0.1:0"]
        self.asks("a node without a stream", words, ["repair"], ["repair"], codes=(DOES_NOT_VERIFY,))
        told("the stream deleted")

    def found_again(self):
        """Nobody begins anew what must be answered for: on a copy, since it would go on from there."""
        room = self.room
        room.zeren("cluster", "join", "--from", "county", "--to", "again")
        until("a stream", lambda: self.try_create(1))
        words = ["cluster", "found", "--cluster", "node-1.toml", "--dir", "again", "--checkpoint-key", "county/checkpoint-key.pem"]
        self.asks("found again after a loss", words, ["repair"], ["repair"])
        self.delete(1)

    def repair(self):
        """Section 11."""
        room = self.room
        draft = room.incident("4.draft", "f001", "county", self.at, "stream-lost", 2)
        words = ["cluster", "repair", "--cluster", "node-1.toml", "--dir", "county", "--policy", room.policy, "--incident", draft]
        self.asks("repair without the keeper's stream", words, ["keeper", f"create {self.name(2)}"], ["keeper", f"create {self.name(2)}"])
        until("a stream", lambda: self.try_create(2))
        self.breakglass("UPDATE", lambda config: config | {"discard": "old"}, 2)
        self.asks("repair into a stream that forgets", words, ["discard"], ["discard"], codes=NOT_TRIED_AGAIN)
        self.delete(2)
        until("a stream", lambda: self.try_create(2))
        said = room.zeren(*words)
        if self.name(2) not in said:
            raise Different(f"repair: {said}")
        self.asks("repair a second time", words, ["nothing to repair"], ["无需修复"])
        # A reader may lack what nobody signed for before the stream was gone: it says so, and gets a new copy.
        for folder in READERS.values():
            shutil.rmtree(room.path(folder))
            room.zeren("cluster", "join", "--from", "county", "--to", folder)
        self.node("node-1")
        self.node("node-2")
        self.follow()
        self.project()
        until("one that sequences", lambda: any(self.running[name].events("sequencing") for name in NODES), TAKEOVER_SECONDS)
        name = self.sequencer()
        self.recorded(room.incident("5.draft", "f002", NODES[name], room.now(self.running[name])), "f002", name)
        entries, root = self.agree()
        told(f"repaired, and on: {entries} entries, root {root} in all four")

    def run(self):
        for step in (self.servers, self.found, self.join, self.record, self.take_over, self.lose_a_consumer, self.refuse_files,
                     self.refuse_reader, self.refuse_streams, self.lose, self.found_again, self.repair):
            try:
                step()
            except Different as wrong:
                raise Different(f"{step.__name__}: {wrong}") from None


def untagged(cluster, name):
    """A server that does not say that it syncs always."""
    file = cluster.configuration_of(name)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"sync:always", ', ""), encoding="utf-8")
    return cluster


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZEREN", "target/release/zeren")
    wrong = []
    with tempfile.TemporaryDirectory(prefix="zeren-tls-") as folder:
        try:
            room = Room(program, Path(folder))
            room.cluster = Cluster(Path(folder) / "cluster", people(room.tag))
            story = Story(room)
            wrong = story.wrong
            try:
                with untagged(room.cluster, "n3"):
                    story.run()
            finally:
                room.end()
        except (NoServer, Different) as ended:
            wrong.append(f"the rest was not tried: {ended}")
    for each in wrong:
        print(each)
    if wrong:
        sys.exit(f"zeren_with_certificates.py: {len(wrong)} differ")
    print("founded, followed, taken over, refused, lost and repaired, under certificates")


if __name__ == "__main__":
    main()
