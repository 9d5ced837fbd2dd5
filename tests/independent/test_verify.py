"""Tests of the second verifier: good ledgers hold, and every rule of format.md is found where it is broken, and only there."""

import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import admission
import ed25519
import note as notes
import policy as policies
import receipt as receipts
import refusals
import sm3
import tree
import values
import verify
from forge import PROCEDURE, START, Forge, hash64, key64, public, secret, stamp, vkey, write
from procedure import parse as parse_procedure

DAY = 86_400_000
W = (("wit.example/a", "wa"), ("wit.example/b", "wb"))
SMALL = base64.b64encode(bytes([1]) + bytes(31)).decode()
BAD_HASH = base64.b64encode(bytes(range(32))).decode()


def error(rule, index):
    return {"rule": rule, "index": index, "level": "error"}


def remark(rule, index):
    return {"rule": rule, "index": index, "level": "note"}


def replace(old, new):
    """An edit of a statement's lines: the first line that starts with `old` becomes `new` (None: goes)."""
    def edit(lines):
        place = next(i for i, line in enumerate(lines) if line.startswith(old))
        return lines[:place] + ([] if new is None else [new] if isinstance(new, str) else list(new)) + lines[place + 1:]
    return edit


def swap(old, new):
    """An edit of bytes or text."""
    def edit(data):
        assert old in data
        return data.replace(old, new, 1)
    return edit


def base(**options):
    """A founded ledger with a procedure, three persons, and offices."""
    f = Forge(**options)
    f.found()
    f.enact()
    for person in ("carl", "dora", "eve"):
        f.enrol(person)
    f.registrar = ("carl", "registrar", "U1", f.appoint("carl", "registrar"))
    f.qualified = f.qualify("dora")
    f.clerk = ("dora", "clerk", "U1", f.appoint("dora", "clerk"))
    f.archivist = ("eve", "archivist", "U1", f.appoint("eve", "archivist"))
    return f


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="zeren-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def audit(self, contents, policy=None, known=()):
        target = tempfile.mkdtemp(dir=self.folder)
        write(target, contents)
        if policy is not None:
            policy = self.path("policy", policy.encode())
        known = [self.path(f"known{i}", data) for i, data in enumerate(known)]
        return verify.audit(target, policy, known)

    def check(self, f, *findings, contents=None, **given):
        result = self.audit(f.files() if contents is None else contents, **given)
        self.assertNotIn("error", result)
        self.assertEqual(result["findings"], list(findings))
        return result

    def last(self, f, rule, before=()):
        """The last entry breaks exactly this rule."""
        self.assertEqual(self.check(f, *before, error(rule, f.size - 1))["verdict"], "broken")

    def policy(self, f, quorum="none", log="log"):
        lines = [f"log {vkey(f.id, notes.SIGNATURE, log)}"]
        for number, (name, seed) in enumerate(f.witnesses):
            lines.append(f"witness w{number} {vkey(name, notes.COSIGNATURE, seed)}")
        return "\n".join(lines + [f"quorum {quorum}"]) + "\n"


