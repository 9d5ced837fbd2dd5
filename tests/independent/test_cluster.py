"""Tests of epochs, anchors and incidents (format.md sections 5.18 to 5.20)."""

import copy
import unittest

from forge import PROCEDURE, Forge, encode_base64, hash64, key64, secret, sign
from test_verify import BAD_HASH, DAY, SMALL, Case, W, base, error, swap

OTHER = "example.org/others/0123456789abcdef"


def own(f, text, seed=None, signer=None, edit=None, received=None):
    """Append a note with the ledger's own signature."""
    note = (text + "\n" + sign(text, signer or f.id, seed or f.checkpoint_seed)).encode()
    return f.append(edit(note) if edit else note, received)


def epoch(f, number, node="node-1", key=None, ledger=None, **options):
    return own(f, f"zeren epoch v1\nledger {ledger or f.id}\nepoch {number}\nnode {node} {key or key64(node)}\n", **options)


def anchor_text(f, size, ledger=None, other=OTHER, seed="county", key=None, signed=None):
    root = hash64(f"root {other} {size}")
    signature = encode_base64(secret(seed).sign((signed or f"{other}\n{size}\n{root}\n").encode()))
    return (f"zeren anchor v1\nledger {ledger or f.id}\nanchored {other} {size} {root}\nkey {key or key64(seed)}\nsignature {signature}\n")


def anchor(f, size, text=lambda text: text, seed=None, signer=None, edit=None, received=None, **options):
    return own(f, text(anchor_text(f, size, **options)), seed, signer, edit, received)


def incident(f, kind="stream-lost", generation=2, size=None, root=None, by=None, node="node-1", **options):
    seen = f.seen().split(" ")
    body = [f"incident {kind}", f"node {node}", f"generation {generation}", f"size {seen[0] if size is None else size}",
            f"root {root or seen[1]}", f"document {hash64('report')}"]
    return f.statement("incident", body, by=[f.founder("ada")] if by is None else by, **options)


class Cluster(Case):
    def bad(self, f, rule, act):
        copied = copy.deepcopy(f)
        act(copied)
        self.last(copied, rule)

    def good(self, f, act):
        copied = copy.deepcopy(f)
        act(copied)
        self.check(copied)


class Epochs(Cluster):
    def test_form(self):
        f = base()
        for text in ("epoch 0\nnode n ", "epoch 01\nnode n ", "epoch  1\nnode n ", "node n x\nepoch 1", "epoch 1\nnode N ", "epoch 1\nnode 1 ",
                     "epoch 1\nnode " + "n" * 65 + " ", "epoch 1\nnode  n ", "epoch 1\nnode n ed25519 ", "epoch 1\nmore\nnode n "):
            self.bad(f, "epoch-format", lambda f: own(f, f"zeren epoch v1\nledger {f.id}\n{text}{key64('n')}\n"))
        self.bad(f, "epoch-format", lambda f: own(f, f"zeren epoch v1\nledger {f.id}\nepoch 1\n"))
        self.bad(f, "epoch-format", lambda f: epoch(f, 1, signer="other"))
        self.bad(f, "epoch-format", lambda f: epoch(f, 1, edit=lambda note: note + note[note.index("\u2014".encode()):]))
        self.bad(f, "statement-kind", lambda f: own(f, f"zeren epoch v2\nledger {f.id}\nepoch 1\nnode n {key64('n')}\n"))
        self.good(f, lambda f: epoch(f, 1, "n" * 64))
        self.good(f, lambda f: epoch(f, 1, "n.1-x"))

    def test_order_of_rules(self):
        f = base()
        self.bad(f, "ledger-other", lambda f: epoch(f, 1, key=SMALL, ledger=OTHER, signer=OTHER))
        self.bad(f, "key-encoding", lambda f: epoch(f, 1, key=SMALL, seed="thief"))
        self.bad(f, "epoch-signature", lambda f: epoch(f, 7, seed="thief", received=f.now - 5000))
        self.bad(f, "epoch-signature", lambda f: epoch(f, 1, edit=swap(b"epoch 1", b"epoch 2")))
        self.bad(f, "received-order", lambda f: epoch(f, 7, received=f.now - 5000))
        f.amend(key="log-2")
        self.bad(f, "epoch-signature", lambda f: epoch(f, 7, seed="log"))
        self.good(f, lambda f: epoch(f, 1))

    def test_numbers(self):
        f = base()
        self.bad(f, "epoch-order", lambda f: epoch(f, 2))
        epoch(f, 1)
        self.bad(f, "epoch-order", lambda f: epoch(f, 1, "node-2"))
        self.bad(f, "epoch-order", lambda f: epoch(f, 3))
        place = epoch(f, 9)
        epoch(f, 2, "node-2")
        epoch(f, 3, "node-2")
        self.check(f, error("epoch-order", place))

    def test_without_a_witness(self):
        f = base(witnesses=W)
        f.now += 2 * DAY
        self.good(f, lambda f: epoch(f, 1))
        self.bad(f, "unwitnessed", lambda f: anchor(f, 1))
        self.bad(f, "unwitnessed", lambda f: incident(f))
        epoch(f, 1)
        self.bad(f, "unwitnessed", lambda f: f.device("desk-2"))


