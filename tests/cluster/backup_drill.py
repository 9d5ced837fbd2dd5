"""Takes a snapshot of a stream, deletes the stream, restores it, and compares every message; then replaces a server
that does not come back, restarts all one by one, and loses two of three at once.

    python3 tests/cluster/backup_drill.py

With the commands of deploy/cluster/stream that docs/operations-cluster.md gives, on a real cluster. Exit code 0: the restored stream has the
same messages under the same numbers, and goes on after them.
"""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import stream  # noqa: E402
from cluster import DEPLOY, Cluster, NoServer  # noqa: E402
from stream import TAG  # noqa: E402
from users import ALLOWED, NOBODY, SILENCE, User  # noqa: E402

NAME = stream.name(TAG)
# Enough for several pieces of a snapshot.
BLOCKS, BLOCK_BYTES = 40, 64 * 1024
CURRENT_SECONDS = 30
PEOPLE = f"""
ledger {TAG}
user node node {TAG}
user keeper keeper {TAG}
user backup backup {TAG}
user breakglass breakglass
user restore restore {TAG} 1
user system system
"""


class Different(Exception):
    """Something is not as it was, with what."""


def command(cluster, user, *words, typed="", at="n1", code=0):
    """What deploy/cluster/stream prints; it must end with `code`."""
    folder = cluster.certificates / ("users" if (cluster.certificates / "users" / user).exists() else "safe") / user
    done = subprocess.run([DEPLOY / "stream", "--at", cluster.address(at), "--as", folder, *map(str, words)],
                          input=typed, capture_output=True, text=True, check=False)
    print(f"$ stream --as {user} {' '.join(Path(str(word)).name for word in words)}\n{done.stdout}{done.stderr}", end="", flush=True)
    if done.returncode != code:
        raise Different(f"expected exit code {code}, found {done.returncode}")
    return done.stdout + done.stderr


def holds(text, wanted):
    if wanted not in text:
        raise Different(f"expected {wanted!r} in {text!r}")


async def blocks(user):
    """Every message: number, subject, headers, bytes and time, as the leader gives them."""
    return [(await user.answer(f"$JS.API.STREAM.MSG.GET.{NAME}", {"seq": at}))["message"] for at in range(1, BLOCKS + 1)]


def block_after(last):
    """Not to be compressed to nothing: a snapshot must have several pieces."""
    return random.Random(last).randbytes(BLOCK_BYTES)


async def append(cluster, last, server="n1"):
    """A block, as the program sends it: the same bytes again until there is an answer, since a stream may be without a leader for seconds."""
    node = await User.connect(cluster, "node", server=server)
    until = time.monotonic() + CURRENT_SECONDS
    while (got := await node.outcome(stream.subject(TAG), block_after(last), stream.headers(TAG, last, identity=str(last)))) != ALLOWED:
        if got not in (NOBODY, SILENCE) or time.monotonic() > until:
            raise Different(f"a block after {last}: expected to be taken, found {got}")
        await asyncio.sleep(0.2)
    await node.close()


async def as_it_must_be(cluster):
    """The stream, as tests ask for it."""
    keeper = await User.connect(cluster, "keeper")
    await stream.create(keeper, TAG)
    await keeper.close()


async def fill(cluster):
    for last in range(BLOCKS):
        await append(cluster, last)
    return await read(cluster)


async def read(cluster):
    node = await User.connect(cluster, "node")
    found = await blocks(node)
    await node.close()
    return found


def drill(cluster, folder):
    command(cluster, "node", "create", NAME, code=3)
    asyncio.run(as_it_must_be(cluster))
    # The command asks for the very same, or it would be refused.
    command(cluster, "keeper", "create", NAME)
    before = asyncio.run(fill(cluster))
    copy = folder / "copy"
    command(cluster, "backup", "snapshot", NAME, copy)
    holds(command(cluster, "backup", "snapshot", NAME, copy, code=3), "is there already")
    holds(command(cluster, "backup", "delete", NAME, typed=NAME + "\n", code=3), "Permissions Violation")
    holds(command(cluster, "breakglass", "delete", NAME, typed="no\n", code=3), "nothing was deleted")
    command(cluster, "breakglass", "delete", NAME, typed=NAME + "\n")
    holds(command(cluster, "breakglass", "info", NAME, code=3), "stream not found")
    whole = (copy / "stream.tar.s2").read_bytes()
    (copy / "stream.tar.s2").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    holds(command(cluster, "restore", "restore", NAME, copy, code=3), "SHA-256")
    (copy / "stream.tar.s2").write_bytes(whole)
    holds(command(cluster, "breakglass", "restore", NAME, copy, code=3), "Permissions Violation")
    command(cluster, "restore", "restore", NAME, copy)
    if asyncio.run(read(cluster)) != before:
        raise Different("the restored messages are not those that were saved")
    asyncio.run(append(cluster, BLOCKS))
    print(f"{BLOCKS} messages as they were, and one more after them")


def lose_a_server(cluster):
    """A server that does not come back: two go on, another one takes its place, under another name."""
    holds(command(cluster, "system", "servers"), "syncs always")
    cluster.kill("n3")
    cluster.wait(not_leader="n3")
    asyncio.run(append(cluster, BLOCKS + 1))
    cluster.wipe("n3")
    cluster.replace("n3", "n4")
    command(cluster, "system", "remove-server", "n3")
    until_current(cluster, "n4")
    asyncio.run(append(cluster, BLOCKS + 2))
    # As an upgrade does it: one by one, and the ones that remain acknowledge.
    for at, name in enumerate(["n1", "n2", "n4"]):
        cluster.restart(name)
        asyncio.run(append(cluster, BLOCKS + 3 + at, "n2" if name == "n1" else "n1"))
    until_current(cluster, "n4")


async def unanswered(cluster, last, server):
    """Without a majority nothing is acknowledged, and nothing is refused either: it may yet be taken, so the same bytes are sent again later."""
    node = await User.connect(cluster, "node", server=server)
    got = await node.outcome(stream.subject(TAG), block_after(last), stream.headers(TAG, last, identity=str(last)))
    await node.close()
    if got not in (NOBODY, SILENCE):
        raise Different(f"a block without a majority: expected no answer, found {got}")
    print(f"a block without a majority: {got}")


def lose_the_majority(cluster, last):
    """Two of three at once, as in a power cut, and back with their disks."""
    for name in ("n1", "n2"):
        cluster.kill(name)
    asyncio.run(unanswered(cluster, last, "n4"))
    cluster.start("n1", "n2")
    asyncio.run(append(cluster, last))
    until_current(cluster, "n4")


def until_current(cluster, name):
    """Until the stream has all its blocks on that server."""
    until = time.monotonic() + CURRENT_SECONDS
    while time.monotonic() < until:
        told = command(cluster, "breakglass", "info", NAME)
        if ("leader " + name in told or f"follower {name}: current" in told) and "BEHIND" not in told and told.count("follower") == 2:
            return
        time.sleep(0.5)
    raise Different(f"{name}: expected to have all blocks within {CURRENT_SECONDS} s")


def main():
    with tempfile.TemporaryDirectory(prefix="zeren-drill-") as folder:
        try:
            with Cluster(Path(folder) / "cluster", PEOPLE) as cluster:
                drill(cluster, Path(folder))
                lose_a_server(cluster)
                lose_the_majority(cluster, BLOCKS + 6)
        except (NoServer, Different) as wrong:
            sys.exit(f"backup_drill.py: {wrong}")
    print("saved, deleted, restored, the same; a server replaced, all restarted, the majority lost and back")


if __name__ == "__main__":
    main()
