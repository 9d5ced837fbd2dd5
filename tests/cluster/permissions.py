"""Tries every verb under every role on a real cluster of three servers that runs the files of deploy/cluster.

    python3 tests/cluster/permissions.py

Prints what each role got, and ends with 1 on any difference from the table below. The table is written by hand and not from the script that
writes the permissions, so that both must be wrong in the same way for a mistake to pass.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import connections  # noqa: E402
import stream  # noqa: E402
import tricks  # noqa: E402
from cluster import Cluster, NoServer, version_of  # noqa: E402
from stream import OTHER, TAG  # noqa: E402
from users import ALLOWED, ANSWER_SECONDS, NOBODY, REFUSED, SILENCE, User, first  # noqa: E402

NAME, OTHER_NAME = stream.name(TAG), stream.name(OTHER)
# Of another generation, for what destroys.
SCRATCH = 2
SCRATCH_NAME = stream.name(TAG, SCRATCH)
RACES = 20
BEAT_SECONDS = 2
# A flag of the servers, and from when they know it.
LONGER_ACK, LONGER_ACK_FROM = "js_ack_fc_v2", (2, 14, 0)

PEOPLE = f"""
ledger {TAG}
ledger {OTHER}
user node node {TAG}
user second node {TAG}
user stranger node {OTHER}
user reader reader {TAG}
user province reader {TAG} {OTHER}
user keeper keeper {TAG} {OTHER}
user backup backup {TAG}
user breakglass breakglass
user restore restore {TAG} 1
user system system
"""

# In the order of the columns. `stranger` is a node of another ledger.
ROLES = ["node", "stranger", "reader", "keeper", "backup", "breakglass", "restore", "system"]
KEY = """
a  allowed
-  refused by the server's permissions
.  sent, and nobody is there
silent  permitted, in an account where nothing of it is heard
number: permitted, and refused by the server with this code: 10017 another name of the consumer within, 10039 an account without streams,
   10044 no such server, 10052 irrevocable, 10057 deny_delete, 10058 the name is in use with another configuration, 10060 meant for another
   stream, 10071 after the wrong block, 10075 no other server to put a replica on, 10110 deny_purge, 10130 there is one already.
breakglass cannot purge or delete a block, since the stream refuses it for ever; it can delete the stream, and let it forget by an update."""

API = "$JS.API"


async def block(user, tag=TAG, **more):
    """A block that fits the stream's end, whoever sends it."""
    return await user.outcome(stream.subject(tag), b"block", stream.headers(tag, user.world.last[tag], **more))


async def publish_block(user):
    got = await block(user)
    user.world.last[TAG] += got == ALLOWED
    return got


async def publish_stale(user):
    return await user.outcome(stream.subject(TAG), b"stale", stream.headers(TAG, user.world.last[TAG] - 1))


async def publish_other(user):
    got = await block(user, OTHER)
    user.world.last[OTHER] += got == ALLOWED
    return got


async def publish_misdirected(user):
    """To the right subject, but meant for another stream."""
    return await user.outcome(stream.subject(TAG), b"block", stream.headers(OTHER, user.world.last[TAG]))


def asks(subject, body=b""):
    async def verb(user):
        made = body(user) if callable(body) else body
        return await user.outcome(subject.replace("USER", user.name), made)
    return verb


def publishes(subject):
    async def verb(user):
        return await user.send(subject, b"beat")
    return verb


def listens(subject):
    async def verb(user):
        got = await user.listen(subject.replace("USER", user.inbox))
        if got == REFUSED:
            return REFUSED
        await got.unsubscribe()
        return ALLOWED
    return verb


async def hears_beats(user):
    heard = await user.listen(stream.beat(TAG))
    if heard == REFUSED:
        return REFUSED
    await user.world.users["second"].send(stream.beat(TAG), b"beat of the second node")
    message = await first(heard, BEAT_SECONDS)
    await heard.unsubscribe()
    return SILENCE if message is None else ALLOWED if message.data == b"beat of the second node" else "another"


async def next_block(user):
    """Takes a message from the own consumer; gives its outcome, and keeps where it is to be acknowledged."""
    message = await user.ask(f"{API}.CONSUMER.MSG.NEXT.{NAME}.{user.name}", {"batch": 1, "expires": stream.SECOND})
    if isinstance(message, str):
        return message
    if message.data != b"block":
        return str(json.loads(message.data)["error"]["err_code"])
    user.acknowledge = message.reply
    return ALLOWED


async def ack(user):
    """With an answer, so that it is known to have arrived; whoever has no message tries the node's."""
    return await user.outcome(getattr(user, "acknowledge", f"$JS.ACK.{NAME}.{user.name}.1.1.1.1.0"))


async def ack_of_second(user):
    return await user.outcome(user.world.users["second"].acknowledge)


