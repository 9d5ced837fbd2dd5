"""A small builder of ledgers for the tests: good ones, and ones that break a single rule."""

import base64
import datetime
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import note as notes
from check import possession
from sm3 import sm3
from tree import Tree, leaf_hash
from values import encode_base64

START = 1_700_000_000_000
OPEN = "open"

PROCEDURE = """format = "procedure/1"
id = "permits"
version = 1
title = "Permits（一）"
valid.from = 2020-01-01
basis = ["Act 1, section 2"]
offset = "+08:00"

[power]
ADM = "Administration"
REG = "Registration"

[office.registrar]
level = "county"
power = "ADM"

[office.clerk]
level = "county"
power = "REG"
requires = ["trained"]

[office.archivist]
level = "town"
power = "REG"

[governance]
offline_hours = 24
supervising = "ADM"
enact = { any = ["founder"], min = 2, powers = 2 }
enrol = { any = ["founder", "registrar", "clerk"], min = 2, powers = 2 }
device = { any = ["founder", "registrar"], min = 1, powers = 1 }
device-end = { any = ["founder", "registrar"], min = 1, powers = 1 }
appoint = { any = ["founder", "registrar"], min = 2, powers = 2 }
appoint-end = { any = ["founder", "registrar"], min = 1, powers = 1 }
rotate = { any = ["self"], min = 1, powers = 0 }
rekey = { any = ["founder", "registrar"], min = 2, powers = 2 }
revoke = { any = ["self", "founder", "registrar"], min = 1, powers = 0 }
relate = { any = ["self", "founder", "registrar"], min = 1, powers = 0 }
qualify = { any = ["founder"], min = 1, powers = 1 }
import = { any = ["archivist", "founder"], min = 1, powers = 1 }
"""


def secret(seed):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def public(seed):
    return secret(seed).public_key().public_bytes_raw()


def key64(seed):
    return encode_base64(public(seed))


def hash64(word):
    return encode_base64(hashlib.sha256(word.encode()).digest())


def stamp(milliseconds):
    """A time of section 1 at +00:00."""
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def signature_line(name, kind, public_key, payload):
    return f"\u2014 {name} {encode_base64(notes.key_id(name, kind, public_key) + payload)}\n"


def sign(text, name, seed):
    """A signature line of type 0x01."""
    return signature_line(name, notes.SIGNATURE, public(seed), secret(seed).sign(text.encode()))


def cosign(text, name, seed, seconds):
    """A cosignature line of type 0x04."""
    signature = secret(seed).sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    return signature_line(name, notes.COSIGNATURE, public(seed), seconds.to_bytes(8, "big") + signature)


def vkey(name, kind, seed):
    return f"{name}+{notes.key_id(name, kind, public(seed)).hex()}+{encode_base64(kind + public(seed))}"


