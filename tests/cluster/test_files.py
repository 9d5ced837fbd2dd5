"""What deploy/cluster makes and refuses, without servers that run; and that compose.yaml fits it.

    python3 -m unittest discover --start-directory tests/cluster
"""

import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parents[1] / "deploy/cluster"
sys.path[:0] = [str(HERE), str(DEPLOY)]

import cluster_list  # noqa: E402
from cluster import VERSION_MIN, NoServer, server_program  # noqa: E402

TAG = "0123456789abcdef"
GOOD = f"server n1 a\nledger {TAG}\nuser node node {TAG}\n"
THREE = f"server n1 a 127.0.0.1 1 2 3\nserver n2 b 127.0.0.1 4 5 6\nserver n3 c 127.0.0.1 7 8 9\nledger {TAG}\n"
# What is wrong, and a word of what is said.
WRONG = {
    "servr n1 a": "begins with",
    "server N1 a": "a-z",
    "server n1.b a": "a-z",
    "server n1": "expected: server",
    "server n1 a 127.0.0.1 4222": "expected: server",
    "server n1 a 127.0.0.1 0 1 2": "ports",
    "server n1 a 10.0.0.1;ls 1 2 3": "address",
    f"ledger {TAG[:-1]}": "16 hex",
    f"ledger {TAG.upper()}": "16 hex",
    "user node": "expected: user",
    "user node writer": "expected: user",
    "user node node": "names 1 to 1",
    f"user node node {TAG} {TAG}": "names 1 to 1",
    "user node node fedcba9876543210": "no line",
    f"user b breakglass {TAG}": "names 0 to 0",
    f"user r restore {TAG} 10": "from 1 to 9",
    f'user n"}} node {TAG}': "a-z",
}
WRONG_AS_A_WHOLE = {
    GOOD + "server n2 b 127.0.0.1 1 2 3\n": "3 or 5 servers",
    GOOD + f"user node reader {TAG}\n": "given twice",
    GOOD + f"user n1 reader {TAG}\n": "given twice",
    GOOD + f"ledger {TAG}\n": "given twice",
    THREE.replace("server n2 b", "server n2 a"): "zone a is given twice",
    THREE.replace(" 4 5 6", " 1 5 6"): "given twice",
    "server n1 a\n": "no ledger",
}


def run(script, *arguments):
    return subprocess.run([DEPLOY / script, *map(str, arguments)], capture_output=True, text=True, check=False)


class Lists(unittest.TestCase):
    def test_the_examples_are_right(self):
        for name in ("example.list", "compose.list"):
            found = cluster_list.parse((DEPLOY / name).read_text(encoding="utf-8"))
            self.assertEqual(len(found.servers), 3)

    def test_every_mistake_is_named_with_its_line(self):
        for line, word in WRONG.items():
            with self.assertRaises(cluster_list.Wrong, msg=line) as raised:
                cluster_list.parse(GOOD + line)
            self.assertIn("line 4", str(raised.exception))
            self.assertIn(word, str(raised.exception))
        for text, word in WRONG_AS_A_WHOLE.items():
            with self.assertRaises(cluster_list.Wrong, msg=text) as raised:
                cluster_list.parse(text)
            self.assertIn(word, str(raised.exception))


