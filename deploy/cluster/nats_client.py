"""As much of a NATS client as looking after streams needs: one connection with a certificate, requests, and one subject to listen to.

It knows no reconnecting and no passwords, and whatever is not as expected ends it with a `Failed` that says what was found.
"""

import json
import secrets
import socket
import ssl
from pathlib import Path

SECONDS = 10
LINE_MAX = 4096  # INFO apart, which names all servers
INFO_MAX = 1 << 20
PAYLOAD_MAX = 8 << 20


class Failed(Exception):
    """The server did not do it, and why."""


class Message:
    def __init__(self, subject, reply, headers, body):
        self.subject, self.reply, self.headers, self.body = subject, reply, headers, body


class Client:
    """`folder` is what make-certificates made for the user: authority.pem, NAME.pem and NAME.key, and its name is the user's."""

    def __init__(self, host, port, folder):
        folder = Path(folder).resolve()
        self.user = folder.name
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(folder / "authority.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(folder / f"{self.user}.pem", folder / f"{self.user}.key")
        self.socket = socket.create_connection((host, port), timeout=SECONDS)
        self.file = self.socket.makefile("rb")
        greeting = self.file.readline(INFO_MAX)
        if not greeting.startswith(b"INFO "):
            raise Failed(f"expected a NATS server, found {greeting[:60]!r}")
        info = json.loads(greeting[5:])
        if not info.get("tls_required"):
            raise Failed("expected a server that asks for TLS")
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.file = self.socket.makefile("rb")
        said = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "tls_required": True, "lang": "zeren", "version": "1"}
        self.listening = 0
        self.waiting = []
        self.write(f"CONNECT {json.dumps(said)}\r\n".encode())
        self.settle()
        self.inbox = f"_INBOX_{self.user}.{secrets.token_hex(8)}"

    def write(self, data):
        self.socket.sendall(data)

    def settle(self):
        """Until the server has taken everything before; what it refuses it says before it answers."""
        self.write(b"PING\r\n")
        while (message := self.read()) is not None:
            self.waiting.append(message)

    def read(self):
        """The next message; None for PONG."""
        while True:
            line = self.file.readline(INFO_MAX)
            if not line:
                raise Failed("the server closed the connection: the certificate is of no user, or the server is ending")
            word, *fields = line.decode().split()
            match word.upper():
                case "PING":
                    self.write(b"PONG\r\n")
                case "PONG":
                    return None
                case "MSG" | "HMSG":
                    return self.message(word.upper() == "HMSG", fields)
                case "-ERR":
                    raise Failed(line.decode().strip()[5:].strip("'"))
                case "INFO" | "+OK":
                    pass
                case _:
                    raise Failed(f"expected a line of the protocol, found {line[:60]!r}")

    def message(self, with_headers, fields):
        sizes = [int(each) for each in (fields[-2:] if with_headers else fields[-1:])]
        names = fields[: -len(sizes)]
        if sizes[-1] > PAYLOAD_MAX:
            raise Failed(f"a message of {sizes[-1]} bytes is longer than {PAYLOAD_MAX}")
        body = self.file.read(sizes[-1])
        self.file.read(2)
        cut = sizes[0] if with_headers else 0
        return Message(names[0], names[2] if len(names) > 2 else "", body[:cut].decode(), body[cut:])

    def listen(self, subject):
        self.listening += 1
        self.write(f"SUB {subject} {self.listening}\r\n".encode())

    def publish(self, subject, body=b"", reply=""):
        self.write(f"PUB {subject}{' ' + reply if reply else ''} {len(body)}\r\n".encode() + body + b"\r\n")

    def next(self, subject):
        """The next message on a subject that this client listens to; others are kept."""
        for at, message in enumerate(self.waiting):
            if message.subject == subject:
                return self.waiting.pop(at)
        while True:
            try:
                message = self.read()
            except TimeoutError:
                raise Failed(f"no answer within {SECONDS} s: is there a majority of servers?") from None
            if message is not None and message.subject == subject:
                return message
            if message is not None:
                self.waiting.append(message)

    def request(self, subject, body=b""):
        """The answer as a message."""
        inbox = f"{self.inbox}.{secrets.token_hex(8)}"
        self.listen(inbox)
        self.publish(subject, body, inbox)
        answer = self.next(inbox)
        self.write(f"UNSUB {self.listening}\r\n".encode())
        if answer.headers.startswith("NATS/1.0 503"):
            raise Failed(f"nobody answers {subject}: no leader, or the server does not know this user's account yet")
        return answer

    def ask(self, subject, fields=None):
        """The fields of the answer."""
        answer = json.loads(self.request(subject, json.dumps(fields).encode() if fields is not None else b"").body)
        if "error" in answer:
            raise Failed(f"{answer['error'].get('description')} ({answer['error'].get('err_code')})")
        return answer

    def close(self):
        self.socket.close()