class Forge:
    """A ledger under construction. Every method that appends takes what a forger may want to alter."""

    def __init__(self, origin="example.org/permits", purpose="production", witnesses=()):
        self.origin, self.purpose, self.witnesses = origin, purpose, tuple(witnesses)
        self.entries, self.tree, self.heads = [], Tree(), [bytes(32)]
        self.now, self.counter = START, 0
        self.seeds, self.founding, self.births, self.statements = {}, None, {}, {}
        self.procedure, self.checkpoint_seed = "none", "log"
        self.cases = {}
        self.slots, self.refusals = {}, {}

    # Entries.

    @property
    def size(self):
        return len(self.entries)

    def append_raw(self, entry):
        self.entries.append(entry)
        self.tree.append(leaf_hash(entry))
        self.heads.append(sm3(entry))
        self.now += 1000
        return self.size - 1

    def append(self, note, received=None, previous=None):
        received = self.now if received is None else received
        self.now = max(received, self.now)
        previous = encode_base64(self.heads[-1] if previous is None else previous)
        return self.append_raw(f"previous {previous}\nreceived {received}\n".encode() + note)

    def seen(self, size=None):
        size = self.size if size is None else size
        return f"{size} {encode_base64(self.tree.root(size))} {encode_base64(self.heads[size])}"

    # Statements.

    def founder(self, person):
        return (person, "founder", "-", self.founding)

    def own(self, person):
        return (person, "self", "-", self.births[person])

    def founders(self):
        return [self.founder("ada"), self.founder("bob")]

    def statement(self, act, body, by=None, edit=None, received=None, seeds=None, note_edit=None, **header):
        """Append a statement; `header` overrides header lines, `edit` the lines, `note_edit` the bytes of the note."""
        by = self.founders() if by is None else by
        self.now = self.now if received is None else received
        self.counter += 1
        values = {
            "ledger": self.id, "act": act, "procedure": self.procedure, "device": f"desk-1 {self.counter}",
            "at": stamp(self.now), "seen": self.seen(), **header,
        }
        lines = ["zeren statement v1"]
        lines += [f"{key} {values[key]}" for key in ("ledger", "act", "procedure")]
        lines += ["by " + " ".join(line) for line in by]
        lines += [f"{key} {values[key]}" for key in ("device", "at", "seen")]
        lines += body
        lines = edit(lines) if edit else lines
        return self.submit(lines, [line[0] for line in by], seeds, note_edit, received)

    def submit(self, lines, persons, seeds=None, note_edit=None, received=None):
        """Sign lines and append the note; the statement's hash in base64."""
        text = "".join(line + "\n" for line in lines)
        seeds = seeds or [self.seeds[person] for person in persons]
        note = text + "\n" + "".join(sign(text, person, seed) for person, seed in zip(persons, seeds))
        data = note.encode()
        self.append(note_edit(data) if note_edit else data, received)
        self.last_note = data
        return encode_base64(hashlib.sha256(text.encode()).digest())

    def found(self, threshold=2, founders=(("ada", "ADM"), ("bob", "REG")), edit=None, **options):
        lines = [
            "zeren statement v1", f"ledger {self.origin}", "act found", f"nonce {hash64('nonce')}",
            f"purpose {self.purpose}", f"at {stamp(self.now)}", "device desk-1", "identity civil-registry",
            f"threshold {threshold}", f"checkpoint-key ed25519 {key64('log')}",
        ]
        lines += [f"witness {name} {key64(seed)}" for name, seed in self.witnesses]
        for person, power in founders:
            self.seeds.setdefault(person, person)
            lines.append(f"founder {person} {power} {hash64('id ' + person)} {key64(person)} {person.title()} 王芳")
        lines = edit(lines) if edit else lines
        text = "".join(line + "\n" for line in lines)
        digest = hashlib.sha256(text.encode()).digest()
        self.id = f"{self.origin}/{digest.hex()[:16]}"
        self.founding = encode_base64(digest)
        self.births.update({person: self.founding for person, _ in founders})
        return self.submit(lines, [person for person, _ in founders], **options)

    def amend(self, threshold=2, founders=(("ada", "ADM"), ("bob", "REG")), key="log", witnesses=None, **options):
        body = [f"threshold {threshold}", f"checkpoint-key ed25519 {key64(key)}"]
        body += [f"witness {name} {key64(seed)}" for name, seed in (self.witnesses if witnesses is None else witnesses)]
        body += [f"founder {person} {power}" for person, power in founders]
        reference = self.statement("amend", body, **options)
        self.founding, self.checkpoint_seed = reference, key
        return reference

    def enact(self, text=PROCEDURE, name="permits", version=1, digest=None, **options):
        digest = digest or encode_base64(hashlib.sha256(text.encode()).digest())
        body = [f"enacts {name} {version} {digest}"] + ["| " + line if line else "|" for line in text[:-1].split("\n")]
        reference = self.statement("enact", body, **options)
        self.procedure = f"{name} {version} {digest}"
        return reference

    def proof(self, person, label, value, seed):
        text = possession(self.id, person, label, base64.b64decode(value), public(seed))
        return f"proof {encode_base64(secret(seed).sign(text))}"

    def enrol(self, person, seed=None, identity=None, proof=None, **options):
        seed, identity = seed or person, identity or hash64("id " + person)
        body = [f"person {person}", f"name {person.title()} Ünver", f"identity {identity}", f"key ed25519 {key64(seed)}"]
        reference = self.statement("enrol", body + [proof or self.proof(person, "identity", identity, seed)], **options)
        self.seeds.setdefault(person, seed)
        self.births.setdefault(person, reference)
        return reference

    def device(self, name, unit="-", **options):
        return self.statement("device", [f"enrols {name}", f"unit {unit}"], **{"by": [self.founder("ada")], **options})

    def device_end(self, name, reason="retired", **options):
        return self.statement("device-end", [f"ends {name}", f"reason {reason}"], **{"by": [self.founder("ada")], **options})

    def appoint(self, person, office, unit="U1", start=None, end=OPEN, **options):
        body = [f"person {person}", f"office {office}", f"unit {unit}", "capacity regular", "home U1",
                f"from {start or stamp(self.now - 1000)}", f"to {end}", f"instrument {hash64('letter')}"]
        return self.statement("appoint", body, **options)

    def appoint_end(self, person, reference, reason="transferred", **options):
        body = [f"person {person}", f"appointment {reference}", f"reason {reason}"]
        return self.statement("appoint-end", body, **{"by": [self.founder("ada")], **options})

    def new_key(self, act, person, seed, old=None, proof=None, **options):
        old = old or key64(self.seeds[person])
        body = [f"person {person}", f"replaces {old}", f"key ed25519 {key64(seed)}"]
        reference = self.statement(act, body + [proof or self.proof(person, "replaces", old, seed)], **options)
        self.seeds[person] = seed
        return reference

    def rotate(self, person, seed, **options):
        return self.new_key("rotate", person, seed, **{"by": [self.own(person)], **options})

    def rekey(self, person, seed, **options):
        return self.new_key("rekey", person, seed, **options)

    def revoke(self, person, seed=None, reason="lost", suspected="none", **options):
        body = [f"person {person}", f"key ed25519 {key64(seed or self.seeds[person])}", f"reason {reason}",
                f"suspected {suspected}"]
        return self.statement("revoke", body, **{"by": [self.founder("ada")], **options})

    def relate(self, person, to="case C-1", basis="declared", **options):
        options.setdefault("by", [self.own(person)] if person in self.births else None)
        body = [f"person {person}", "relation sibling", f"to {to}", f"basis {basis}", "evidence none"]
        return self.statement("relate", body, **options)

    def qualify(self, person, what="trained", start=None, end=OPEN, **options):
        body = [f"person {person}", f"qualification {what}", f"from {start or stamp(self.now - 1000)}", f"to {end}",
                f"evidence {hash64('exam')}"]
        return self.statement("qualify", body, **{"by": [self.founder("ada")], **options})

    def import_record(self, case, position, head=None, **options):
        body = [f"case {case} {head or self.cases.get(case, 'new')}", f"source {hash64('file')} {position}",
                "recorded 2011-05-06T07:08:09.123+02:00", "activity Received", "actor 张三", "group -", "lifecycle complete"]
        reference = self.statement("import", body, **{"by": [self.founder("ada")], **options})
        self.cases[case] = reference
        return reference

    # Checkpoints.

    def checkpoint_text(self, size=None, root=None, origin=None):
        size = self.size if size is None else size
        root = self.tree.root(size) if root is None else root
        return f"{origin or self.id}\n{size}\n{encode_base64(root)}\n"

    def checkpoint(self, size=None, root=None, seed=None, cosigners=(), origin=None):
        """A checkpoint note; `cosigners` are (name, seed, seconds)."""
        text = self.checkpoint_text(size, root, origin)
        lines = [sign(text, origin or self.id, seed or self.checkpoint_seed)]
        lines += [cosign(text, name, cosigner, seconds) for name, cosigner, seconds in cosigners]
        return (text + "\n" + "".join(lines)).encode()

    def cosigned(self, size=None, root=None, cosigners=None, seed=None, received=None, edit=None):
        """Append a cosigned entry, by default by all witnesses, now."""
        if cosigners is None:
            cosigners = [(name, witness, self.now // 1000) for name, witness in self.witnesses]
        note = self.checkpoint(size, root, seed, cosigners)
        return self.append(edit(note) if edit else note, received)

    def refusal(self, submitted=b"note", rule="counter-used", size=None, seed=None, name=None, edit=None):
        """Keep a signed refusal."""
        digest = hashlib.sha256(submitted)
        text = (f"zeren refusal v1\nledger {self.id}\nsubmitted {encode_base64(digest.digest())}\n"
                f"statement {hash64('statement')}\nrule {rule}\nreceived {self.now}\nseen {self.seen(size)}\n")
        text = edit(text) if edit else text
        self.refusals[name or digest.hexdigest()] = (text + "\n" + sign(text, self.id, seed or self.checkpoint_seed)).encode()

    # Files.

    def files(self, slots=None):
        """All files of the folder by path; without slots given, slot 0 holds the latest checkpoint."""
        slots = {0: self.checkpoint()} if slots is None else slots
        segment = b"".join(len(entry).to_bytes(2, "big") + entry for entry in self.entries)
        result = {"ledger": f"zeren ledger v1\n{self.id}\n".encode(), "segments/000000": segment + bytes(64)}
        result.update({f"checkpoint.{number}": note.ljust(8192, b"\n") for number, note in slots.items()})
        result.update({f"hashes/{level}": b"".join(hashes) for level, hashes in enumerate(self.tree.levels) if hashes})
        offsets, offset = [], 0
        for index, entry in enumerate(self.entries):
            offsets += [offset.to_bytes(8, "big")] if index % 256 == 0 else []
            offset += 2 + len(entry)
        result["bundles"] = b"".join(offsets)
        result.update({f"refusals/{name}": data for name, data in self.refusals.items()})
        return result


def write(folder, contents):
    for path, data in contents.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)
