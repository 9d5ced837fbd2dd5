"""Who gets a connection at all, and who loses it when the list is changed."""

import asyncio
import ssl
import subprocess

import nats.errors

import stream
from cluster import NAMES
from stream import OTHER, TAG
from users import ALLOWED, CONNECT_SECONDS, User, tls

NEWCOMER = f"user newcomer reader {TAG}\n"
# In an account that the servers have.
RESTORER = f"user late restore {TAG} 2\n"


async def connected(cluster, what, context):
    """None when the connection is refused, as it must be; else what is wrong."""
    try:
        user = await User.connect(cluster, "nobody", context=context)
    except (nats.errors.Error, OSError, ssl.SSLError, asyncio.TimeoutError) as refused:
        print(f"{what}: refused ({type(refused).__name__}: {str(refused).splitlines()[0] if str(refused) else ''})")
        return []
    await user.close()
    return [f"{what}: expected to be refused, was connected"]


def made_elsewhere(cluster):
    """The same names, from authorities of somebody else."""
    folder = cluster.folder / "elsewhere"
    cluster.make("make-certificates", "new", cluster.list, folder)
    return folder


def out_of_date(cluster):
    """A certificate of the right authority that ended yesterday."""
    safe, folder = cluster.certificates / "safe", cluster.folder
    key = cluster.certificates / "users/node/node.key"
    request = subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/O=zeren-cluster/CN=node"], capture_output=True, check=True).stdout
    signed = subprocess.run(
        ["openssl", "x509", "-req", "-CA", safe / "authority.pem", "-CAkey", safe / "authority.key", "-set_serial", "1", "-days", "-1"],
        input=request, capture_output=True, check=True,
    ).stdout
    (folder / "ended.pem").write_bytes(signed)
    return folder / "ended.pem", key


async def at_routes(cluster, certificate, key):
    """What the port of the routes says to this certificate: b"" when it hangs up. TLS 1.3 tells a client that it is refused when it reads."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(cluster.certificates / "safe/routes.pem"))
    context.load_cert_chain(certificate, key)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.ports["n1"][1], ssl=context)
        answer = await asyncio.wait_for(reader.read(4), CONNECT_SECONDS)
        writer.close()
        return answer
    except (ConnectionError, ssl.SSLError):
        return b""


async def routes(cluster):
    """A client must not come in as a server; a server does."""
    folder, wrong = cluster.certificates, []
    for what, certificate, wanted in [("a node's", folder / "users/node/node", b""), ("a server's, for clients,", folder / "servers/n2/server-n2", b""),
                                      ("a route's", folder / "servers/n2/route-n2", b"INFO")]:
        got = await at_routes(cluster, f"{certificate}.pem", f"{certificate}.key")
        print(f"{what} certificate at the port of the routes: {'answered' if got else 'refused'}")
        if got != wanted:
            wrong.append(f"{what} certificate at the port of the routes: expected {wanted}, found {got}")
    return wrong


async def strangers(cluster):
    """Connections that no server may take."""
    folder = cluster.certificates
    authority, node = folder / "safe/authority.pem", folder / "users/node"
    elsewhere = made_elsewhere(cluster)
    unknown = elsewhere / "users/node"
    server, route = folder / "servers/n1/server-n1", folder / "servers/n1/route-n1"
    wrong = await connected(cluster, "no certificate", tls(authority))
    wrong += await connected(cluster, "a certificate of another authority", tls(authority, unknown / "node.pem", unknown / "node.key"))
    wrong += await connected(cluster, "a certificate that has ended", tls(authority, *out_of_date(cluster)))
    wrong += await connected(cluster, "a server's certificate", tls(authority, f"{server}.pem", f"{server}.key"))
    wrong += await connected(cluster, "a route's certificate", tls(authority, f"{route}.pem", f"{route}.key"))
    wrong += await connected(cluster, "a server of another authority", tls(elsewhere / "safe/authority.pem", node / "node.pem", node / "node.key"))
    return wrong + await routes(cluster)


async def list_changes(world):
    """A user that is added later, and one that is taken out while connected, as after a theft."""
    cluster, wrong = world.cluster, []
    people = cluster.people
    cluster.write_list(people + NEWCOMER)
    cluster.make("make-certificates", "add", cluster.list, cluster.certificates, "newcomer")
    certificate = cluster.certificates / "users/newcomer"
    context = tls(certificate / "authority.pem", certificate / "newcomer.pem", certificate / "newcomer.key")
    wrong += await connected(cluster, "a certificate whose user the servers do not know yet", context)
    cluster.configure()
    # A reload would not do: servers lose the way between accounts when an account is new to them (nats-server issue 8560).
    for server in NAMES:
        await asyncio.to_thread(cluster.restart, server)
    newcomer = await User.connect(cluster, "newcomer")
    if await newcomer.outcome(f"$JS.API.STREAM.INFO.{stream.name(TAG)}") != ALLOWED:
        return wrong + ["a user that was added: expected to read after the restarts, does not"]
    print("a user that was added: reads after the servers were restarted one by one")
    cluster.write_list(people)
    cluster.configure()
    cluster.reload()
    try:
        await asyncio.wait_for(newcomer.closed.wait(), CONNECT_SECONDS)
        print("a user that was taken out: its connection is closed by the reload")
    except asyncio.TimeoutError:
        wrong.append("a user that was taken out: expected its connection to be closed, is open")
    wrong += await connected(cluster, "the certificate of a user that was taken out", context)
    wrong += await others_go_on(cluster)
    cluster.write_list(people + RESTORER)
    cluster.make("make-certificates", "add", cluster.list, cluster.certificates, "late")
    cluster.configure()
    cluster.reload()
    late = await until_connected(cluster, "late")
    if late is None or await late.outcome(f"$JS.API.STREAM.INFO.{stream.name(TAG, 2)}") != ALLOWED:
        return wrong + ["a user for a restore: expected to be known after a reload, is not"]
    print("a user for a restore: known after a reload")
    await late.close()
    return wrong


async def until_connected(cluster, name):
    """A reload takes a moment. None: still refused after five seconds."""
    for _ in range(50):
        try:
            return await User.connect(cluster, name)
        except (nats.errors.Error, OSError, asyncio.TimeoutError):
            await asyncio.sleep(0.1)
    return None


async def others_go_on(cluster):
    """Whoever is still in the list reads and writes through every server."""
    wrong = []
    for server in NAMES:
        for role, tag in [("node", TAG), ("stranger", OTHER), ("province", TAG), ("province", OTHER)]:
            user = await User.connect(cluster, role, server=server)
            told = await user.answer(f"$JS.API.STREAM.INFO.{stream.name(tag)}")
            got = told if isinstance(told, str) else ALLOWED
            if got == ALLOWED and role != "province":
                got = await user.outcome(stream.subject(tag), b"after", stream.headers(tag, told["state"]["last_seq"]))
            if got != ALLOWED:
                wrong.append(f"{role} at {server}: expected to go on after the reload, found {got}")
            await user.close()
    print("the others: read and write through every server" if not wrong else "the others: DO NOT GO ON")
    return wrong


async def tried(world):
    return await strangers(world.cluster) + await list_changes(world)
