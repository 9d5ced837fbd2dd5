"""Cosigned entries: a checkpoint of the ledger with its witnesses' cosignatures (format.md section 5.10)."""

import hashlib

import note as notes
from programme import Cosigned
from values import DAY, require

SKEW = 300_000


def judge(log, index, received, note, data):
    """The six steps of section 5.10, then what an admitted cosigned entry does."""
    size, root = _format(note)
    key = _checkpoint_key(log, note)
    witnesses, times = _witnesses(log.state, note)
    log.check_entry(index, received, "cosigned", max(times))
    require(size <= index, "checkpoint-ahead")
    force = log.state.founding_at(size)
    require(log.tree.root(size) == root and force and force.checkpoint_key == key, "checkpoint-unlike")
    require(size > log.state.cosigned_size, "checkpoint-old")
    named = log.state.founding.witnesses
    require(all(named.get(name) == witness for name, witness in witnesses), "witness-unknown")
    _times(log, index, received, size, times)
    log.state.cosigned_size = size
    log.state.cosigned_time = max(log.state.cosigned_time, *times)
    log.state.anchors.append((size, note))
    log.state.programme.cosigned.append(Cosigned(index, size, len(times), hashlib.sha256(data).digest()))


def _format(note):
    """Step 1."""
    checkpoint = notes.checkpoint(note)
    require(checkpoint and checkpoint[1] >= 1 and 2 <= len(note.signatures) <= 17, "checkpoint-format")
    return checkpoint[1], checkpoint[2]


def _checkpoint_key(log, note):
    """Step 2: the key named so far under which the first line verifies."""
    line = note.signatures[0]
    for key in log.state.checkpoint_keys():
        if notes.signs(line, log.ledger, key, note.text):
            return key
    return require(False, "checkpoint-signature")


def _witnesses(state, note):
    """Step 3: the witnesses (name, key) and their times in milliseconds, in order of lines."""
    found, times, pairs = [], [], set()
    for line in note.signatures[1:]:
        keys = state.witness_keys(line.name, line.key_id)
        require(keys, "witness-unknown")
        require((line.name, line.key_id) not in pairs, "witness-repeated")
        pairs.add((line.name, line.key_id))
        verified = [(key, notes.cosignature_time(line, key, note.text)) for key in keys]
        verified = [(key, seconds) for key, seconds in verified if seconds is not None]
        require(verified, "witness-signature")
        found.append((line.name, verified[0][0]))
        times.append(verified[0][1] * 1000)
    return found, times


def _times(log, index, received, size, times):
    """Step 6."""
    require(max(times) <= received + SKEW, "witness-time")
    require(log.received_before(size) <= min(times) + SKEW, "witness-time")
    if size < index:
        require(log.received[size] >= max(times) - DAY, "witness-time")