class GoodLedgers(Case):
    def test_every_act(self):
        f = base(witnesses=W)
        f.cosigned()
        f.device("desk-2")
        f.device("desk-3", device="desk-2 0")
        f.device_end("desk-2")
        f.rotate("carl", "carl-2")
        f.enrol("finn", by=[f.registrar, f.clerk])
        f.appoint_end("eve", f.archivist[3])
        f.revoke("eve", suspected=stamp(f.now))
        f.rekey("eve", "eve-2")
        f.relate("carl")
        f.relate("carl", to="person dora", basis="attested", by=[f.own("eve")])
        f.import_record("C-1", 0)
        f.import_record("C-1", 1)
        f.cosigned(cosigners=[(*W[1], f.now // 1000)])
        f.amend(founders=(("ada", "ADM"), ("bob", "REG"), ("carl", "ADM")), threshold=3, key="log-2")
        f.enact(PROCEDURE.replace("version = 1", "version = 2"), version=2, by=f.founders() + [f.founder("carl")])
        f.cosigned()
        result = self.check(f, policy=self.policy(f, log="log-2"))
        self.assertEqual((result["holds"], result["verdict"]), (True, "holds"))
        self.assertEqual((result["entries"], result["anchored"], result["origin"]), (f.size, f.size, f.id))

    def test_anchors(self):
        f = base(witnesses=W)
        f.cosigned()
        quorum = self.policy(f, quorum="w0")
        self.assertEqual(self.check(f, policy=quorum)["anchored"], f.size - 1)
        f.device("desk-2")
        both = self.policy(f).replace("quorum none", "group g all w0 w1\nquorum g")
        self.assertEqual(self.check(f, policy=both)["anchored"], f.size - 2)
        slot = f.checkpoint(cosigners=[(*W[0], 1), (*W[1], 2)])
        self.assertEqual(self.check(f, contents=f.files({1: slot}), policy=both)["anchored"], f.size)

    def test_two_segment_slots_and_known(self):
        f = base()
        early = f.checkpoint(3)
        self.check(f, contents=f.files({0: early, 1: f.checkpoint()}))
        self.assertEqual(self.check(f, known=[early])["verdict"], "holds")
        self.assertEqual(self.check(f, known=[early.ljust(8192, b"\n")])["verdict"], "holds")
        self.assertEqual(self.check(f)["verdict"], "unanchored")
        self.check(f, contents={**f.files(), "checkpoint.1": b"\n" * 8192})

    def test_founding_only(self):
        f = Forge(origin="demo.example/x", purpose="demonstration")
        f.found()
        self.check(f)

    def test_covered_statements(self):
        """What ended after the signers looked is still good for them, for the reasons that the format names."""
        f = base()
        f.device("desk-2")
        f.amend(founders=(("ada", "ADM"), ("bob", "REG"), ("carl", "ADM")))
        seen, old_founders, old_procedure = f.seen(), f.founders(), f.procedure
        registrar = [f.registrar]
        f.device_end("desk-2", "other")
        f.appoint_end("carl", f.registrar[3])
        f.rotate("carl", "carl-2")
        f.amend(founders=(("ada", "ADM"), ("bob", "REG")), by=old_founders)
        f.enact(PROCEDURE.replace("version = 1", "version = 2"), version=2)
        f.now += 3_600_000
        f.device("desk-3", by=registrar, seeds=["carl"], seen=seen, procedure=old_procedure, device="desk-2 7")
        self.check(f)
        f.now += 24 * 3_600_000
        f.device("desk-5", by=registrar, seeds=["carl"], seen=seen, procedure=f.procedure, device="desk-1 99")
        self.last(f, "key-superseded")

    def test_offline_procedure_none(self):
        f = Forge()
        f.found()
        seen = f.seen()
        f.enact()
        f.amend(seen=seen, procedure="none", founders=(("ada", "REG"), ("bob", "ADM")))
        self.check(f)

    def test_future_procedure(self):
        f = Forge()
        f.found()
        f.enact(PROCEDURE.replace("2020-01-01", "2023-11-20"))
        procedure, f.procedure = f.procedure, "none"
        f.amend(founders=(("ada", "REG"), ("bob", "ADM")))
        f.now = 1_700_409_600_000
        f.procedure = procedure
        f.enrol("carl")
        self.check(f)


class Notes(Case):
    """Section 2."""

    def broken(self, rule, edit):
        f = base()
        f.device("desk-2", note_edit=edit)
        self.last(f, rule)

    def test_note_rules(self):
        dash = "\u2014".encode()
        self.broken("note-too-long", lambda note: note + b"x" * (65_001 - len(note)))
        self.broken("note-shape", lambda note: note + b"x" * (65_000 - len(note)))
        self.broken("note-utf8", swap(b"unit -", b"unit \xff"))
        self.broken("note-utf8", swap(b"unit -", b"unit \xed\xa0\x80"))
        self.broken("character", swap(b"unit -", b"unit \t"))
        self.broken("character", swap(b"unit -", b"unit \r"))
        self.broken("character", swap(b"unit -", b"unit \xc2\x85"))
        self.broken("character", swap(b"unit -", b"unit \x7f"))
        self.broken("note-shape", lambda note: note[:-1])
        self.broken("note-shape", lambda note: note.split(b"\n\n")[0] + b"\n\n")
        self.broken("note-shape", lambda note: b"\n\n" + note.split(b"\n\n")[1])
        self.broken("note-shape", lambda note: b"")
        self.broken("note-shape", swap(dash, b"-"))
        self.broken("note-shape", swap(dash + b" ada", dash + b"  ada"))
        self.broken("note-shape", swap(dash + b" ada", dash + b" a+a"))
        self.broken("note-shape", swap(dash + b" ada", dash + b" a\xe3\x80\x80a"))
        self.broken("note-shape", lambda note: note[:-2] + b"!\n")
        self.broken("note-shape", lambda note: note.split(b"\n\n")[0] + b"\n\n" + dash + b" ada AAAAAA==\n")
        self.broken("note-shape", lambda note: note.split(b"\n\n")[0] + b"\n\n" + 65 * (dash + b" ada AAAAAAA=\n"))
        self.broken("signature-set", lambda note: note.split(b"\n\n")[0] + b"\n\n" + 64 * (dash + b" ada AAAAAAA=\n"))
        self.broken("blank-line", swap(b"\nunit", b"\n\nunit"))
        self.broken("blank-line", lambda note: b"\n" + note)
        self.broken("blank-line", swap(b"\n\n" + dash, b"\n\n\n" + dash))


class Statements(Case):
    """Section 3."""

    def broken(self, rule, edit, make=lambda f, **options: f.device("desk-2", **options)):
        f = base()
        make(f, edit=edit)
        self.last(f, rule)

    def test_shape(self):
        self.broken("statement-kind", replace("zeren", "zeren statement v2"))
        self.broken("index-format", replace("zeren", "zeren index v1"))
        self.broken("statement-too-long", replace("unit", "unit " + "x" * 2000))
        self.broken("statement-too-long", replace("act", "a " + "x" * 2000))
        self.broken("line-missing", replace("act", None))
        self.broken("act-unknown", replace("act", "act"))
        self.broken("act-unknown", replace("act", "act result"))
        self.broken("act-unknown", replace("act", ["act Device", "act device"]))
        self.broken("line-unknown", replace("unit", ["unit -", "units -"]))
        self.broken("line-unknown", replace("unit", ["unit -", "zeren statement v1"]))
        self.broken("line-unknown", replace("unit", "Unit -"))
        self.broken("line-repeated", replace("unit", ["unit -", "unit -"]))
        self.broken("line-repeated", replace("act", ["act device", "act device"]))
        self.broken("line-missing", replace("unit", None))
        self.broken("line-missing", replace("by", None))
        self.broken("line-order", lambda lines: lines[:-2] + [lines[-1], lines[-2]])
        self.broken("line-order", lambda lines: lines + [lines[4]])

    def test_values(self):
        self.broken("character", replace("unit", "unit \u00e9"))
        self.broken("character", replace("unit", "unit \u00a0"))
        for bad in ("", "--", "a" * 17, "a b", " a", "a_b"):
            self.broken("value", replace("unit", "unit " + bad))
        self.broken("value", replace("unit", "unit"))
        for bad in ("Desk", "1desk", "d" * 33, "desk_2"):
            self.broken("value", replace("enrols", "enrols " + bad))
        for bad in ("desk-1 01", "desk-1 9007199254740992", "desk-1 1_0", "desk-1  1", "desk-1 -1", "desk-1 +1", "desk-1"):
            self.broken("value", replace("device", "device " + bad))
        for bad in ("2023-02-29T00:00:00+00:00", "1899-12-31T00:00:00+00:00", "2023-01-01T24:00:00+00:00", "2023-01-01T00:00:60+00:00",
                    "2023-01-01T00:00:00-00:00", "2023-01-01T00:00:00+15:00", "2023-01-01T00:00:00+00:60", "2023-01-01T00:00:00Z",
                    "2023-01-01T00:00:00.000+00:00", "2023-01-01 00:00:00+00:00", "2023-1-01T00:00:00+00:00"):
            self.broken("value", replace("at ", "at " + bad))
        self.broken("value", replace("seen", f"seen 0 {BAD_HASH} {BAD_HASH}"))
        self.broken("value", replace("seen", f"seen 1 {BAD_HASH} {BAD_HASH[:-2]}9="))
        self.broken("value", replace("procedure", "procedure None"))
        self.broken("value", replace("procedure", f"procedure permits 1 {BAD_HASH} x"))
        self.broken("value", replace("by", f"by ada founder - {BAD_HASH}="))
        self.broken("value", replace("by", "by ada Founder - " + BAD_HASH))
        self.broken("value", replace("ledger", "ledger example.org/permits"))
        self.broken("value", replace("ledger", "ledger " + "a" * 113 + "/permits/0123456789abcdef"))

    def test_act_values(self):
        enrol = lambda f, **options: f.enrol("gus", **options)
        self.broken("character", replace("name", "name A\u0301"), enrol)
        self.broken("character", replace("name", "name A\u00ad"), enrol)
        self.broken("character", replace("name", "name \uff08"), enrol)
        for bad in ("", " A", "A ", "A  B", "x" * 121):
            self.broken("value", replace("name", "name " + bad), enrol)
        self.broken("value", replace("key", "key " + key64("gus")), enrol)
        self.broken("value", replace("proof", "proof AAAA"), enrol)
        record = lambda f, **options: f.import_record("C-1", 0, **options)
        for bad in ("12345678901 new", "_C new", "C New", "x" * 41 + " new"):
            self.broken("value", replace("case", "case " + bad), record)
        for bad in ("2011-05-06T07:08:09+02:00", "2011-05-06T07:08:09.12+02:00", "2011-05-06T07:08:09.123Z"):
            self.broken("value", replace("recorded", "recorded " + bad), record)
        relate = lambda f, **options: f.relate("carl", **options)
        for bad in ("case", "case ", "case 12345678901", "person Carl", "person  carl", "thing x"):
            self.broken("value", replace("to", "to " + bad), relate)
        self.broken("value", replace("basis", "basis Declared"), relate)
        self.broken("value", replace("evidence", "evidence open"), relate)
        self.broken("value", replace("to", "to none"), lambda f, **options: f.qualify("carl", **options))
        self.broken("value", replace("suspected", "suspected open"), lambda f, **options: f.revoke("carl", **options))
        self.broken("value", replace("capacity", "capacity other"), lambda f, **options: f.appoint("carl", "clerk", **options))
        self.broken("value", replace("reason", "reason dismissed"), lambda f, **options: f.device_end("desk-1", **options))

    def test_procedure_lines(self):
        enact = lambda f, **options: f.enact(PROCEDURE.replace("version = 1", "version = 2"), version=2, **options)
        self.broken("value", replace("|", "| "), enact)
        self.broken("character", replace("|", "| # \u00ad"), enact)
        self.broken("line-unknown", replace("|", "|x"), enact)
        self.broken("procedure-digest", replace("|", ["| # \uff1f", "|"]), enact)


class Check(Case):
    """Section 8.2."""

    def test_ledger_other(self):
        f = base()
        f.device("desk-2", ledger=f.id[:-1] + ("0" if f.id[-1] != "0" else "1"))
        self.last(f, "ledger-other")

    def test_signature_set(self):
        def again(edit):
            f = base()
            f.enrol("gus", note_edit=edit)
            self.last(f, "signature-set")
        again(lambda note: note[:note.rindex("\u2014".encode())])
        again(lambda note: note + note[note.rindex("\u2014".encode()):])
        again(swap("\u2014 ada".encode(), "\u2014 bob".encode()))
        again(lambda note: note[:note.rindex(b"bob ")] + b"bob AAAAAAA=\n")

    def test_key_unknown(self):
        f = base()
        f.device("desk-2", seeds=["nobody"])
        self.last(f, "key-unknown")

    def test_signature(self):
        for flip in (0, 40):
            f = base()
            def edit(note):
                data = bytearray(base64.b64decode(note.rsplit(b" ", 1)[1]))
                data[10 + flip] ^= 1
                return note.rsplit(b" ", 1)[0] + b" " + base64.b64encode(data) + b"\n"
            f.device("desk-2", note_edit=edit)
            self.last(f, "signature")

    def test_key_encoding(self):
        twisted = ed25519.encode(ed25519.add(ed25519.decode(public("x")), ed25519.decode(sorted(ed25519.SMALL_ORDER)[5])))
        high = (2**255 - 19 + 3).to_bytes(32, "little")
        for bad in (SMALL, base64.b64encode(twisted).decode(), base64.b64encode(high).decode()):
            f = base()
            f.enrol("gus", edit=replace("key", "key ed25519 " + bad))
            self.last(f, "key-encoding")
            f = base()
            f.amend(edit=replace("checkpoint-key", "checkpoint-key ed25519 " + bad))
            f.checkpoint_seed = "log"
            self.last(f, "key-encoding")
            f = base()
            f.amend(edit=replace("founder", ["witness w " + bad, "founder ada ADM"]))
            self.last(f, "key-encoding")
        f = base()
        f.revoke("carl", edit=replace("key", "key ed25519 " + SMALL))
        self.last(f, "key-unknown")
        f = base()
        f.enrol("gus", seeds=["x", "y"], edit=replace("key", "key ed25519 " + SMALL))
        self.last(f, "key-encoding")

    def test_proof(self):
        for options in ({"proof": "proof " + base64.b64encode(bytes(64)).decode()},):
            f = base()
            f.enrol("gus", **options)
            self.last(f, "proof")
        f = base()
        f.new_key("rotate", "carl", "carl-2", by=[f.own("carl")], proof=f.proof("carl", "identity", key64("carl"), "carl-2"))
        self.last(f, "proof")

    def test_procedure_format(self):
        def broken(rule, old, new, **options):
            f = Forge()
            f.found()
            self.assertIn(old, PROCEDURE)
            f.enact(PROCEDURE.replace(old, new, 1), **options)
            self.last(f, rule)
        for old, new in (
            ('"procedure/1"', '"procedure/2"'), ('id = "permits"', 'id = "other"'), ("version = 1", "version = 2"),
            ("version = 1", "version = 1.0"), ("version = 1", "version = true"), ('title = "Permits（一）"', "title = 1"),
            ('"Permits（一）"', '"A\\u00adB"'), ('"Permits（一）"', '" A"'), ("2020-01-01", "2020-01-01T00:00:00"), ("2020-01-01", "1899-01-01"),
            ("2020-01-01", "2020-02-30"), ('"+08:00"', '"-00:00"'), ('"+08:00"', '"+8:00"'), ('offset = "+08:00"', ""),
            ('["Act 1, section 2"]', "[1]"), ('["Act 1, section 2"]', "[" + '"x",' * 33 + "]"), ("[power]", "[powers]"),
            ('ADM = "Administration"', 'adm = "Administration"'), ('level = "county"', 'level = "County"'),
            ('level = "county"', 'level = "county"\nother = 1'), ('power = "ADM"', 'power = "XYZ"'), ("[office.clerk]", "[office.self]"),
            ('["trained"]', "[" + '"x",' * 9 + "]"), ("offline_hours = 24", "offline_hours = 721"), ('supervising = "ADM"', 'supervising = "X"'),
            ('enact = { any = ["founder"], min = 2, powers = 2 }', ""), ('["founder"], min = 2', '["mayor"], min = 2'),
            ('["founder"], min = 2', '[], min = 2'), ('["founder"], min = 2', '["founder", "founder"], min = 2'), ("min = 2, powers = 2", "min = 2, powers = 3"),
            ("min = 2, powers = 2", "min = 17, powers = 2"), ("min = 1, powers = 0", "min = 0, powers = 0"), ("[power]", "x = " + "[" * 5000 + "\n[power]"),
            ("[power]", "[steps]\n[power]"), ('id = "permits"', 'id = "permits"\nid = "permits"'), ("[power]", "# " + "x" * 50_000 + "\n[power]"),
        ):
            with self.subTest(new=new[:60]):
                broken("procedure-format", old, new)
        broken("procedure-two-powers", 'enrol = { any = ["founder", "registrar", "clerk"], min = 2, powers = 2 }',
               'enrol = { any = ["founder", "registrar", "clerk"], min = 2, powers = 1 }')
        broken("procedure-two-powers", 'rekey = { any = ["founder", "registrar"], min = 2', 'rekey = { any = ["registrar", "self"], min = 2')
        broken("procedure-two-powers", 'import = { any = ["archivist", "founder"], min = 1, powers = 1 }', 'import = { any = ["self"], min = 1, powers = 1 }')
        broken("procedure-digest", "version = 1", "version = 1", digest=BAD_HASH)


class Founding(Case):
    """Sections 5.1 and 8.1."""

    def broken(self, rule, **options):
        f = Forge(**{key: options.pop(key) for key in ("origin", "purpose", "witnesses") if key in options})
        f.found(**options)
        self.check(f, error(rule, 0), error("checkpoint-key", 1))

    def test_rules(self):
        self.broken("purpose", origin="demo.example/x")
        self.broken("purpose", purpose="demonstration")
        self.broken("threshold", threshold=1)
        self.broken("threshold", threshold=3)
        self.broken("founder-powers", founders=(("ada", "ADM"), ("bob", "ADM")))
        self.broken("person-taken", founders=(("ada", "ADM"), ("ada", "REG")))
        self.broken("identity-taken", edit=lambda lines: [line.replace(hash64("id bob"), hash64("id ada")) for line in lines])
        self.broken("key-taken", edit=lambda lines: [line.replace(key64("bob"), key64("ada")) for line in lines], seeds=["ada", "ada"])
        self.broken("witness-repeated", witnesses=(("w", "wa"), ("w", "wb")))
        self.broken("witness-repeated", witnesses=(("w", "wa"), ("v", "wa")))
        self.broken("key-unknown", seeds=["ada", "eve"])
        self.broken("key-encoding", edit=lambda lines: [line.replace(key64("bob"), SMALL) for line in lines])
        self.broken("signature", note_edit=_wrong)

    def test_characters(self):
        f = Forge()
        f.found(edit=lambda lines: lines[:-1] + [lines[-1] + "\u0301"])
        contents = f.files()
        self.check(f, remark("slot", 0), error("checkpoint-missing", 0), error("character", 0), contents=contents)
        f = Forge()
        f.found(edit=lambda lines: lines[:-1] + [lines[-1].replace(" REG ", " \u738b ")])
        self.check(f, remark("slot", 0), error("checkpoint-missing", 0), error("value", 0))

    def test_place(self):
        f = base()
        f.append(f.entries[0].split(b"\n", 2)[2])
        self.last(f, "founding-repeated")
        g = Forge()
        g.found()
        later = g.entries[0]
        g = Forge()
        g.found()
        g.entries, g.tree, g.heads = [], tree.Tree(), [bytes(32)]
        g.append(b"zeren statement v1\n\n\xe2\x80\x94 ada AAAAAAA=\n")
        g.append(later.split(b"\n", 2)[2])
        self.check(g, error("line-missing", 0), error("founding-repeated", 1), error("checkpoint-key", 2))

    def test_missing(self):
        """Entry 0 can pass the check of 8.2 only as a founding, so what stands there fails the check first."""
        f = Forge()
        f.found()
        f.entries, f.tree, f.heads = [], tree.Tree(), [bytes(32)]
        f.append(f.checkpoint(1, root=bytes(32), cosigners=[("w", "wa", 1)]))
        self.check(f, remark("slot", 0), error("checkpoint-missing", 0), error("checkpoint-signature", 0))
        with self.assertRaises(values.Broken) as caught:
            admission.Log(f.id, f.tree, f.heads).check_entry(0, START, "enrol")
        self.assertEqual(caught.exception.rule, "founding-missing")

    def test_received_order(self):
        f = base()
        f.device("desk-2", received=f.now - 5000)
        self.last(f, "received-order")

    def test_unwitnessed(self):
        f = Forge(witnesses=W)
        f.found()
        f.enact(received=START + DAY)
        f.enrol("carl", received=START + DAY + 1)
        self.last(f, "unwitnessed")
        f = Forge(witnesses=W)
        f.found()
        f.enact(received=START + DAY)
        f.cosigned(received=START + 3 * DAY, cosigners=[(*W[0], (START + 2 * DAY) // 1000)])
        f.enrol("carl", received=START + 3 * DAY)
        f.enrol("dora", received=START + 3 * DAY + 1)
        self.last(f, "unwitnessed")


def _wrong(note):
    """A note with its last signature's last bit of R flipped."""
    head, encoded = note.rsplit(b" ", 1)
    data = bytearray(base64.b64decode(encoded))
    data[5] ^= 1
    return head + b" " + base64.b64encode(data) + b"\n"


class Order(Case):
    """Section 8.3, steps 1 to 7."""

    def test_seen(self):
        f = base()
        f.device("desk-2", seen=f"{f.size + 1} {BAD_HASH} {BAD_HASH}")
        self.last(f, "seen-ahead")
        for old, new in ((1, BAD_HASH), (2, BAD_HASH)):
            f = base()
            parts = f.seen().split(" ")
            parts[old] = new
            f.device("desk-2", seen=" ".join(parts))
            self.last(f, "seen-unlike")

    def test_at(self):
        f = base()
        f.device("desk-2", at=stamp(f.now + 301_000))
        self.last(f, "at-future")
        f = base()
        f.device("desk-2", at=stamp(f.now - 24 * 3_600_000 - 1000))
        self.last(f, "at-stale")
        f = base()
        f.device("desk-2", at=stamp(f.now + 300_000))
        f.device("desk-3", at=stamp(f.now - 24 * 3_600_000))
        self.check(f)

    def test_procedure(self):
        f = base()
        f.device("desk-2", procedure=f"permits 1 {BAD_HASH}")
        self.last(f, "procedure-unknown")
        f = base()
        f.device("desk-2", procedure="none")
        self.last(f, "procedure-version")
        f = base()
        old, seen = f.procedure, f.seen()
        f.enact(PROCEDURE.replace("version = 1", "version = 2"), version=2)
        f.device("desk-2", procedure=old)
        self.last(f, "procedure-version")
        f = Forge()
        f.found()
        f.enrol("carl")
        self.last(f, "procedure-version")

    def test_device(self):
        f = base()
        f.device("desk-2", device="desk-9 1")
        self.last(f, "device-unknown")
        f = base()
        seen = f.seen()
        f.device("desk-2")
        f.device("desk-3", device="desk-2 0", seen=seen)
        self.last(f, "device-unknown")
        for reason, rule in (("retired", "device-ended"), ("lost", "device-ended")):
            f = base()
            f.device("desk-2")
            seen = f.seen()
            f.device_end("desk-2", reason)
            f.device("desk-3", device="desk-2 0", **({} if reason == "retired" else {"seen": seen}))
            self.last(f, rule)
        f = base()
        f.device("desk-2", device="desk-1 0")
        self.last(f, "counter-used")
        f = base()
        f.device("desk-2", device="desk-1 1")
        self.last(f, "counter-used")

    def test_signers(self):
        f = base()
        f.device("desk-2", by=[f.founder("ada"), f.founder("ada")])
        self.last(f, "signer-repeated")
        f = base()
        seen = f.seen()
        f.enrol("gus")
        f.relate("gus", seen=seen)
        self.last(f, "key-not-yet")
        f = base()
        seen = f.seen()
        f.revoke("carl")
        f.relate("carl", seen=seen)
        self.last(f, "key-revoked")
        f = base()
        f.rotate("carl", "carl-2")
        f.relate("carl", seeds=["carl"])
        self.last(f, "key-superseded")

    def test_appointments(self):
        f = base()
        f.device("desk-2", by=[("ada", "founder", "-", BAD_HASH)])
        self.last(f, "appointment-unknown")
        f = base()
        f.relate("carl", by=[("carl", "self", "-", f.founding)])
        self.last(f, "appointment-mismatch")
        f = base()
        f.relate("carl", by=[("carl", "founder", "-", f.births["carl"])])
        self.last(f, "appointment-unknown")
        f = base()
        f.relate("carl", by=[("carl", "self", "-", f.registrar[3])])
        self.last(f, "appointment-unknown")
        for wrong in (("carl", "clerk", "U1"), ("carl", "registrar", "U2"), ("dora", "registrar", "U1")):
            f = base()
            f.relate("carl", by=[(*wrong, f.registrar[3])])
            self.last(f, "appointment-mismatch")
        f = base()
        f.device("desk-2", by=[("ada", "founder", "U1", f.founding)])
        self.last(f, "appointment-mismatch")
        f = base()
        office = ("eve", "registrar", "U1", f.appoint("eve", "registrar", start=stamp(f.now + 60_000)))
        f.device("desk-2", by=[office])
        self.last(f, "appointment-not-yet")
        f = base()
        f.appoint_end("carl", f.registrar[3])
        f.device("desk-2", by=[f.registrar])
        self.last(f, "appointment-ended")
        f = base()
        seen = f.seen()
        f.appoint_end("carl", f.registrar[3], "dismissed")
        f.device("desk-2", by=[f.registrar], seen=seen)
        self.last(f, "appointment-ended")
        f = base()
        office = ("eve", "registrar", "U1", f.appoint("eve", "registrar", end=stamp(f.now + 2000)))
        f.device("desk-2", by=[office])
        f.now += 3000
        f.device("desk-3")
        f.device("desk-4", by=[office])
        self.last(f, "appointment-ended")
        f = base()
        old = f.founders()
        f.amend(founders=(("ada", "ADM"), ("carl", "REG")))
        f.device("desk-2", by=[old[1]])
        self.last(f, "appointment-ended")

    def test_offices(self):
        f = base()
        office = ("eve", "clerk", "U1", f.appoint("eve", "clerk"))
        f.relate("eve", by=[office], basis="declared")
        self.last(f, "qualification-missing")
        f = base()
        seen = f.seen()
        office = ("eve", "clerk", "U1", f.appoint("eve", "clerk"))
        middle = f.seen()
        f.qualify("eve")
        f.enrol("gus", by=[f.registrar, office], seen=middle)
        self.last(f, "qualification-missing")
        f = base()
        text = PROCEDURE.replace("version = 1", "version = 2").replace('[office.archivist]\nlevel = "town"\npower = "REG"\n', "")
        f.enact(text.replace('"archivist", ', ""), version=2)
        f.import_record("C-1", 0, by=[f.archivist])
        self.last(f, "office-unknown")

    def test_governance(self):
        f = base()
        f.amend(by=[f.founder("ada"), f.registrar])
        self.last(f, "governance-office")
        f = base()
        f.amend(by=[f.founder("ada")])
        self.last(f, "governance-count")
        f = base()
        f.device("desk-2", by=[f.own("carl")])
        self.last(f, "governance-office")
        f = base()
        f.enrol("gus", by=[f.founder("ada")])
        self.last(f, "governance-count")
        f = base()
        f.enrol("gus", by=[f.founder("ada"), f.registrar])
        self.last(f, "governance-powers")
        f = Forge()
        f.found()
        f.enact(by=[f.founder("ada")])
        self.last(f, "governance-count")
        f = Forge()
        f.found()
        f.enact(by=[f.founder("ada"), f.own("bob")])
        self.last(f, "governance-office")


class Acts(Case):
    """Sections 5.2 to 5.9."""

    def test_amend(self):
        def broken(rule, **options):
            f = base()
            f.amend(**options)
            self.last(f, rule)
        broken("person-unknown", founders=(("ada", "ADM"), ("zoe", "REG")))
        broken("person-taken", founders=(("ada", "ADM"), ("ada", "REG")))
        broken("threshold", threshold=1)
        broken("threshold", threshold=3)
        broken("founder-powers", founders=(("ada", "ADM"), ("bob", "ADM")))
        broken("witness-repeated", witnesses=(("w", "wa"), ("w", "wb")))

    def test_enact(self):
        def broken(rule, text, **options):
            f = base()
            f.enact(text, **options)
            self.last(f, rule)
        broken("procedure-sequence", PROCEDURE)
        broken("procedure-sequence", PROCEDURE.replace('"permits"', '"other"').replace("version = 1", "version = 2"), name="other", version=2)
        broken("founder-powers", PROCEDURE.replace("version = 1", "version = 2").replace("REG", "XX"), version=2)

    def test_enrol(self):
        def broken(rule, person, **options):
            f = base()
            f.enrol(person, **options)
            self.last(f, rule)
        broken("person-taken", "carl", seed="carl-9")
        broken("identity-taken", "gus", identity=hash64("id ada"))
        broken("key-taken", "gus", seed="carl")
        f = base()
        f.rotate("carl", "carl-2")
        f.enrol("gus", seed="carl")
        self.last(f, "key-taken")

    def test_devices(self):
        f = base()
        f.device("desk-1")
        self.last(f, "device-taken")
        f = base()
        f.device_end("desk-2")
        self.last(f, "device-unknown")
        f = base()
        f.device("desk-2")
        f.device_end("desk-2")
        f.device_end("desk-2")
        self.last(f, "device-ended")

    def test_appoint(self):
        f = base()
        f.appoint("zoe", "clerk")
        self.last(f, "person-unknown")
        for office in ("mayor", "founder", "self"):
            f = base()
            f.appoint("carl", office)
            self.last(f, "office-unknown")
        f = base()
        f.appoint("carl", "clerk", start=stamp(START), end=stamp(START))
        self.last(f, "period")
        f = base()
        f.appoint_end("carl", BAD_HASH)
        self.last(f, "appointment-unknown")
        f = base()
        f.appoint_end("ada", f.founding)
        self.last(f, "appointment-unknown")
        f = base()
        f.appoint_end("dora", f.registrar[3])
        self.last(f, "appointment-mismatch")
        f = base()
        f.appoint_end("carl", f.registrar[3])
        f.appoint_end("carl", f.registrar[3])
        self.last(f, "appointment-ended")

    def test_keys(self):
        f = base()
        f.rotate("carl", "carl-2", by=[f.own("dora")])
        self.last(f, "person-other")
        f = base()
        f.rotate("carl", "carl-2", by=[f.own("carl"), f.own("dora")])
        self.last(f, "person-other")
        f = base()
        f.seeds["zoe"] = "zoe"
        f.rekey("zoe", "zoe-2")
        self.last(f, "person-unknown")
        f = base()
        f.rotate("carl", "carl-2", old=key64("dora"))
        self.last(f, "key-unknown")
        f = base()
        f.rekey("carl", "carl-2")
        self.last(f, "key-active")
        f = base()
        f.rotate("carl", "dora", by=[f.own("carl")])
        self.last(f, "key-taken")
        f = base()
        f.revoke("zoe", seed="zoe")
        self.last(f, "key-unknown")
        f = base()
        f.revoke("carl")
        f.revoke("carl")
        self.last(f, "key-revoked")

    def test_suspected(self):
        f = base()
        f.revoke("carl", suspected=stamp(f.now + 1000))
        self.last(f, "suspected-bound")
        f = base()
        moment = f.now
        f.enrol("gus", by=[f.registrar, f.clerk])
        f.revoke("carl", suspected=stamp(moment - 1000))
        self.last(f, "suspected-bound")
        f = base()
        f.revoke("bob", suspected=stamp(START))
        self.last(f, "suspected-bound")
        f = base()
        f.revoke("carl", suspected=stamp(f.now), by=[f.own("carl")])
        self.last(f, "suspected-supervisor")
        f = base()
        f.revoke("carl", suspected=stamp(f.now), by=[f.founder("bob")])
        self.last(f, "suspected-supervisor")
        f = base()
        f.enrol("gus", by=[f.registrar, f.clerk])
        f.revoke("carl", suspected=stamp(f.now - 1000))
        self.check(f)

    def test_relate_qualify(self):
        f = base()
        f.relate("zoe", by=[f.own("carl")], basis="ordered")
        self.last(f, "person-unknown")
        f = base()
        f.relate("carl", to="person zoe")
        self.last(f, "person-unknown")
        f = base()
        f.relate("carl", by=[f.own("dora")])
        self.last(f, "person-other")
        f = base()
        f.qualify("zoe")
        self.last(f, "person-unknown")
        f = base()
        f.qualify("carl", start=stamp(START), end=stamp(START - 1000))
        self.last(f, "period")

    def test_import(self):
        f = base()
        f.import_record("C-1", 0, head=BAD_HASH)
        self.last(f, "case-head")
        f = base()
        f.import_record("C-1", 0)
        f.import_record("C-1", 1, head="new")
        self.last(f, "case-head")
        f = base()
        f.import_record("C-1", 0)
        f.import_record("C-2", 0)
        self.last(f, "record-used")


class Cosigned(Case):
    """Section 5.10."""

    def broken(self, rule, before=None, **options):
        f = base(witnesses=W)
        if before:
            before(f)
        f.cosigned(**options)
        self.last(f, rule)

    def test_format(self):
        def broken(edit, rule="checkpoint-format"):
            self.broken(rule, edit=edit)
        broken(swap(b"\n\n", b"\nextension\n\n"))
        broken(lambda note: note.replace(b"\n9\n", b"\n0\n").replace(b"\n10\n", b"\n0\n"))
        broken(lambda note: note.replace(b"\n9\n", b"\n09\n").replace(b"\n10\n", b"\n010\n"))
        broken(swap(b"=\n\n", b"\n\n"))
        broken(swap(b"example.org", b"example.com"), "statement-kind")
        self.broken("checkpoint-format", cosigners=[])
        self.broken("checkpoint-format", cosigners=[(*W[0], 1)] * 17)

    def test_signatures(self):
        self.broken("checkpoint-signature", seed="other")
        self.broken("checkpoint-signature", edit=swap("\u2014 example.org".encode(), "\u2014 example.com".encode()))
        self.broken("witness-unknown", cosigners=[("wit.example/c", "wc", START // 1000)])
        self.broken("witness-unknown", cosigners=[(W[0][0], "wc", START // 1000)])
        self.broken("witness-repeated", cosigners=[(*W[0], START // 1000), (*W[0], START // 1000)])
        self.broken("witness-signature", edit=_wrong)

    def test_log(self):
        f = base(witnesses=W)
        f.cosigned(size=f.size + 1, root=bytes(32))
        self.last(f, "checkpoint-ahead")
        self.broken("checkpoint-unlike", root=bytes(32))
        f = base(witnesses=W)
        f.amend(key="log-2")
        f.cosigned(seed="log")
        self.last(f, "checkpoint-unlike")
        f = base(witnesses=W)
        f.cosigned()
        f.cosigned(size=f.size - 1)
        self.last(f, "checkpoint-old")
        f = base(witnesses=W)
        f.amend(witnesses=W[:1])
        f.cosigned(cosigners=[(*W[1], f.now // 1000)])
        self.last(f, "witness-unknown")

    def test_times(self):
        f = base(witnesses=W)
        f.cosigned(cosigners=[(*W[0], f.now // 1000 + 301)])
        self.last(f, "witness-time")
        f = base(witnesses=W)
        f.cosigned(cosigners=[(*W[0], f.now // 1000), (*W[1], f.now // 1000 - 302)])
        self.last(f, "witness-time")
        f = base(witnesses=W)
        f.cosigned(cosigners=[(*W[0], 2**64 - 1)])
        self.last(f, "witness-time")
        f = Forge(witnesses=W)
        f.found()
        f.enact(received=START + 1000)
        f.enrol("carl", received=START + DAY)
        f.cosigned(size=1, received=START + DAY + 10_000, cosigners=[(*W[0], (START + DAY + 2000) // 1000)])
        self.last(f, "witness-time")


class Files(Case):
    """Sections 6, 9, 10 and 11."""

    def test_entry_format(self):
        for data in (b"x", b"previous x\nreceived 1\nnote", b"received 1\nprevious x\n", b"previous " + b"A" * 43 + b"=\nreceived 01\n",
                     b"previous " + b"A" * 43 + b"=\nreceived 253402300800000\n"):
            f = base()
            f.append_raw(data)
            f.device("desk-2")
            self.check(f, error("entry-format", f.size - 2))

    def test_chain(self):
        f = base()
        f.device("desk-2")
        note = f.last_note
        f.entries.pop()
        g = base()
        g.append(note, previous=bytes(32))
        self.last(g, "chain")
        g.device("desk-3", device="desk-1 100", by=[g.founder("bob")])
        g.device("desk-3", device="desk-1 101")
        self.check(g, error("chain", g.size - 3), error("device-taken", g.size - 1))

    def test_chain_and_section_8(self):
        f = base()
        f.append(b"nonsense", previous=bytes(32))
        f.device("desk-2")
        self.check(f, error("chain", f.size - 2), error("note-shape", f.size - 2))

    def test_marker(self):
        f = base()
        good = f.files()
        for bad in (None, b"", b"zeren ledger v2\n" + f.id.encode() + b"\n", good["ledger"][:-1], good["ledger"] + b"\n",
                    good["ledger"][:-2] + (b"0\n" if f.id[-1] != "0" else b"1\n")):
            contents = {**good, "ledger": bad} if bad is not None else {key: good[key] for key in good if key != "ledger"}
            self.check(f, error("marker", 0), contents=contents)

    def test_no_founding(self):
        """The id is taken from the file, and the entries that need a founder are judged without one."""
        f = base()
        f.entries = f.entries[:2]
        bad = f.entries[0].replace(b"act found", b"act fount")
        g = Forge()
        g.append_raw(bad)
        g.append_raw(f.entries[1])
        g.id = f.id
        result = self.check(g, remark("slot", 0), error("checkpoint-missing", 0), error("act-unknown", 0), error("chain", 1), error("key-unknown", 1))
        self.assertEqual(result["origin"], f.id)
        contents = g.files()
        del contents["ledger"]
        result = self.check(g, error("marker", 0), remark("slot", 0), error("checkpoint-missing", 0), error("act-unknown", 0),
                            error("chain", 1), error("ledger-other", 1), contents=contents)
        self.assertEqual(result["origin"], "-")

    def test_slots(self):
        f = base()
        good = f.checkpoint()
        self.check(f, remark("slot", 0), contents=f.files({0: b"x", 1: good}))
        self.check(f, remark("slot", 1), contents=f.files({0: good, 1: f.checkpoint(seed="other")}))
        self.check(f, remark("slot", 1), contents=f.files({0: good, 1: f.checkpoint(origin="a/b")}))
        self.check(f, remark("slot", 1), contents={**f.files({0: good}), "checkpoint.1": good})
        self.check(f, contents={**f.files({0: good}), "checkpoint.1": b""})
        self.check(f, error("checkpoint-missing", 0), contents=f.files({}))
        self.check(f, remark("slot", 0), remark("slot", 1), error("checkpoint-missing", 0), contents=f.files({0: b"x", 1: b"y"}))

    def test_sizes(self):
        f = base()
        short = f.checkpoint(4)
        self.check(f, remark("uncovered", 4), contents=f.files({0: short}))
        slot = f.checkpoint()
        g = base()
        g.device("desk-2")
        long = g.checkpoint()
        self.check(f, error("entries-missing", f.size), contents=f.files({1: long}))
        contents = f.files()
        contents["segments/000000"] = contents["segments/000000"][:-100]
        self.check(f, error("entries-missing", f.size - 1), remark("tail", f.size - 1), contents=contents)
        self.check(f, remark("tail", f.size), contents={**f.files(), "segments/000000": f.files()["segments/000000"] + b"x"})
        self.check(f, remark("tail", f.size), contents={**f.files(), "segments/000001": b"\0\0x"})
        self.check(f, contents={**f.files(), "segments/000001": b"\0\0"})
        nothing = {key: value for key, value in f.files().items() if key != "segments/000000"}
        self.check(f, remark("slot", 0), error("checkpoint-missing", 0), contents=nothing)

    def test_checkpoints(self):
        f = base()
        self.check(f, error("checkpoint-root", f.size), contents=f.files({0: f.checkpoint(root=bytes(32))}))
        self.check(f, error("checkpoint-root", 3), contents=f.files({0: f.checkpoint(3, root=bytes(32)), 1: f.checkpoint()}))
        f.amend(key="log-2")
        self.check(f, error("checkpoint-key", f.size), contents=f.files({1: f.checkpoint(seed="log")}))
        self.check(f, contents=f.files({0: f.checkpoint(f.size - 1, seed="log"), 1: f.checkpoint()}))
        self.check(f, error("checkpoint-key", 0), contents=f.files({0: f.checkpoint(0), 1: f.checkpoint()}))

    def test_refusals(self):
        f = base()
        f.refusal()
        self.check(f)
        f.refusal(b"2", name="00" * 32)
        self.check(f, error("refusal-format", 0))
        for edit in (swap("rule counter-used", "rule no-rule"), swap("v1", "v2"), swap(f.id, "a.b/c/0123456789abcdef"), swap("received ", "received 0"),
                     lambda text: text + "more\n", swap("statement ", "statement x")):
            f = base()
            f.refusal(edit=edit)
            self.check(f, error("refusal-format", 0))
        f = base()
        f.refusal()
        f.refusal(b"2", seed="other")
        place = sorted(f.refusals).index(hashlib.sha256(b"2").hexdigest())
        self.check(f, error("refusal-signature", place))
        f = base()
        f.refusal(edit=lambda text: text[:-10] + "AAAAAAAA=\n")
        self.check(f, error("refusal-unlike", 0))
        f = base()
        f.refusal(edit=lambda text: text.replace(f"seen {f.size} ", "seen 99 "))
        self.check(f)
        self.check(f, error("refusal-format", 0), contents={**f.files(), "refusals/.tmp": b""})

    def test_hashes(self):
        f = base()
        good = f.files()
        self.check(f, remark("hash-file", 1), contents={**good, "hashes/1": b"x" + good["hashes/1"][1:]})
        self.check(f, contents={**good, "hashes/0": good["hashes/0"] + b"x" * 40})
        self.check(f, contents={**good, "hashes/1": good["hashes/1"][:40], "hashes/9": b"x" * 32, "hashes/x": b"x"})

    def test_bundles(self):
        f = base()
        while f.size < 600:
            f.append_raw(b"x" * (f.size + 1))
        good = f.files()
        self.assertEqual(len(good["bundles"]), 24)
        found = lambda bundles: [one for one in self.audit({**good, "bundles": bundles})["findings"] if one["rule"] == "bundles-file"]
        for at in (7, 8, 23):
            flipped = bytearray(good["bundles"])
            flipped[at] ^= 1
            self.assertEqual(found(bytes(flipped)), [{"rule": "bundles-file", "index": 0, "level": "note"}])
        for fit in (b"", good["bundles"][:9], good["bundles"], good["bundles"] + b"x" * 9):
            self.assertEqual(found(fit), [])

    def test_known(self):
        f = base()
        size = f.size
        self.assertEqual(self.check(f, error("known-other", 0), known=[f.checkpoint(origin="a/b")])["verdict"], "other-ledger")
        self.assertEqual(self.check(f, error("known-signature", 0), known=[f.checkpoint(seed="x")])["verdict"], "broken")
        self.assertEqual(self.check(f, error("fork", 3), known=[f.checkpoint(3, root=bytes(32))])["verdict"], "broken")
        early = f.files({0: f.checkpoint(4)})
        result = self.check(f, remark("uncovered", 4), error("rollback", 4), contents=early, known=[f.checkpoint()])
        self.assertEqual(result["verdict"], "stale")
        both = self.check(f, error("fork", 3), error("known-other", 0), known=[f.checkpoint(3, root=bytes(32)), f.checkpoint(origin="a/b")])
        self.assertEqual(both["verdict"], "other-ledger")

    def test_policy_findings(self):
        f = base(witnesses=W)
        self.assertEqual(self.check(f, policy=self.policy(f))["verdict"], "holds")
        other = self.policy(f).replace(vkey(f.id, notes.SIGNATURE, "log"), vkey("a/b", notes.SIGNATURE, "log"))
        self.assertEqual(self.check(f, error("other-ledger", 0), policy=other)["verdict"], "other-ledger")
        self.assertEqual(self.check(f, error("policy-unmet", 0), policy=self.policy(f, "w0"))["verdict"], "unanchored")
        self.assertEqual(self.check(f, error("policy-unmet", 0), policy=self.policy(f, log="x"))["verdict"], "unanchored")

    def test_policy_inside(self):
        for origin, purpose, findings in (("example.org/x", "production", ["policy-inside"]), ("demo.example/x", "demonstration", [])):
            f = Forge(origin=origin, purpose=purpose)
            f.found()
            target = tempfile.mkdtemp(dir=self.folder)
            write(target, {**f.files(), "trust-policy": self.policy(f).encode()})
            result = verify.audit(target, os.path.join(target, "trust-policy"))
            self.assertEqual([finding["rule"] for finding in result["findings"]], findings)
            self.assertEqual(result["verdict"], "unanchored" if findings else "holds")

    def test_flips(self):
        """A flipped bit in any kind of file is found (in `hashes` and unused slots as a note)."""
        f = base(witnesses=W)
        f.cosigned()
        f.refusal()
        good = f.files({0: f.checkpoint(f.size - 1), 1: f.checkpoint()})
        dice = random.Random(1)
        for path, data in good.items():
            used = len(data.rstrip(b"\n\0")) if path.startswith(("checkpoint", "segments")) else len(data)
            for _ in range(400 if path.startswith("segments") else 25):
                place = dice.randrange(used)
                flipped = bytearray(data)
                flipped[place] ^= 1 << dice.randrange(8)
                result = self.audit({**good, path: bytes(flipped)})
                self.assertNotIn("error", result, (path, place))
                self.assertTrue(result["findings"], (path, place))


class Policies(Case):
    def bad(self, text):
        with self.assertRaises(policies.Malformed, msg=text):
            policies.parse(text if isinstance(text, bytes) else text.encode())

    def test_parse(self):
        log = "log " + vkey("a.b/c", notes.SIGNATURE, "log")
        w = [f"witness {name} {vkey('w' + name, notes.COSIGNATURE, name)}" for name in "abcd"]
        head = "\n".join([log, *w]) + "\n"
        good = policies.parse((" # x\n\t" + head + "group g 2 a b c\ngroup h any g d\nquorum h https://x\n").replace(" https://x", "").encode())
        self.assertEqual(good.groups, {b"g": (2, [b"a", b"b", b"c"]), b"h": (1, [b"g", b"d"])})
        policies.parse((log + " https://x\nquorum none").encode())
        for tail in ("", "quorum none\nquorum none\n", "quorum x\n", "quorum\n", "quorum a # x\n", "group g 0 a\nquorum g\n", "group g 3 a b\nquorum g\n",
                     "group g all\nquorum g\n", "group g 1_0 a\nquorum g\n", "group g 01 a\nquorum g\n", "group g all a a\nquorum g\n", "group g ALL a\nquorum g\n",
                     "group g all a\ngroup h all a\nquorum g\n", "group g all h\ngroup h all a\nquorum g\n", "group a all b\nquorum a\n",
                     "group none all b\nquorum none\n", "group g all none\nquorum g\n", log + "\nquorum none\n", w[0].replace(" a ", " e ") + "\nquorum none\n",
                     "logs x\nquorum none\n", "quorum\u00a0none\n", "quorum none\r\n", "quorum none\n\x0b\n"):
            self.bad(head + tail)
        for old, new in (("log a", "log a a"), ("+", "-"), ("a.b/c+", "a.b/d+"), (log, log[:-1]), (log, log + " x y"), (log, log.upper())):
            self.bad(head.replace(old, new, 1) + "quorum none\n")
        self.bad("log " + vkey("a.b/c", notes.COSIGNATURE, "log") + "\nquorum none\n")
        self.bad(b"log \xff+00000000+AAAA\nquorum none\n")

    def test_quorum(self):
        f = Forge()
        f.id = "a.b/c"
        names = "abcd"
        text = "".join(f"witness {n} {vkey('w' + n, notes.COSIGNATURE, n)}\n" for n in names) + "group g 2 a b c\ngroup h all g d\nquorum h\n"
        policy = policies.parse(text.encode())
        for signed, met in (("abd", True), ("acd", True), ("abc", False), ("ad", False), ("", False)):
            note = notes.parse(f.checkpoint(0, cosigners=[("w" + n, n, 5) for n in signed]))
            self.assertEqual(policy.satisfied(note), met, signed)


class Receipts(Case):
    def receipt(self, f, index, size=None):
        size = size or f.size
        def path(low, high, m):
            if high - low == 1:
                return []
            k = 1
            while k * 2 < high - low:
                k *= 2
            if m < k:
                return path(low, low + k, m) + [root(low + k, high)]
            return path(low + k, high, m - k) + [root(low, low + k)]
        def root(low, high):
            part = tree.Tree()
            for entry in f.entries[low:high]:
                part.append(tree.leaf_hash(entry))
            return part.root(high - low)
        first, second, note = f.entries[index].split(b"\n", 2)
        extra = base64.b64encode(first + b"\n" + second + b"\n").decode()
        proof = "".join(base64.b64encode(item).decode() + "\n" for item in path(0, size, index))
        return f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex {index}\n{proof}\n".encode() + f.checkpoint(size), note

    def test_receipts(self):
        f = base()
        for index in range(f.size):
            for size in range(index + 1, f.size + 1):
                receipt, note = self.receipt(f, index, size)
                proved = receipts.verify(receipt, note, public("log"))
                self.assertEqual((proved["ledger"], proved["index"], proved["size"]), (f.id, index, size))
        for bad in (receipt.replace(b"index 8", b"index 7"), receipt.replace(b"@v1", b"@v2"), receipt.replace(b"extra ", b"extra A"), b"", receipt[:-1]):
            with self.assertRaises(values.Broken):
                receipts.verify(bad, note, public("log"))
        with self.assertRaises(values.Broken):
            receipts.verify(receipt, note, public("x"))
        with self.assertRaises(values.Broken):
            receipts.verify(receipt, note.replace(b"eve", b"ada"), public("log"))


class CommandLine(Case):
    def run_verify(self, *arguments, stdin=b""):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "verify.py")
        return subprocess.run([sys.executable, script, *arguments], input=stdin, capture_output=True, timeout=60)

    def test_exits(self):
        f = base()
        good, empty = os.path.join(self.folder, "good"), os.path.join(self.folder, "empty")
        write(good, f.files())
        os.mkdir(empty)
        policy, bad = self.path("policy", self.policy(f).encode()), self.path("bad", b"x")
        known, other = self.path("known", f.checkpoint()), self.path("other", f.checkpoint(origin="a/b"))
        late = self.path("late", f.checkpoint(99, root=bytes(32)))
        for code, arguments in ((0, [good, "--policy", policy]), (0, [good, "--known", known]), (1, [good]), (1, [empty]), (5, [good, "--known", other]),
                                (5, [good, "--known", known, "--known", late]), (2, [good, "--policy", bad]), (2, [good, "--known", bad]),
                                (2, [good, "--policy", "/absent"]), (2, []), (2, ["--receipt", known, known])):
            self.assertEqual(self.run_verify(*arguments).returncode, code, arguments)
        lines = f"{good}\t{policy}\t-\n{good}\t-\t{known},{late}\n{empty}\t-\t-\n{good}\t{bad}\t-\nx\n"
        results = [json.loads(line) for line in self.run_verify("--many", stdin=lines.encode()).stdout.split(b"\n")[:-1]]
        self.assertEqual([result["verdict"] for result in results], ["holds", "stale", "broken", "usage", "usage"])
        receipt, note = Receipts.receipt(self, f, 2)
        given = ["--receipt", self.path("r", receipt), self.path("n", note), "--key", key64("log")]
        self.assertEqual(self.run_verify(*given).returncode, 0)
        self.assertEqual(self.run_verify(*given[:-1], key64("x")).returncode, 1)

    def test_hostile_folders(self):
        """Pipes, folders and links where files should be, and noise in every file."""
        target = os.path.join(self.folder, "odd")
        os.makedirs(os.path.join(target, "segments", "000000"))
        os.makedirs(os.path.join(target, "refusals", "x"))
        os.mkfifo(os.path.join(target, "checkpoint.0"))
        os.symlink("ledger", os.path.join(target, "ledger"))
        self.assertNotIn("error", verify.audit(target))
        self.assertNotIn("error", verify.audit("a\0b"))
        dice, good = random.Random(2), base()
        for _ in range(300):
            contents = good.files()
            for path in contents:
                data = bytearray(contents[path])
                for _ in range(dice.randrange(3)):
                    place = dice.randrange(len(data) + 1)
                    data[place:place + dice.randrange(9)] = dice.randbytes(dice.randrange(9))
                contents[path] = bytes(data)
            self.assertNotIn("error", self.audit(contents))


class Noise(Case):
    def test_signed_noise(self):
        """Statements and procedures with mangled values, rightly signed: whatever they say, the verifier answers."""
        dice = random.Random(3)
        words = ["none", "new", "open", "self", "founder", "-", "0", "1", "9007199254740991", BAD_HASH, "carl", "ada", "desk-1", "registrar",
                 "clerk", stamp(START), "2020-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:59", SMALL, "ed25519", "case", "person", "\u738b", ""]

        def mangle(lines):
            lines = list(lines)
            for _ in range(dice.randrange(1, 3)):
                place = dice.randrange(1, len(lines))
                parts = lines[place].split(" ")
                parts[dice.randrange(len(parts))] = dice.choice(words)
                lines[place] = " ".join(parts)
                if dice.random() < 0.1:
                    lines.insert(dice.randrange(1, len(lines)), dice.choice(lines))
            return lines

        acts = [
            lambda f: f.amend(edit=mangle), lambda f: f.enact(PROCEDURE.replace("version = 1", "version = 2"), version=2, edit=mangle),
            lambda f: f.enrol("gus", edit=mangle), lambda f: f.device("desk-2", edit=mangle), lambda f: f.device_end("desk-1", edit=mangle),
            lambda f: f.appoint("carl", "clerk", edit=mangle), lambda f: f.appoint_end("carl", f.registrar[3], edit=mangle),
            lambda f: f.rotate("carl", "carl-2", edit=mangle), lambda f: f.rekey("carl", "carl-3", edit=mangle),
            lambda f: f.revoke("carl", edit=mangle), lambda f: f.relate("carl", edit=mangle), lambda f: f.qualify("carl", edit=mangle),
            lambda f: f.import_record("C-1", 0, edit=mangle),
        ]
        for _ in range(40):
            f = base()
            for _ in range(20):
                f.seeds.update({person: person for person in ("carl", "gus")})
                f.births.setdefault("gus", BAD_HASH)
                dice.choice(acts)(f)
            self.assertNotIn("error", self.audit(f.files()))

    def test_procedure_noise(self):
        dice = random.Random(4)
        values_ = ["[]", "{}", "true", "1.5", "nan", "1979-05-27T07:32:00Z", "07:32:00", '""', "[[]]", "[{}]", "-1", "9" * 5000, '"ADM"', "0x1", "{a={b=1}}"]
        lines = PROCEDURE.split("\n")
        for _ in range(3000):
            copy = list(lines)
            place = dice.randrange(len(copy))
            if " = " in copy[place] and dice.random() < 0.8:
                copy[place] = copy[place].split(" = ")[0] + " = " + dice.choice(values_)
            else:
                copy[place] = dice.choice(["[power]", "[[office]]", "a.b.c = 1", "[valid]", "x", "", '"" = 1', dice.choice(lines)])
            try:
                parse_procedure("\n".join(copy).encode(), "permits", 1)
            except values.Broken as broken:
                self.assertIn(broken.rule, ("procedure-format", "procedure-two-powers"))


class Primitives(unittest.TestCase):
    def test_sm3(self):
        expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        self.assertEqual(sm3.plain_sm3(b"abc").hex(), expected)
        self.assertEqual(sm3.sm3(b"abc").hex(), expected)
        self.assertEqual(sm3.plain_sm3(b"abcd" * 16).hex(), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732")
        for size in (0, 55, 56, 63, 64, 119, 120, 1000):
            self.assertEqual(sm3.plain_sm3(bytes(size)), sm3.sm3(bytes(size)))

    def test_keys(self):
        self.assertEqual(len(ed25519.SMALL_ORDER), 8)
        self.assertTrue(all(not ed25519.key_ok(key) for key in ed25519.SMALL_ORDER))
        order8 = next(ed25519.decode(key) for key in ed25519.SMALL_ORDER
                      if not ed25519.is_identity(ed25519.multiply(4, ed25519.decode(key))))
        for seed in "abc":
            self.assertTrue(ed25519.key_ok(public(seed)))
            self.assertFalse(ed25519.key_ok(ed25519.encode(ed25519.add(ed25519.decode(public(seed)), order8))))
        self.assertFalse(ed25519.key_ok((2**255 - 18).to_bytes(32, "little")))
        self.assertFalse(ed25519.key_ok((1 | 1 << 255).to_bytes(32, "little")))

    def test_signatures(self):
        message, key = b"message", public("a")
        good = secret("a").sign(message)
        self.assertTrue(ed25519.verify(key, message, good))
        big = int.from_bytes(good[32:], "little") + ed25519.ORDER
        self.assertFalse(ed25519.verify(key, message, good[:32] + big.to_bytes(32, "little")))
        self.assertFalse(ed25519.verify(key, b"other", good))
        self.assertFalse(ed25519.verify(key, message, good + b"\0"))
        twist = ed25519.decode(next(iter(ed25519.SMALL_ORDER - {bytes([1]) + bytes(31)})))
        scalar = int.from_bytes(hashlib.sha512(hashlib.sha256(b"a").digest()).digest()[:32], "little")
        scalar = scalar & (2**254 - 8) | 2**254
        for small in ed25519.SMALL_ORDER:  # R of small order: with a key's secret such a signature can satisfy the equation
            k = int.from_bytes(hashlib.sha512(small + key + message).digest(), "little") % ed25519.ORDER
            s = (k * scalar % ed25519.ORDER).to_bytes(32, "little")
            self.assertFalse(ed25519.verify(key, message, small + s))
        base = ed25519.decode(bytes([0x58]) + bytes([0x66]) * 31)
        for extra, accepted in ((ed25519.IDENTITY, True), (twist, False)):  # R with torsion passes only with cofactor
            point = ed25519.encode(ed25519.add(ed25519.multiply(12345, base), extra))
            k = int.from_bytes(hashlib.sha512(point + key + message).digest(), "little") % ed25519.ORDER
            s = ((12345 + k * scalar) % ed25519.ORDER).to_bytes(32, "little")
            self.assertEqual(ed25519.verify(key, message, point + s), accepted)

    def test_tree(self):
        leaves = [tree.leaf_hash(bytes([i])) for i in range(20)]
        def root(part):
            if not part:
                return tree.EMPTY_ROOT
            if len(part) == 1:
                return part[0]
            k = 1
            while k * 2 < len(part):
                k *= 2
            return tree.node_hash(root(part[:k]), root(part[k:]))
        grown = tree.Tree()
        for leaf in leaves:
            grown.append(leaf)
        for size in range(21):
            self.assertEqual(grown.root(size), root(leaves[:size]))

    def test_values(self):
        self.assertEqual(values.time("1970-01-01T00:00:00+00:00"), 0)
        self.assertEqual(values.time("1969-12-31T23:59:59-14:59"), (14 * 60 + 59) * 60_000 - 1000)
        self.assertEqual(values.time("9999-12-31T23:59:59+00:00"), 253402300799000)
        self.assertEqual(values.time_ms("1970-01-01T01:00:00.007+01:00"), 7)
        for bad in ("\u0661", "1_0", " 1", "1\n", "", "00", "9007199254740992"):
            self.assertIsNone(values.number(bad))
        self.assertEqual(values.number("9007199254740991"), 2**53 - 1)
        for bad in ("AAAA\n", "AB==", "A", "AA=", "AAA", "A===", "\uff21AAA", "=AAA"):
            self.assertIsNone(values.decode_base64(bad))
        self.assertEqual(values.unit("-"), "-")
        self.assertTrue(values.text("王芳 Ünver Абдуллаев أحمد"))

    def test_rule_names(self):
        """The rules that a refusal may name are rules of the page."""
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/format.md")
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual([rule for rule in sorted(refusals.RULES) if f"`{rule}`" not in text], [])


if __name__ == "__main__":
    unittest.main()
