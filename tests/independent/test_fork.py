"""Tests of fork proofs, built here from nothing but the page."""

import random
import unittest

import fork
import note as notes
import policy as policies
from forge import encode_base64, key64, public, secret
from tree import Tree, leaf_hash
from values import Broken

LEDGER = "demo.tests.example/archive/9936db9822455a74"


def grown(size, parts_at):
    """A tree that leaves the common one at an entry."""
    tree = Tree()
    for number in range(size):
        tree.append(leaf_hash(b"%d %d" % (number, number >= parts_at)))
    return tree


def consistency(tree, old, new):
    """PROOF of RFC 6962 section 2.1.2, bit by bit."""
    def root(start, end):
        part = Tree()
        for leaf in tree.levels[0][start:end]:
            part.append(leaf)
        return part.root(end - start)

    def sub(m, start, end, whole):
        if m == end - start:
            return [] if whole else [root(start, end)]
        k = 1
        while k * 2 < end - start:
            k *= 2
        if m <= k:
            return sub(m, start, start + k, whole) + [root(start + k, end)]
        return sub(m - k, start + k, end, False) + [root(start, start + k)]

    return sub(old, 0, new, True)


def line(name, kind, seed, payload):
    return f"\u2014 {name} {encode_base64(notes.key_id(name, kind, public(seed)) + payload)}\n"


def checkpoint(tree, size, witness=True):
    text = f"{LEDGER}\n{size}\n{encode_base64(tree.root(size))}\n"
    lines = line(LEDGER, notes.SIGNATURE, "log", secret("log").sign(text.encode()))
    if witness:
        signature = secret("w").sign(b"cosignature/v1\ntime 5\n" + text.encode())
        lines += line("w.example", notes.COSIGNATURE, "w", (5).to_bytes(8, "big") + signature)
    return f"{text}\n{lines}"


def pin(tree, size, chain="A", person="ada"):
    zeros = encode_base64(bytes(32))
    text = (f"zeren statement v1\nledger {LEDGER}\nact device\nprocedure none\nby {person} clerk - {zeros}\ndevice d1 1\n"
            f"at 2026-01-05T08:00:00+08:00\nseen {size} {encode_base64(tree.root(size))} {encode_base64(chain.encode() * 32)}\n"
            "enrols d2\nunit -\n")
    return f"{text}\n" + line(person, notes.SIGNATURE, person, secret(person).sign(text.encode()))


def proof(one, other, prefix=None, keys=None):
    keys = keys if keys is not None else [f"{LEDGER} 1 {key64('log')}", f"w.example 4 {key64('w')}", f"ada 1 {key64('ada')}"]
    text = "zeren fork proof v1\n" + "".join(f"key {key}\n" for key in keys)
    for document in (one, other):
        text += f"document {document.count(chr(10))}\n{document}"
    if prefix:
        root, hashes = prefix
        text += f"prefix {encode_base64(root)} {len(hashes)}\n" + "".join(encode_base64(one) + "\n" for one in hashes)
    return text.encode()


class Fork(unittest.TestCase):
    def good(self, shown, *arguments, **more):
        found = fork.verify(proof(*arguments, **more))
        self.assertEqual((found["contradiction"], found["proven"]), (shown, False))

    def bad(self, rule, *arguments, **more):
        with self.assertRaises(Broken) as raised:
            fork.verify(proof(*arguments, **more))
        self.assertEqual(raised.exception.rule, rule)

    def test_one_size(self):
        ours, theirs = grown(9, 99), grown(9, 4)
        self.good("roots", checkpoint(ours, 7), checkpoint(theirs, 7))
        self.good("roots", pin(ours, 7), checkpoint(theirs, 7))
        self.good("roots", pin(ours, 7), pin(theirs, 7))
        self.good("chain-heads", pin(ours, 7), pin(ours, 7, "B"))
        self.bad("fork-none", pin(ours, 7), pin(ours, 7))
        self.bad("fork-none", checkpoint(ours, 4), checkpoint(theirs, 4))
        self.bad("fork-none", checkpoint(ours, 7), checkpoint(theirs, 7), (theirs.root(7), []))
        self.bad("fork-unsigned", pin(ours, 7, person="eve"), checkpoint(theirs, 7))
        self.bad("fork-signature", checkpoint(ours, 7).replace("\n7\n", "\n6\n"), checkpoint(theirs, 7))
        self.bad("fork-other", checkpoint(ours, 7).replace(LEDGER, LEDGER[:-1] + "5"), checkpoint(theirs, 7))
        self.bad("fork-format", checkpoint(ours, 7), checkpoint(theirs, 7), keys=[])
        self.bad("fork-document", f"{LEDGER}\n0\n{encode_base64(bytes(32))}\n\n\u2014 a AAAAAAAA\n", checkpoint(theirs, 7))

    def test_two_sizes(self):
        for larger in range(2, 18):
            for smaller in range(1, larger):
                ours, theirs = grown(larger, 99), grown(larger, smaller - 1)
                documents = checkpoint(theirs, larger), checkpoint(ours, smaller)
                prefix = theirs.root(smaller), consistency(theirs, smaller, larger)
                self.good("prefix", *documents, prefix)
                self.bad("fork-none", checkpoint(theirs, larger), checkpoint(theirs, smaller), prefix)
                self.bad("fork-proof", checkpoint(ours, larger), checkpoint(ours, smaller), prefix)
                self.bad("fork-proof", *documents, (prefix[0], prefix[1][:-1]))
                self.bad("fork-proof", *documents, (prefix[0], prefix[1] + [bytes(32)]))
                self.bad("fork-none", *documents)

    def test_a_policy_vouches(self):
        data = proof(checkpoint(grown(9, 99), 7), checkpoint(grown(9, 4), 7))
        vkey = encode_base64(notes.SIGNATURE + public("log"))
        text = f"log {LEDGER}+{notes.key_id(LEDGER, notes.SIGNATURE, public('log')).hex()}+{vkey}\nquorum none\n"
        self.assertTrue(fork.verify(data, policies.parse(text.encode()))["proven"])

    def test_mangled(self):
        """Whatever becomes of the bytes, the answer is a fork or `Broken`."""
        data, dice = proof(checkpoint(grown(9, 99), 7), pin(grown(9, 4), 7)), random.Random(5)
        for _ in range(500):
            mangled = bytearray(data)
            for _ in range(dice.randrange(1, 4)):
                mangled[dice.randrange(len(mangled))] = dice.randrange(256)
            try:
                self.assertTrue(fork.verify(bytes(mangled))["fork"])
            except Broken:
                pass


if __name__ == "__main__":
    unittest.main()