async def stepdown(user):
    """Of the leader of the whole cluster. The rest of the table waits for the next one."""
    cluster = user.world.cluster
    before = await asyncio.to_thread(cluster.meta_leader)
    got = await user.outcome(f"{API}.META.LEADER.STEPDOWN")
    if got == ALLOWED:
        await asyncio.to_thread(cluster.wait, before)
    return got


async def snapshot(user):
    """Taken to its end, since a second one is refused until then; backup_drill.py restores one."""
    place = f"_SNAPSHOT.{NAME}.{user.name}"
    pieces = await user.listen(place)
    got = await user.outcome(f"{API}.STREAM.SNAPSHOT.{NAME}", {"deliver_subject": place, "no_consumers": True})
    while got == ALLOWED and (piece := await first(pieces, ANSWER_SECONDS)) is not None and piece.data:
        if piece.reply:
            await user.send(piece.reply)
    return got


def changed(**more):
    return stream.configuration(TAG, SCRATCH) | more


OWN, NODES = f"{NAME}.USER", f"{NAME}.node"
# Verb, how it is tried, and what is expected of each of ROLES.
VERBS = [
    ("publish a block", publish_block, "a - - - - a - ."),
    ("publish a block after the wrong one", publish_stale, "10071 - - - - 10071 - ."),
    ("publish a block meant for another stream", publish_misdirected, "10060 - - - - 10060 - ."),
    ("publish a block of the other ledger", publish_other, "- a - - - a - ."),
    ("publish a beat", publishes(stream.beat(TAG)), "a - - - - - - a"),
    ("publish a beat of the other ledger", publishes(stream.beat(OTHER)), "- a - - - - - a"),
    ("publish anywhere else", publishes("anything"), "- - - - - - - a"),
    ("subscribe to beats, and hear", hears_beats, "a - a - - a - silent"),
    ("subscribe to the own inbox", listens("USER.x"), "a a a a a a a a"),
    ("subscribe to the node's inbox", listens("_INBOX_node.>"), "a - - - - - - a"),
    ("subscribe to the second node's inbox", listens("_INBOX_second.>"), "- - - - - - - a"),
    ("subscribe to all inboxes", listens("_INBOX.>"), "- - - - - - - a"),
    ("subscribe to blocks", listens(stream.subject(TAG)), "- - - - - - - a"),
    ("subscribe to ledger.>", listens("ledger.>"), "- - - - - - - a"),
    ("subscribe to $JS.>", listens("$JS.>"), "- - - - - - - a"),
    ("subscribe to $SYS.>", listens("$SYS.>"), "- - - - - - - a"),
    ("subscribe to >", listens(">"), "- - - - - - - a"),
    ("INFO", asks(f"{API}.INFO"), "a a a a a a a 10039"),
    ("STREAM.INFO", asks(f"{API}.STREAM.INFO.{NAME}"), "a - a a a a a 10039"),
    ("STREAM.INFO of the other ledger", asks(f"{API}.STREAM.INFO.{OTHER_NAME}"), "- a - a - a - 10039"),
    ("STREAM.NAMES", asks(f"{API}.STREAM.NAMES"), "- - - - - - - 10039"),
    ("STREAM.LIST", asks(f"{API}.STREAM.LIST"), "- - - - - - - 10039"),
    ("STREAM.MSG.GET", asks(f"{API}.STREAM.MSG.GET.{NAME}", {"seq": 1}), "a - a - - a - 10039"),
    ("STREAM.MSG.GET of the other ledger", asks(f"{API}.STREAM.MSG.GET.{OTHER_NAME}", {"seq": 1}), "- a - - - a - 10039"),
    ("DIRECT.GET", asks(f"{API}.DIRECT.GET.{NAME}", {"seq": 1}), "- - - - - - - 10039"),
    ("STREAM.CREATE as it is", asks(f"{API}.STREAM.CREATE.{NAME}", stream.configuration(TAG)), "- - - a - a - 10039"),
    ("STREAM.CREATE, deletions allowed", asks(f"{API}.STREAM.CREATE.{SCRATCH_NAME}", changed(deny_delete=False)), "- - - 10058 - 10058 - 10039"),
    ("STREAM.CREATE of another name", asks(f"{API}.STREAM.CREATE.OTHER", {"name": "OTHER", "subjects": ["other"]}), "- - - - - - - 10039"),
    ("STREAM.UPDATE, deletions allowed", asks(f"{API}.STREAM.UPDATE.{SCRATCH_NAME}", changed(deny_delete=False)), "- - - - - 10052 - 10039"),
    ("STREAM.UPDATE, fewer messages", asks(f"{API}.STREAM.UPDATE.{SCRATCH_NAME}", changed(max_msgs=1, discard="old")), "- - - - - a - 10039"),
    ("STREAM.PURGE", asks(f"{API}.STREAM.PURGE.{NAME}"), "- - - - - 10110 - 10039"),
    ("STREAM.MSG.DELETE", asks(f"{API}.STREAM.MSG.DELETE.{NAME}", {"seq": 1}), "- - - - - 10057 - 10039"),
    ("STREAM.SNAPSHOT", snapshot, "- - - - a a - 10039"),
    ("STREAM.RESTORE over it", asks(f"{API}.STREAM.RESTORE.{NAME}", {"config": stream.configuration(TAG), "state": {}}), "- - - - - - 10130 10039"),
    ("STREAM.LEADER.STEPDOWN", asks(f"{API}.STREAM.LEADER.STEPDOWN.{SCRATCH_NAME}"), "- - - - - a - 10039"),
    ("STREAM.PEER.REMOVE", asks(f"{API}.STREAM.PEER.REMOVE.{SCRATCH_NAME}", {"peer": "n1"}), "- - - - - 10075 - 10039"),
    ("CONSUMER.CREATE of the own name", asks(f"{API}.CONSUMER.CREATE.{OWN}", lambda user: stream.pull(TAG, user.name)), "a - a - - a - 10039"),
    ("CONSUMER.CREATE with a filter",
     asks(f"{API}.CONSUMER.CREATE.{OWN}.{stream.subject(TAG)}", lambda user: stream.pull(TAG, user.name, filter_subject=stream.subject(TAG))),
     "a - a - - a - 10039"),
    ("CONSUMER.CREATE of the node's name", asks(f"{API}.CONSUMER.CREATE.{NODES}", stream.pull(TAG, "node")), "a - - - - a - 10039"),
    ("CONSUMER.CREATE, another name within",
     asks(f"{API}.CONSUMER.CREATE.{OWN}", lambda user: stream.pull(TAG, "another")), "10017 - 10017 - - 10017 - 10039"),
    ("CONSUMER.CREATE without a name", asks(f"{API}.CONSUMER.CREATE.{NAME}", {"stream_name": NAME, "config": {}}), "- - - - - a - 10039"),
    ("CONSUMER.DURABLE.CREATE", asks(f"{API}.CONSUMER.DURABLE.CREATE.{OWN}", lambda user: stream.pull(TAG, user.name)), "- - - - - a - 10039"),
    ("CONSUMER.INFO", asks(f"{API}.CONSUMER.INFO.{OWN}"), "a - a - - a - 10039"),
    ("CONSUMER.INFO of the node's", asks(f"{API}.CONSUMER.INFO.{NODES}"), "a - - - - a - 10039"),
    ("CONSUMER.NAMES", asks(f"{API}.CONSUMER.NAMES.{NAME}"), "- - - - - a - 10039"),
    ("CONSUMER.LIST", asks(f"{API}.CONSUMER.LIST.{NAME}"), "- - - - - a - 10039"),
    ("CONSUMER.MSG.NEXT", next_block, "a - a - - a - 10039"),
    ("ACK", ack, "a - a - - a - ."),
    ("ACK of the second node's", ack_of_second, "- - - - - a - ."),
    ("CONSUMER.MSG.NEXT of the second node's", asks(f"{API}.CONSUMER.MSG.NEXT.{NAME}.second", {"batch": 1, "no_wait": True}), "- - - - - a - 10039"),
    ("CONSUMER.DELETE of the second node's", asks(f"{API}.CONSUMER.DELETE.{NAME}.second"), "- - - - - a - 10039"),
    ("CONSUMER.DELETE", asks(f"{API}.CONSUMER.DELETE.{OWN}"), "a - a - - a - 10039"),
    ("SERVER.REMOVE", asks(f"{API}.SERVER.REMOVE", {"peer": "nobody"}), "- - - - - - - 10044"),
    ("ACCOUNT.PURGE", asks(f"{API}.ACCOUNT.PURGE.nobody"), "- - - - - - - a"),
    ("$SYS.REQ.SERVER.PING", asks("$SYS.REQ.SERVER.PING"), "- - - - - - - a"),
    # Whoever holds breakglass can delete the whole stream, and only its absence shows. Segments bring it back.
    ("STREAM.DELETE", asks(f"{API}.STREAM.DELETE.{SCRATCH_NAME}"), "- - - - - a - 10039"),
    # Last: for seconds nobody leads.
    ("META.LEADER.STEPDOWN", stepdown, "- - - - - - - a"),
]
SIGNS = {ALLOWED: "a", REFUSED: "-", NOBODY: ".", SILENCE: "silent"}


