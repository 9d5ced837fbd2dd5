"""A user of the cluster, connected with its certificate, and what became of what it asked."""

import asyncio
import json
import logging
import ssl

import nats
import nats.errors

# It says of every connection that ends that a value of the client's has no effect.
logging.getLogger("asyncio").setLevel(logging.ERROR)

ANSWER_SECONDS = 5
CONNECT_SECONDS = 5

ALLOWED = "allowed"
# The server told this connection that its permissions do not hold it.
REFUSED = "-"
# Sent, and nothing listens there.
NOBODY = "nobody"
SILENCE = "silence"


def tls(authority, certificate=None, key=None):
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(authority))
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


async def first(subscription, seconds):
    """The next message, or None."""
    try:
        return await subscription.next_msg(timeout=seconds)
    except nats.errors.TimeoutError:
        return None


class User:
    """One connection. Outcomes are ALLOWED, REFUSED, NOBODY, SILENCE, or the server's error code as text."""

    def __init__(self, name, inbox):
        self.name, self.inbox, self.violations, self.count, self.closed = name, inbox, [], 0, asyncio.Event()

    @classmethod
    async def connect(cls, cluster, name, folder=None, server="n1", context=None, inbox=None):
        user = cls(name, inbox or f"_INBOX_{name}")
        folder = folder or cluster.certificates / "users" / name
        if not folder.exists() and (cluster.certificates / "safe" / name).exists():
            folder = cluster.certificates / "safe" / name
        context = context or tls(folder / "authority.pem", folder / f"{name}.pem", folder / f"{name}.key")

        async def noted(error):
            user.violations.append(str(error).lower())

        async def gone():
            user.closed.set()

        user.connection = await nats.connect(
            f"tls://{cluster.address(server)}", tls=context, allow_reconnect=False, connect_timeout=CONNECT_SECONDS,
            max_reconnect_attempts=0, error_cb=noted, closed_cb=gone, disconnected_cb=gone, inbox_prefix=user.inbox.encode(),
        )
        return user

    def next_inbox(self):
        self.count += 1
        return f"{self.inbox}.{self.count}"

    def refused(self, what, subject):
        """Whether the server said that `what` ("publish", "subscription") is not this user's right for the subject."""
        wanted = f'permissions violation for {what} to "{subject}"'.lower()
        return any(wanted in each for each in self.violations)

    async def settled(self):
        """What was sent is judged: the server has answered a ping after it. Twice, since this client's first ping may overtake a message."""
        await self.connection.flush(timeout=ANSWER_SECONDS)
        await self.connection.flush(timeout=ANSWER_SECONDS)

    async def ask(self, subject, body=b"", headers=None):
        """The first answer as a message, or an outcome."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = self.next_inbox()
        answers = await self.connection.subscribe(reply)
        self.violations.clear()
        await self.connection.publish(subject, body, reply=reply, headers=headers)
        await self.settled()
        try:
            if self.refused("publish", subject):
                return REFUSED
            message = await answers.next_msg(timeout=ANSWER_SECONDS)
        except nats.errors.TimeoutError:
            return REFUSED if self.refused("publish", subject) else SILENCE
        finally:
            await answers.unsubscribe()
        return NOBODY if (message.headers or {}).get("Status") == "503" else message

    async def answer(self, subject, body=b"", headers=None):
        """The answer's fields, or an outcome."""
        message = await self.ask(subject, body, headers)
        return json.loads(message.data) if not isinstance(message, str) else message

    async def outcome(self, subject, body=b"", headers=None):
        message = await self.ask(subject, body, headers)
        if isinstance(message, str):
            return message
        try:
            error = json.loads(message.data).get("error")
        except ValueError:
            error = None
        return str(error.get("err_code", error["code"])) if error else ALLOWED

    async def send(self, subject, body=b"", reply="", headers=None):
        """Publishes without an answer."""
        self.violations.clear()
        await self.connection.publish(subject, body, reply=reply, headers=headers)
        await self.settled()
        return REFUSED if self.refused("publish", subject) else ALLOWED

    async def listen(self, subject):
        """A subscription, or REFUSED."""
        self.violations.clear()
        subscription = await self.connection.subscribe(subject)
        await self.settled()
        return REFUSED if self.refused("subscription", subject) else subscription

    async def close(self):
        if not self.connection.is_closed:
            await self.connection.close()