class Certificates(unittest.TestCase):
    def setUp(self):
        self.room = tempfile.TemporaryDirectory()
        self.addCleanup(self.room.cleanup)
        self.folder = Path(self.room.name)
        self.list = self.folder / "cluster.list"
        self.list.write_text(THREE + f"user node node {TAG}\nuser b breakglass\n", encoding="utf-8")
        self.made = self.folder / "certificates"
        self.told = run("make-certificates", "new", self.list, self.made)

    def text(self, path):
        return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout

    def test_keys_are_for_their_owner_and_the_safe_is_named(self):
        self.assertEqual(self.told.returncode, 0, self.told.stderr)
        keys = list(self.made.rglob("*.key"))
        self.assertEqual(len(keys), 2 + 2 * 3 + 2)
        for key in keys:
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600, key)
        self.assertIn(str(self.made / "safe"), self.told.stdout)
        self.assertTrue((self.made / "safe/b/b.key").exists())
        # No key of an authority leaves with a server or a user.
        self.assertEqual({key.parent for key in keys if key.name in ("authority.key", "routes.key")}, {self.made / "safe"})

    def test_what_a_certificate_is_for(self):
        user, server, route = (self.text(self.made / each) for each in ("users/node/node.pem", "servers/n1/server-n1.pem", "servers/n1/route-n1.pem"))
        client, serves = "TLS Web Client Authentication", "TLS Web Server Authentication"
        self.assertEqual([(client in each, serves in each) for each in (user, server, route)], [(True, False), (False, True), (True, True)])
        self.assertNotIn("Alternative Name", user)
        self.assertIn("DNS:n1, IP Address:127.0.0.1", server)
        for each in (user, server, route):
            self.assertIn("CA:FALSE", each)
            self.assertIn("NIST CURVE: P-256", each)

    def test_nothing_is_replaced_and_one_is_added(self):
        before = {path: path.read_bytes() for path in self.made.rglob("*") if path.is_file()}
        self.assertEqual(run("make-certificates", "new", self.list, self.made).returncode, 2)
        self.assertEqual(run("make-certificates", "add", self.list, self.made, "node").returncode, 2)
        self.assertEqual(run("make-certificates", "add", self.list, self.made, "nobody").returncode, 2)
        with self.list.open("a", encoding="utf-8") as file:
            file.write(f"user late reader {TAG}\n")
        self.assertEqual(run("make-certificates", "add", self.list, self.made, "late").returncode, 0)
        after = {path: path.read_bytes() for path in self.made.rglob("*") if path.is_file()}
        self.assertEqual({path.name for path in after.keys() - before.keys()}, {"late.key", "late.pem", "authority.pem"})
        self.assertEqual({path: after[path] for path in before}, before)
        self.assertEqual(list(self.made.rglob(".new.*")), [])

    def test_without_the_authority_nothing_is_added(self):
        (self.made / "safe/authority.key").unlink()
        told = run("make-certificates", "add", self.list, self.made, "node")
        self.assertEqual(told.returncode, 2)
        self.assertIn("from the safe", told.stderr)

    def test_the_server_takes_the_configuration(self):
        made = self.folder / "configuration"
        told = run("make-configuration", self.list, made, "--certificates", self.made / "servers/NAME", "--store", self.folder / "store/NAME")
        self.assertEqual(told.returncode, 0, told.stderr)
        for name in ("n1", "n2", "n3"):
            checked = subprocess.run([server_program(), "-t", "-c", made / f"{name}.conf"], capture_output=True, text=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


class Configuration(unittest.TestCase):
    def test_what_would_break_out_of_a_value_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            for option, value in [("--disk", "1GB\n}"), ("--disk", "many"), ("--store", '/x" }'), ("--certificates", "relative"), ("--listen", 'x"')]:
                told = run("make-configuration", DEPLOY / "example.list", Path(folder) / "made", option, value)
                self.assertEqual(told.returncode, 2, f"{option} {value}")
            self.assertEqual(os.listdir(folder), [])

    def test_listens_where_the_list_says_and_watches_from_here_only(self):
        with tempfile.TemporaryDirectory() as folder:
            run("make-configuration", DEPLOY / "example.list", folder)
            text = (Path(folder) / "n1.conf").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r'^ *(?:listen|http): "(.*)"', text, re.M), ["10.20.0.11:4222", "127.0.0.1:8222", "10.20.0.11:6222"])
        self.assertIn("sync_interval: always", text)
        self.assertIn("verify_and_map: true", text)
        self.assertNotIn("password", text.replace("no passwords", ""))


class Compose(unittest.TestCase):
    def test_fits_the_list_and_what_is_made_of_it(self):
        services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
        found = cluster_list.parse((DEPLOY / "compose.list").read_text(encoding="utf-8"))
        self.assertEqual(list(services), [server.name for server in found.servers])
        for name, service in services.items():
            version = tuple(map(int, re.fullmatch(r"nats:(\d+)\.(\d+)\.(\d+)-alpine", service["image"]).groups()))
            self.assertGreaterEqual(version, VERSION_MIN)
            self.assertTrue(service["read_only"])
            mounts = [each.split(":") for each in service["volumes"]]
            self.assertEqual([mount[1:] for mount in mounts], [["/etc/zeren-nats.conf", "ro"], ["/etc/zeren-nats", "ro"], ["/var/lib/zeren-nats"]])
            self.assertTrue(all(f"/{name}" in mount[0] for mount in mounts))
            self.assertEqual(service["command"], ["-c", "/etc/zeren-nats.conf"])
        self.assertTrue(all(server.address == cluster_list.LOOPBACK for server in found.servers))


class Servers(unittest.TestCase):
    def test_an_old_server_is_not_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            old = Path(folder) / "nats-server"
            old.write_text("#!/bin/sh\necho nats-server: v2.9.10\n", encoding="utf-8")
            old.chmod(0o755)
            path, os.environ["PATH"] = os.environ["PATH"], f"{folder}:{os.environ['PATH']}"
            try:
                self.assertNotEqual(server_program(), str(old))
            except NoServer as none:
                self.assertIn("2.9.10", str(none))
            finally:
                os.environ["PATH"] = path


if __name__ == "__main__":
    unittest.main()