class World:
    """The cluster, who is connected, and the sequences that the streams must have."""

    def __init__(self, cluster, users):
        self.cluster, self.users, self.last = cluster, users, {TAG: 0, OTHER: 0}
        for user in users.values():
            user.world = self


async def found(world):
    """Streams as the keeper makes them, and blocks in them."""
    keeper = world.users["keeper"]
    for tag, generation in [(TAG, 1), (TAG, SCRATCH), (OTHER, 1)]:
        await stream.create(keeper, tag, generation)
    told = (await keeper.answer(f"{API}.STREAM.INFO.{NAME}"))["config"]
    differing = {field: told.get(field) for field, value in stream.configuration(TAG).items() if told.get(field, False) != value}
    if differing:
        raise RuntimeError(f"the stream is not as it was asked for: {differing}")
    second = world.users["second"]
    for _ in range(3):
        await publish_block(world.users["node"])
        await publish_other(world.users["stranger"])
    if await second.outcome(f"{API}.CONSUMER.CREATE.{NAME}.second", stream.pull(TAG, "second")) != ALLOWED:
        raise RuntimeError("the second node has no consumer")
    if await next_block(second) != ALLOWED:
        raise RuntimeError("the second node got no block")


async def verbs(world):
    """Tries all, prints the table, and gives what differs."""
    wrong = []
    print(f"{'':42}{''.join(f'{role:>11}' for role in ROLES)}")
    for title, verb, expected in VERBS:
        row = []
        for role, wanted in zip(ROLES, expected.split(), strict=True):
            got = await verb(world.users[role])
            row.append(SIGNS.get(got, got))
            if row[-1] != wanted:
                wrong.append(f"{title}, as {role}: expected {wanted}, found {row[-1]}")
        print(f"{title:42}{''.join(f'{each:>11}' for each in row)}", flush=True)
    print(KEY)
    return wrong


