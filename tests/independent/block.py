#!/usr/bin/env python3
"""Blocks, by which nodes tell each other entries (format.md section 25): `block.py DIR GENERATION BLOCK...` follows a ledger's folder
with the blocks of a stream from its first on, prints one JSON object a block, and changes nothing."""

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass

import entry as entries
import epoch_entry
import folder as files
import note as notes
import refusals
import values
from admission import Log
from sm3 import sm3
from tree import Tree, leaf_hash
from values import Broken, encode_base64, require

KIND = "zeren block v1"
LIMIT, NOTE_LIMIT = 786_432, 8_192
KEYS = ["ledger", "generation", "epoch", "number", "previous", "size", "carries"]


@dataclass
class Block:
    """A block of the right form. `note` is its header, `line` that note's one signature line."""

    note: notes.Note
    line: notes.Line
    ledger: str
    generation: int
    epoch: int
    number: int
    previous: bytes
    size: int
    root: bytes
    checkpoint: notes.Note | None
    entries: list
    refusals: list
    hash: bytes

    @property
    def end(self):
        return self.size + len(self.entries)


def _part(data, least, most=65_535):
    """A part with its length before it, and what follows."""
    length = int.from_bytes(data[:2], "big")
    require(len(data) >= 2 + length and least <= length <= most, "block-format")
    return data[2:2 + length], data[2 + length:]


def _note(data):
    try:
        return notes.parse(data)
    except Broken:
        raise Broken("block-format") from None


def _header(note):
    """The values of the lines after the first, and what `carries` says."""
    lines = [line.partition(" ") for line in note.lines[1:]]
    require(note.lines[0] == KIND and [key for key, _, _ in lines] == KEYS, "block-format")
    ledger, *numbers, previous, size, carries = (value for _, _, value in lines)
    ledger, previous = values.ledger_id(ledger), values.hash32(previous)
    numbers = [values.number(number) for number in numbers]
    size, carries = size.split(" "), carries.split(" ")
    require(ledger and all(numbers) and previous is not None and len(size) == 2 and len(carries) == 3, "block-format")
    size = values.number(size[0]), values.hash32(size[1])
    carries = values.number(carries[0]), values.number(carries[1]), values.hash32(carries[2])
    require(None not in size and None not in carries, "block-format")
    return (ledger, *numbers, previous, *size), carries


def parse(data):
    """A block, or `block-format`."""
    require(len(data) <= LIMIT, "block-format")
    header, payload = _part(data, 1, NOTE_LIMIT)
    note = _note(header)
    require(len(note.signatures) == 1, "block-format")
    line = note.signatures[0]
    require(values.node(line.name) and len(line.payload) == 64, "block-format")
    fields, (entry_count, refusal_count, digest) = _header(note)
    require(hashlib.sha256(payload).digest() == digest, "block-format")
    checkpoint, rest = _part(payload, 0, NOTE_LIMIT)
    checkpoint = _note(checkpoint) if checkpoint else None
    carried = ([], [])
    for parts, count in zip(carried, (entry_count, refusal_count)):
        for _ in range(count):
            part, rest = _part(rest, 1)
            parts.append(part)
    require(not rest, "block-format")
    return Block(note, line, *fields, checkpoint, *carried, hashlib.sha256(data).digest())


class Follower:
    """A log, and how far it has read a stream."""

    def __init__(self, ledger, generation):
        self.log = Log(ledger, Tree(), [bytes(32)])
        self.entries = []
        self.generation, self.number, self.hash, self.end = generation, 0, bytes(32), None

    def admit(self, data):
        """Judge an entry by sections 6 and 8, and let it take effect."""
        entry, index = entries.parse(data), len(self.entries)
        require(entry.previous == self.log.heads[index], "chain")
        self.log.judge(index, entry.received, entry.note)
        self.entries.append(data)
        self.log.received.append(entry.received)
        self.log.tree.append(leaf_hash(data))
        self.log.heads.append(sm3(data))

    def take(self, block):
        """Judge a block as the next one, and take it: how many of its entries were new. Raises `Broken`."""
        here = self._known(block)
        self._judge_epoch(block)
        for data in block.entries[here:]:
            self.admit(data)
        for data in block.refusals:
            self._judge_refusal(data)
        self.number, self.hash, self.end = block.number, block.hash, block.end
        return len(block.entries) - here

    def _known(self, block):
        """Its place in log and stream; how many of its entries are here, as the same bytes."""
        size = len(self.entries)
        place = (block.ledger, block.generation, block.number, block.previous)
        require(place == (self.log.ledger, self.generation, self.number + 1, self.hash), "block-order")
        require(block.size <= size if self.end is None else block.size == self.end, "block-order")
        require(block.root == self.log.tree.root(block.size), "block-unlike")
        both = list(zip(self.entries[block.size:], block.entries))
        require(all(ours == theirs for ours, theirs in both), "block-unlike")
        return len(both)

    def _epoch_of(self, data):
        """(number, node, key) of an epoch entry of this ledger, else None."""
        try:
            note = notes.parse(entries.parse(data).note)
            named, *epoch = epoch_entry.read(note) if note.lines[0] == epoch_entry.KIND else (None,)
        except Broken:
            return None
        return epoch if named == self.log.ledger else None

    def _judge_epoch(self, block):
        epochs = [self._epoch_of(data) for data in block.entries]
        require(not any(epochs[1:]), "block-order")
        in_force = epochs[0] if epochs else None
        require(in_force or block.number > 1, "block-order")
        if in_force is None:
            before = [(number, *known) for number, known in enumerate(self.log.state.epochs, 1) if known[2] < block.size]
            require(before, "block-order")
            in_force = before[-1][:3]
        number, node, key = in_force
        require(block.epoch == number, "block-order")
        require(notes.signs(block.line, node, key, block.note.text), "block-signature")

    def _judge_refusal(self, data):
        """Section 11 point 5, under the name that the refusal gives itself."""
        submitted = [values.hash32(line[10:]) for line in _lines(data) if line.startswith("submitted ")]
        name = submitted[0].hex().encode() if submitted and submitted[0] else b""
        log = self.log
        rule, _ = refusals.judge(data, name, log.ledger, log.state.checkpoint_keys(), len(self.entries), log.tree, log.heads)
        require(rule is None, rule)


def _lines(data):
    try:
        return notes.parse(data).lines
    except Broken:
        return []


def read(folder, generation, most=None):
    """A follower that has a folder's entries, at most so many."""
    follower, segments = Follower(files.marker(folder), generation), files.Segments(folder)
    try:
        for data in segments.scan():
            if most is not None and len(follower.entries) == most:
                break
            follower.admit(data)
    finally:
        segments.close()
    return follower


def main(arguments):
    parser = argparse.ArgumentParser(prog="block.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder")
    parser.add_argument("generation", type=int)
    parser.add_argument("blocks", nargs="+")
    given = parser.parse_args(arguments)
    try:
        follower = read(given.folder, given.generation)
    except Broken as broken:
        print(json.dumps({"next": False, "error": f"the folder: {broken.rule}"}))
        return 2
    for path in given.blocks:
        try:
            new = follower.take(parse(files.read_bounded(path, LIMIT + 1) or b""))
        except Broken as broken:
            print(json.dumps({"next": False, "rule": broken.rule}))
            return 1
        size = len(follower.entries)
        print(json.dumps({"next": True, "number": follower.number, "new": new, "size": size, "root": encode_base64(follower.log.tree.root(size))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
