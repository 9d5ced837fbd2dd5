"""The stream of a ledger as the program asks for it, and what tests say of it."""

import asyncio
import json
import time

from users import ALLOWED, NOBODY, SILENCE

TAG = "0123456789abcdef"
OTHER = "fedcba9876543210"
CREATE_SECONDS = 30
NO_SUITABLE_SERVERS = "10005"
SECOND = 1_000_000_000  # in nanoseconds


def name(tag, generation=1):
    return f"LEDGER_{tag}_{generation}"


def subject(tag, generation=1):
    return f"ledger.{tag}.{generation}"


def beat(tag):
    return f"ledger.{tag}.beat"


def configuration(tag, generation=1):
    """Every value that decides about durability, order or deletion, with nothing left to the server's defaults."""
    return {
        "name": name(tag, generation),
        "subjects": [subject(tag, generation)],
        "storage": "file",
        "num_replicas": 3,
        "retention": "limits",
        "discard": "new",
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msgs_per_subject": -1,
        "max_msg_size": 790_528,
        "max_consumers": -1,
        "no_ack": False,
        "duplicate_window": 120 * SECOND,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_direct": False,
        "mirror_direct": False,
        "sealed": False,
        "allow_msg_ttl": False,
        "allow_msg_schedules": False,
        "allow_msg_counter": False,
        "allow_atomic": False,
        "compression": "none",
        "placement": {"tags": ["sync:always"]},
    }


def pull(tag, consumer, generation=1, **more):
    """A request for a durable pull consumer."""
    config = {"name": consumer, "durable_name": consumer, "ack_policy": "explicit", "deliver_policy": "all", "ack_wait": 30 * SECOND}
    return {"stream_name": name(tag, generation), "config": config | more}


def push(tag, consumer, deliver, generation=1, **more):
    """A request for a consumer that publishes what is stored, and lines that it lives, somewhere else."""
    config = {"name": consumer, "ack_policy": "none", "deliver_policy": "all", "deliver_subject": deliver, "mem_storage": True,
              "inactive_threshold": 2 * SECOND}
    return {"stream_name": name(tag, generation), "config": config | more}


def headers(tag, last, generation=1, identity=None):
    """What a sequencer says with a block: it is for this stream, and follows that block."""
    said = {"Nats-Expected-Stream": name(tag, generation), "Nats-Expected-Last-Sequence": str(last)}
    return said | ({"Nats-Msg-Id": identity} if identity else {})


async def create(keeper, tag, generation=1):
    """As an operator does it: again, while the leader is new and has not heard of all servers yet."""
    until = time.monotonic() + CREATE_SECONDS
    while (made := await keeper.outcome(f"$JS.API.STREAM.CREATE.{name(tag, generation)}", configuration(tag, generation))) != ALLOWED:
        if made not in (NO_SUITABLE_SERVERS, NOBODY, SILENCE) or time.monotonic() > until:
            raise RuntimeError(f"{name(tag, generation)} was not made: {made}")
        await asyncio.sleep(0.2)


async def state(user, tag, generation=1):
    """The stream's state: messages, first_seq, last_seq, consumer_count."""
    told = await user.answer(f"$JS.API.STREAM.INFO.{name(tag, generation)}")
    return told["state"] if isinstance(told, dict) and "state" in told else told


async def last(user, tag, generation=1):
    return (await state(user, tag, generation))["last_seq"]


def as_bytes(body):
    return json.dumps(body).encode()
