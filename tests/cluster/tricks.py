"""Ways around permissions: an answer sent into a stream, a consumer that delivers into one, a snapshot, a trace.

The server checks whether a user may publish a request; not where its answer goes, nor where a push consumer or a snapshot delivers. Accounts
are what keeps these out (deploy/cluster/make-configuration), and here each is tried by everybody who could.
"""

import asyncio
import time

import stream
from cluster import NAMES
from stream import OTHER, TAG
from users import ALLOWED, User, first

API = "$JS.API"
SECOND_GENERATION = 2
# A push consumer says that it lives this often; a line of that kind is a message without a body.
LIVES = stream.SECOND // 10
SETTLES_SECONDS = 0.35
SNAPSHOT_SECONDS = 20
SNAPSHOT_RUNS = "10064"
NEXT = {"batch": 1, "no_wait": True}
STREAMS = [(TAG, 1), (TAG, SECOND_GENERATION), (OTHER, 1)]


def targets(role):
    """Where nothing of this role may arrive."""
    own = {"node": TAG, "second": TAG, "stranger": OTHER}.get(role)
    blocks = [stream.subject(tag, generation) for tag, generation in STREAMS if tag != own]
    beats = [stream.beat(tag) for tag in (TAG, OTHER) if tag != own]
    verbs = [f"{API}.STREAM.DELETE.{stream.name(TAG, SECOND_GENERATION)}", f"{API}.STREAM.PURGE.{stream.name(TAG, SECOND_GENERATION)}",
             f"{API}.STREAM.DELETE.{stream.name(OTHER)}"]
    # Nodes of one ledger can do this to each other; a consumer that is lost is made again.
    verbs += [f"{API}.CONSUMER.DELETE.{stream.name(TAG)}.second"] if own != TAG else []
    return blocks + beats + verbs


# Who asks what, so that an answer comes: with fields, with the bytes of a stored block, with nothing in it.
def requests(role):
    tag = OTHER if role == "stranger" else TAG
    of = stream.name(tag)
    asked = [(f"{API}.STREAM.INFO.{of}", b"")]
    if role in ("node", "stranger", "reader", "province"):
        asked += [(f"{API}.STREAM.MSG.GET.{of}", b'{"seq":1}'), (f"{API}.CONSUMER.MSG.NEXT.{of}.{role}", NEXT),
                  (f"{API}.CONSUMER.MSG.NEXT.{of}.{role}-none", NEXT)]
    if role == "keeper":
        asked += [(f"{API}.STREAM.CREATE.{of}", stream.configuration(tag))]
    return asked


async def have_consumers(world):
    """One with all blocks before it, for those who read."""
    for role in ("node", "stranger", "reader", "province"):
        tag = OTHER if role == "stranger" else TAG
        made = await world.users[role].outcome(f"{API}.CONSUMER.CREATE.{stream.name(tag)}.{role}", stream.pull(tag, role))
        if made != ALLOWED:
            raise RuntimeError(f"{role} has no consumer: {made}")


async def look(world):
    """What a trick could have changed."""
    admin = world.users["breakglass"]
    seen = {stream.name(*each): (await stream.state(admin, *each)) for each in STREAMS}
    seen = {each: now if isinstance(now, str) else now["messages"] for each, now in seen.items()}
    second = await admin.outcome(f"{API}.CONSUMER.INFO.{stream.name(TAG)}.second")
    beats = []
    for heard in world.beats:
        while (beat := await first(heard, 0.01)) is not None:
            beats.append(beat.data)
    return seen | {"consumer": second, "beats": beats}


async def answers_elsewhere(world, role):
    """The answers to all that this role may ask, to all places where they should not arrive.

    From each server, since an answer takes another way when the stream's leader is the very server that was asked.
    """
    for server in NAMES:
        user = await User.connect(world.cluster, role, server=server)
        for target in targets(role):
            for subject, body in requests(role):
                body = body if isinstance(body, bytes) else stream.as_bytes(body)
                await user.send(subject, body, reply=target)
                await user.send(subject, body, reply=target, headers={"Nats-Trace-Dest": target})
        await asyncio.sleep(SETTLES_SECONDS)
        await user.close()


async def pushes_elsewhere(world, role):
    """Consumers that deliver blocks, blocks without bodies, and signs of life."""
    user, tag = world.users[role], OTHER if role == "stranger" else TAG
    place = f"{stream.name(tag)}.{role}"
    for target in targets(role):
        await user.outcome(f"{API}.CONSUMER.DELETE.{place}")
        await user.outcome(f"{API}.CONSUMER.CREATE.{place}", stream.push(tag, role, target, headers_only=True, idle_heartbeat=LIVES))
        await asyncio.sleep(SETTLES_SECONDS)
        # The same again, as the change of a pull consumer.
        await user.outcome(f"{API}.CONSUMER.DELETE.{place}")
        await user.outcome(f"{API}.CONSUMER.CREATE.{place}", stream.pull(tag, role))
        await user.outcome(f"{API}.CONSUMER.CREATE.{place}", stream.pull(tag, role, deliver_subject=target))
        await asyncio.sleep(SETTLES_SECONDS)
    await user.outcome(f"{API}.CONSUMER.DELETE.{place}")
    await user.outcome(f"{API}.CONSUMER.CREATE.{place}", stream.pull(tag, role))