class Anchors(Cluster):
    def test_form(self):
        f = base()
        for old, new in ((" 5 ", " 0 "), (" 5 ", " 05 "), (" 5 ", "  5 "), ("\nkey ", " x\nkey "), ("\nkey ", "\nkey ed25519 "), ("anchored ", "anchored"),
                         ("\nsignature ", "\nsignature AA=="), ("example.org/others", "Example.org/others")):
            self.bad(f, "anchor-format", lambda f: anchor(f, 5, text=swap(old, new)))
        self.bad(f, "anchor-format", lambda f: anchor(f, 5, text=lambda text: text + "more\n"))
        self.bad(f, "anchor-format", lambda f: anchor(f, 5, text=lambda text: text[:text.index("signature")]))
        self.bad(f, "anchor-format", lambda f: anchor(f, 5, signer=OTHER))
        self.bad(f, "anchor-format", lambda f: anchor(f, 5, edit=lambda note: note + note[note.index("\u2014".encode()):]))
        self.bad(f, "statement-kind", lambda f: anchor(f, 5, text=swap("anchor v1", "anchor v2")))

    def test_order_of_rules(self):
        f = base()
        self.bad(f, "ledger-other", lambda f: anchor(f, 5, ledger=OTHER, signer=OTHER, key=SMALL))
        self.bad(f, "key-encoding", lambda f: anchor(f, 5, key=SMALL))
        self.bad(f, "anchor-signature", lambda f: own(f, anchor_text(f, 5), seed="thief"))
        self.bad(f, "anchor-signature", lambda f: anchor(f, 5, key=key64("thief"), received=f.now - 5000))
        self.bad(f, "anchor-signature", lambda f: anchor(f, 5, signed=f"{OTHER}\n6\n{BAD_HASH}\n"))
        self.bad(f, "received-order", lambda f: anchor(f, 5, other=f.id, received=f.now - 5000))
        f.amend(key="log-2")
        self.bad(f, "anchor-signature", lambda f: own(f, anchor_text(f, 5, other=f.id), seed="log"))

    def test_sizes(self):
        f = base()
        self.bad(f, "anchor-own", lambda f: anchor(f, 5, other=f.id, seed="log"))
        self.good(f, lambda f: anchor(f, 1))
        anchor(f, 5)
        self.bad(f, "anchor-old", lambda f: anchor(f, 5))
        self.bad(f, "anchor-old", lambda f: anchor(f, 4))
        place = anchor(f, 9, signed="x\n9\n")
        anchor(f, 2, other=OTHER[:-1] + "0")
        anchor(f, 6)
        self.check(f, error("anchor-signature", place))


class Incidents(Cluster):
    def test_what_was_seen(self):
        f = base()
        self.bad(f, "incident-unlike", lambda f: incident(f, size=f.size - 1))
        self.bad(f, "incident-unlike", lambda f: incident(f, root=BAD_HASH))
        self.bad(f, "incident-unlike", lambda f: incident(f, size=f.size - 1, root=encode_base64(f.tree.root(f.size - 1))))
        self.bad(f, "seen-unlike", lambda f: incident(f, seen=f"{f.size} {BAD_HASH} {BAD_HASH}", root=BAD_HASH))
        self.bad(f, "value", lambda f: incident(f, kind="fire"))
        self.bad(f, "value", lambda f: incident(f, node="Node"))
        self.good(f, lambda f: incident(f, kind="other", generation=0))

    def test_who_signs(self):
        f = base()
        self.bad(f, "governance-office", lambda f: incident(f, by=[f.registrar]))
        self.bad(f, "governance-office", lambda f: incident(f, by=[f.founder("ada"), f.registrar]))
        incident(f)
        table = 'incident = { any = ["registrar", "clerk"], min = 2, powers = 2 }\n'
        f.enact(PROCEDURE.replace("version = 1", "version = 2") + table, version=2)
        self.bad(f, "governance-office", lambda f: incident(f))
        self.bad(f, "governance-count", lambda f: incident(f, by=[f.registrar]))
        self.good(f, lambda f: incident(f, by=[f.registrar, f.clerk]))

    def test_before_any_procedure(self):
        f = Forge()
        f.found()
        incident(f)
        self.check(f)
        self.bad(f, "procedure-version", lambda f: f.device("desk-2"))


if __name__ == "__main__":
    unittest.main()
