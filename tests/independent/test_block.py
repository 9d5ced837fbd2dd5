"""Tests of blocks, on the vector of docs/vectors and on blocks made from it here."""

import copy
import hashlib
import os
import unittest

import block as blocks
import note as notes
from forge import encode_base64, public, secret
from values import Broken

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "vectors")
FOLDER = os.path.join(VECTORS, "cluster")
with open(os.path.join(VECTORS, "good", "block"), "rb") as file:
    VECTOR = file.read()


def part(data):
    return len(data).to_bytes(2, "big") + data


def seal(block, node="node-1", seed=None, edit=lambda text: text, payload=lambda data: data, **fields):
    """A block's bytes anew, some of it changed, signed with a node's key of the vectors: seed SHA-256 of `key of NAME`."""
    block = copy.copy(block)
    for name, value in fields.items():
        setattr(block, name, value)
    checkpoint = b"" if block.checkpoint is None else encoded(block.checkpoint)
    carried = payload(b"".join(map(part, [checkpoint, *block.entries, *block.refusals])))
    digest = encode_base64(hashlib.sha256(carried).digest())
    text = edit(f"{blocks.KIND}\nledger {block.ledger}\ngeneration {block.generation}\nepoch {block.epoch}\nnumber {block.number}\n"
                f"previous {encode_base64(block.previous)}\nsize {block.size} {encode_base64(block.root)}\n"
                f"carries {len(block.entries)} {len(block.refusals)} {digest}\n")
    key = f"key of {seed or node}"
    blob = encode_base64(notes.key_id(node, notes.SIGNATURE, public(key)) + secret(key).sign(text.encode()))
    return part(f"{text}\n\u2014 {node} {blob}\n".encode()) + carried


def encoded(note):
    lines = [f"\u2014 {line.name} {encode_base64(line.key_id + line.payload)}\n" for line in note.signatures]
    return note.text + ("\n" + "".join(lines)).encode()


class Blocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.good = blocks.parse(VECTOR)
        cls.before = blocks.read(FOLDER, 2, cls.good.size)
        cls.after = copy.deepcopy(cls.before)
        cls.taken = cls.after.take(cls.good)

    def breaks(self, rule, data, follower=None):
        with self.assertRaises(Broken) as broken:
            copy.deepcopy(follower or self.before).take(blocks.parse(data))
        self.assertEqual(broken.exception.rule, rule)

    def test_the_vector_is_the_next_block_of_its_ledger(self):
        self.assertEqual((self.taken, self.good.end, len(self.good.refusals)), (2, len(self.after.entries), 1))
        whole = blocks.read(FOLDER, 2)
        self.assertEqual((self.after.entries, self.after.log.heads[-1]), (whole.entries, whole.log.heads[-1]))
        # Where its entries are already, it is compared and nothing is new.
        self.assertEqual(whole.take(self.good), 0)
        self.assertEqual(notes.checkpoint(self.good.checkpoint), (self.good.ledger, self.good.size, self.good.root))

    def test_it_seals_to_the_same_bytes(self):
        self.assertEqual(seal(self.good), VECTOR)

    def test_no_byte_can_be_changed_cut_or_added(self):
        for at in range(0, len(VECTOR), 7):
            changed = bytearray(VECTOR)
            changed[at] ^= 1
            with self.assertRaises(Broken, msg=at) as broken:
                self.before._judge_epoch(blocks.parse(bytes(changed)))
            self.assertIn(broken.exception.rule, ("block-format", "block-signature", "block-order"))
            self.breaks("block-format", VECTOR[:at])
        self.breaks("block-format", VECTOR + b"\0\0")

    def test_form(self):
        good = self.good
        for old, new in (("block v1", "block v2"), ("generation 2", "generation 0"), ("epoch 3", "epoch 0"), ("number 1", "number 0"),
                         ("number 1\n", "number 1\nmore x\n"), ("epoch 3", "epoch 03"), ("carries 2 1", "carries 2 2"), ("carries 2 1", "carries 3 1"),
                         ("carries 2 1", "carries 1 1"), ("\nsize ", "\nsize  "), ("ledger ", "ledger  ")):
            def edit(text, old=old, new=new):
                self.assertIn(old, text)
                return text.replace(old, new, 1)
            self.breaks("block-format", seal(good, edit=edit))
        self.breaks("block-format", seal(good, node="Node"))
        self.breaks("block-format", seal(good, payload=lambda data: data + b"\0\1x"))
        self.breaks("block-format", seal(good, entries=[good.entries[0], b""]))
        self.breaks("block-format", bytes(blocks.LIMIT + 1))
        self.breaks("block-format", b"")

    def test_place(self):
        good, zero = self.good, bytes(32)
        self.breaks("block-order", seal(good, ledger="demo.tests.example/archive/0123456789abcdef"))
        self.breaks("block-order", seal(good, generation=1))
        self.breaks("block-order", seal(good, number=2))
        self.breaks("block-order", seal(good, previous=bytes([1]) * 32))
        self.breaks("block-order", seal(good, size=good.size + 1))
        self.breaks("block-unlike", seal(good, root=zero))
        self.breaks("block-order", VECTOR, self.after)
        root = self.after.log.tree.root
        follows = {"number": 2, "previous": good.hash, "entries": [], "refusals": []}
        self.breaks("block-order", seal(good, size=good.size, root=root(good.size), **follows), self.after)
        last = seal(good, size=good.end, root=root(good.end), **follows)
        self.assertEqual(copy.deepcopy(self.after).take(blocks.parse(last)), 0)
        whole = blocks.read(FOLDER, 2)
        self.breaks("block-unlike", seal(good, entries=[good.entries[0], good.entries[1] + b"\n"]), whole)

    def test_who_sealed_it(self):
        good = self.good
        self.breaks("block-signature", seal(good, node="node-2.county"))
        self.breaks("block-signature", seal(good, seed="thief"))
        self.breaks("block-order", seal(good, epoch=2))
        self.breaks("block-order", seal(good, epoch=4))
        self.breaks("block-order", seal(good, entries=good.entries[1:]))
        self.breaks("block-order", seal(good, entries=good.entries[:1] * 2))
        self.breaks("block-order", seal(good, entries=[good.entries[1], good.entries[0]]))

    def test_what_it_carries_is_judged(self):
        good = self.good
        self.breaks("chain", seal(good, entries=[good.entries[0], self.before.entries[5]]))
        self.breaks("signature", seal(good, entries=[good.entries[0], good.entries[1].replace(b"Resource21", b"Resource22", 1)]))
        self.breaks("entry-format", seal(good, entries=[good.entries[0], b"x"]))
        self.breaks("refusal-format", seal(good, refusals=[b"x"]))
        other = good.refusals[0].replace(b"\nrule ", b"\nrule at-future\nrule ", 1)
        self.breaks("refusal-format", seal(good, refusals=[other]))
        text = good.refusals[0]
        line = next(line for line in text.split(b"\n") if line.startswith(b"rule "))
        self.breaks("refusal-signature", seal(good, refusals=[text.replace(line, b"rule at-stale", 1)]))


if __name__ == "__main__":
    unittest.main()