async def snapshots_elsewhere(world, role):
    """A snapshot in pieces, to places where they should not arrive; into the own stream they do."""
    for target in targets(role):
        if target == stream.subject(TAG):
            continue
        body = {"deliver_subject": target, "no_consumers": True, "chunk_size": 1024}
        until = time.monotonic() + SNAPSHOT_SECONDS
        # One that nobody answers ends after some seconds, and the next is refused until then.
        while (got := await world.users[role].outcome(f"{API}.STREAM.SNAPSHOT.{stream.name(TAG)}", body)) == SNAPSHOT_RUNS and time.monotonic() < until:
            await asyncio.sleep(SETTLES_SECONDS)
        if got != ALLOWED:
            raise RuntimeError(f"a snapshot into {target}: expected to be begun, found {got}")
        await asyncio.sleep(SETTLES_SECONDS)


TRICKS = [(role, answers_elsewhere) for role in ("node", "stranger", "reader", "province", "keeper", "backup")]
TRICKS += [(role, pushes_elsewhere) for role in ("node", "stranger", "reader", "province")]
TRICKS += [("backup", snapshots_elsewhere)]


async def counted(world, trick, wanted):
    """Whether the trick puts messages into the first stream, as it must; they are counted as there from now on."""
    user = world.users["breakglass"]
    before = await stream.last(user, TAG)
    await trick()
    for _ in range(20):
        await asyncio.sleep(0.1)
        world.last[TAG] = await stream.last(user, TAG)
        if world.last[TAG] > before:
            print(f"{wanted}: arrives")
            return []
    return [f"{wanted}: expected to arrive, did not. If the server has learnt to refuse it, say so in docs/operations-cluster.md"]


async def known(world):
    """What does arrive. Two of them are open, and docs/operations-cluster.md says so; without all three the others would prove nothing."""
    leader = (await world.users["breakglass"].answer(f"{API}.STREAM.INFO.{stream.name(TAG)}"))["cluster"]["leader"]
    node = await User.connect(world.cluster, "node", server=leader)

    async def answer():
        await node.send(f"{API}.STREAM.INFO.{stream.name(TAG)}", reply=stream.subject(TAG))

    async def snapshot():
        body = {"deliver_subject": stream.subject(TAG), "no_consumers": True}
        await world.users["backup"].outcome(f"{API}.STREAM.SNAPSHOT.{stream.name(TAG)}", body)

    wrong = await counted(world, answer, "a node's answer, into the stream that it may write")
    wrong += await counted(world, snapshot, "a snapshot, into the stream that it is taken of")
    await node.close()
    place = f"_SNAPSHOT.{stream.name(TAG)}.x"
    heard = await world.users["backup"].listen(place)
    made = stream.push(TAG, "reader", place, idle_heartbeat=LIVES)
    await world.users["reader"].outcome(f"{API}.CONSUMER.CREATE.{stream.name(TAG)}.reader", made)
    if await first(heard, 5) is None:
        wrong.append("a reader's push consumer, into the pieces of a backup: expected to arrive, did not")
    else:
        print("a reader's push consumer, into the pieces of a backup of the same stream: arrives")
    await world.users["reader"].outcome(f"{API}.CONSUMER.DELETE.{stream.name(TAG)}.reader")
    await heard.unsubscribe()
    return wrong


async def tried(world):
    """Tries all; gives those that reached something."""
    wrong = await known(world)
    await stream.create(world.users["keeper"], TAG, SECOND_GENERATION)
    second = world.users["second"]
    if await second.outcome(f"{API}.CONSUMER.CREATE.{stream.name(TAG)}.second", stream.pull(TAG, "second")) != ALLOWED:
        raise RuntimeError("the second node has no consumer")
    world.beats = [await world.users["second"].listen(stream.beat(TAG)), await world.users["stranger"].listen(stream.beat(OTHER))]
    await have_consumers(world)
    for role, trick in TRICKS:
        before = await look(world)
        await trick(world, role)
        await asyncio.sleep(SETTLES_SECONDS)
        after = await look(world)
        reached = before != after
        print(f"{trick.__name__.replace('_', ' '):22}{role:>11}  {'REACHED' if reached else 'kept out'}", flush=True)
        if reached:
            wrong.append(f"{trick.__name__} as {role}: before {before}, after {after}")
    return wrong
