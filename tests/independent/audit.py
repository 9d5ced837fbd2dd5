"""The audit of a folder (format.md section 11), one method a step."""

import hashlib
import os

import acts
import entry as entries
import folder as files
import note as notes
import refusals
from admission import Log
from policy import Malformed
from sm3 import sm3
from tree import Tree, leaf_hash, root_of
from values import Broken, encode_base64

NOTE_LIMIT = 65_001


def read_known(data):
    """A known checkpoint: (note, origin, size, root); a copied slot's padding is taken off."""
    try:
        note = notes.parse(files.unpadded(data))
    except Broken as broken:
        raise Malformed("known checkpoint: " + broken.rule) from None
    checkpoint = notes.checkpoint(note)
    if checkpoint is None:
        raise Malformed("known checkpoint: no checkpoint")
    return (note, *checkpoint)


class Audit:
    """One folder, with a policy and known checkpoints where given."""

    def __init__(self, folder, policy=None, policy_path=None, known=()):
        self.folder, self.known = folder, known
        self.policy, self.policy_path = policy, policy_path
        self.given = policy is not None or bool(known)
        self.findings = []
        self.tree, self.heads = Tree(), [bytes(32)]
        self.slots, self.anchored = [], None

    def find(self, rule, index, level="error"):
        self.findings.append({"rule": rule, "index": index, "level": level})

    def run(self):
        """All steps of section 11 in order; the result as section 11 and the brief lay it out."""
        self.segments = files.Segments(self.folder)
        try:
            self._read()
            self._marker()
            self._reading()
            self._entries()
        finally:
            self.segments.close()
        self._slot_roots()
        self._refusals()
        self._hashes()
        self._bundles()
        self._drop_inside_policy()
        self._known()
        self._policy()
        verdict = self._verdict()
        return {"holds": verdict == "holds", "verdict": verdict, "origin": self.ledger, "entries": self.judged,
                "root": encode_base64(self.tree.root(self.judged)), "anchored": self.anchored, "findings": self.findings}

    def _read(self):
        """Read all entries once: tree, chain heads, the founding's id, the checkpoint keys."""
        self.keys, self.founded = [], None
        for index, data in enumerate(self.segments.scan()):
            self.tree.append(leaf_hash(data))
            self.heads.append(sm3(data))
            statement = self._naming(data)
            if statement:
                self.keys.append(statement["checkpoint-key"])
                if index == 0 and statement.act == "found":
                    self.founded = f"{statement['ledger']}/{statement.hash.hex()[:16]}"
        self.keys = list(dict.fromkeys(self.keys))
        self.read = self.tree.size

    @staticmethod
    def _naming(data):
        """The entry's `found` or `amend` statement, if it has one that passes sections 2 and 3."""
        if b"\nact found\n" not in data and b"\nact amend\n" not in data:
            return None
        try:
            statement = acts.parse(notes.parse(entries.parse(data).note))
        except Broken:
            return None
        return statement if statement.act in ("found", "amend") else None

    def _marker(self):
        """Step 1."""
        named = files.marker(self.folder)
        if named is None or (self.founded and named != self.founded):
            self.find("marker", 0)
        self.ledger = self.founded or named or "-"

    def _sound(self, data):
        """(note, size, root, keys) of a sound slot, else None."""
        try:
            note = notes.parse(data)
        except Broken:
            return None
        checkpoint = notes.checkpoint(note)
        if checkpoint is None or checkpoint[0] != self.ledger:
            return None
        keys = notes.signing_keys(note, self.ledger, self.keys)
        return (note, checkpoint[1], checkpoint[2], keys) if keys else None

    def _reading(self):
        """Step 2."""
        for number in (0, 1):
            data = files.slot(self.folder, number)
            sound = self._sound(data) if data is not None else None
            if sound:
                self.slots.append(sound)
            elif data is not None:
                self.find("slot", number, "note")
        if not self.slots:
            self.find("checkpoint-missing", 0)
        self.size = max((slot[1] for slot in self.slots), default=self.read)
        if self.read < self.size:
            self.find("entries-missing", self.read)
        elif self.read > self.size:
            self.find("uncovered", self.size, "note")
        if self.segments.tail:
            self.find("tail", self.read, "note")
        self.judged = min(self.read, self.size)

    def _entries(self):
        """Step 3."""
        self.log = Log(self.ledger, self.tree, self.heads)
        for index in range(self.judged):
            try:
                entry = entries.parse(self.segments.entry(index))
            except Broken as broken:
                self.find(broken.rule, index)
                self.log.received.append(self.log.received[-1] if self.log.received else 0)
                continue
            if entry.previous != self.heads[index]:
                self.find("chain", index)
            self._judge(index, entry)
            self.log.received.append(entry.received)

    def _judge(self, index, entry):
        try:
            for rule in self.log.judge(index, entry.received, entry.note):
                self.find(rule, index, "warn")
        except Broken as broken:
            self.find(broken.rule, index)

    def _slot_roots(self):
        """Step 4."""
        for _, size, root, keys in self.slots:
            if size > self.read:
                continue
            if self.tree.root(size) != root:
                self.find("checkpoint-root", size)
            force = self.log.state.founding_at(size)
            if force is None or force.checkpoint_key not in keys:
                self.find("checkpoint-key", size)

    def _refusals(self):
        """Step 5."""
        path, place, sound = os.path.join(os.fsencode(self.folder), b"refusals"), 0, []
        for name in files.names(path):
            data = files.read_bounded(os.path.join(path, name), NOTE_LIMIT)
            if data is None:
                continue
            rule, received = refusals.judge(data, name, self.ledger, self.keys, self.judged, self.tree, self.heads)
            if rule:
                self.find(rule, place)
            if received is not None:
                sound.append((received, data))
            place += 1
        self._indexed_refusals(sound)

    def _indexed_refusals(self, sound):
        """What each index entry says of the refusals since the one before."""
        since = self.log.received[0] if self.log.received else 0
        for index, received, named in self.log.state.indexes:
            leaves = [leaf_hash(hashlib.sha256(data).digest()) for moment, data in sound if since <= moment < received]
            if named != (len(leaves), root_of(leaves)):
                self.find("refusals-unlike", index)
            since = received

    def _hashes(self):
        """Step 6."""
        for level, hashes in enumerate(self.tree.levels):
            count = self.judged >> level
            data = files.read_bounded(os.path.join(self.folder, "hashes", str(level)), 32 * count)
            if data is None:
                continue
            whole = len(data) // 32
            if data[:32 * whole] != b"".join(hashes[:whole]):
                self.find("hash-file", level, "note")

    def _bundles(self):
        """Step 6, offsets."""
        expected = self.segments.bundles(self.judged)
        data = files.read_bounded(os.path.join(self.folder, "bundles"), len(expected))
        if data is not None and data[:len(data) // 8 * 8] != expected[:len(data) // 8 * 8]:
            self.find("bundles-file", 0, "note")

    def _drop_inside_policy(self):
        """A policy inside the folder counts for demonstrations only."""
        self.inside = False
        if self.policy is None or self.ledger.startswith("demo."):
            return
        base, path = os.path.realpath(self.folder), os.path.realpath(self.policy_path)
        if os.path.commonpath([base, path]) == base:
            self.inside, self.policy = True, None

    def _known(self):
        """Step 7."""
        keys = self.keys + (self.policy.log_keys(self.ledger) if self.policy else [])
        for note, origin, size, root in self.known:
            if origin != self.ledger:
                self.find("known-other", 0)
            elif not notes.signing_keys(note, self.ledger, keys):
                self.find("known-signature", 0)
            elif size > self.size:
                self.find("rollback", self.size)
            elif size <= self.read and self.tree.root(size) != root:
                self.find("fork", size)

    def _policy(self):
        """Step 8."""
        if self.inside:
            self.find("policy-inside", 0)
        if self.policy is None:
            return
        keys = self.policy.log_keys(self.ledger)
        if not keys:
            self.find("other-ledger", 0)
            return
        agreeing = [(size, note) for note, size, root, _ in self.slots if size <= self.read and self.tree.root(size) == root]
        for size, note in sorted(agreeing + self.log.state.anchors, key=lambda pair: -pair[0]):
            if notes.signing_keys(note, self.ledger, keys) and self.policy.satisfied(note):
                self.anchored = size
                return
        self.find("policy-unmet", 0)

    def _verdict(self):
        rules = {finding["rule"] for finding in self.findings}
        errors = {finding["rule"] for finding in self.findings if finding["level"] == "error"}
        if rules & {"other-ledger", "known-other"}:
            return "other-ledger"
        if errors - {"rollback", "policy-unmet", "policy-inside"}:
            return "broken"
        if "rollback" in rules:
            return "stale"
        if rules & {"policy-unmet", "policy-inside"} or not self.given:
            return "unanchored"
        return "holds"