async def races(world):
    """Two nodes append after the same block: one wins."""
    wrong = []
    for race in range(RACES):
        got = await asyncio.gather(*(block(world.users[each], identity=f"{each}-{race}") for each in ("node", "second")))
        if sorted(got) != ["10071", ALLOWED]:
            wrong.append(f"race {race}: {got}")
        world.last[TAG] = await stream.last(world.users["node"], TAG)
    print(f"{RACES} races of two nodes: one winner each" if not wrong else "\n".join(wrong))
    return wrong


async def unchanged(world):
    """No verb that was refused has left a trace in the streams."""
    wrong = []
    for tag in (TAG, OTHER):
        now = await stream.state(world.users["breakglass"], tag)
        if (now["first_seq"], now["last_seq"], now["messages"]) != (1, world.last[tag], world.last[tag]):
            wrong.append(f"{stream.name(tag)}: expected blocks 1 to {world.last[tag]}, found {now}")
    return wrong


async def tried(cluster):
    names = ["node", "second", "stranger", "reader", "province", "keeper", "backup", "breakglass", "restore", "system"]
    world = World(cluster, {name: await User.connect(cluster, name) for name in names})
    try:
        await found(world)
        wrong = await races(world)
        wrong += await verbs(world)
        wrong += await unchanged(world)
        wrong += await tricks.tried(world)
        wrong += await unchanged(world)
        wrong += await connections.tried(world)
        return wrong
    finally:
        for user in world.users.values():
            await user.close()


async def acknowledged_elsewhere(cluster):
    """Where a message is acknowledged when the servers name it in the longer way, which is to become the default."""
    keeper, reader = await User.connect(cluster, "keeper"), await User.connect(cluster, "reader")
    node = await User.connect(cluster, "node")
    await stream.create(keeper, TAG)
    await node.outcome(stream.subject(TAG), b"block", stream.headers(TAG, 0))
    await reader.outcome(f"{API}.CONSUMER.CREATE.{NAME}.reader", stream.pull(TAG, "reader"))
    got = await next_block(reader), await ack(reader)
    for user in (keeper, reader, node):
        await user.close()
    if got != (ALLOWED, ALLOWED) or reader.acknowledge.split(".")[4:6] != [NAME, "reader"]:
        return [f"a block acknowledged with {LONGER_ACK}: expected to be allowed, found {got}, {getattr(reader, 'acknowledge', 'none')}"]
    print(f"a block acknowledged at {reader.acknowledge[:60]}…: allowed")
    return []


def main():
    with tempfile.TemporaryDirectory(prefix="zeren-cluster-") as folder:
        try:
            with Cluster(Path(folder) / "one", PEOPLE) as cluster:
                wrong = asyncio.run(tried(cluster))
            if version_of(cluster.program) >= LONGER_ACK_FROM:
                with Cluster(Path(folder) / "two", PEOPLE, f"feature_flags {{ {LONGER_ACK}: true }}\n") as cluster:
                    wrong += asyncio.run(acknowledged_elsewhere(cluster))
        except NoServer as none:
            sys.exit(f"permissions.py: {none}")
    print("\n".join(["DIFFERENT FROM WHAT IS EXPECTED:", *wrong]) if wrong else "every verb, trick and connection as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
