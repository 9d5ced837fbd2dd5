"""Real NATS servers on loopback, in a folder of their own: started, killed, paused and wiped by tests.

With certificates they run the very files that deploy/cluster makes; without, a configuration as small as it can be, for programs that are
tried alone. A server that cannot be found, or is older than 2.12, ends the test with an error: what was not tried has not passed.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy/cluster"
VERSION_MIN = (2, 12, 0)
START_SECONDS = 60
END_SECONDS = 40
NAMES = ["n1", "n2", "n3"]


class NoServer(Exception):
    """There is no server that can be tried."""


def version_of(program):
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def server_program():
    """A nats-server of 2.12 or newer: of the path, else of this Python's packages."""
    found = []
    for program in [shutil.which("nats-server"), Path(sysconfig.get_path("scripts")) / "nats-server", Path(sys.executable).parent / "nats-server"]:
        if program and os.access(program, os.X_OK):
            version = version_of(program)
            if version >= VERSION_MIN:
                return str(program)
            found.append(f"{program} is {'.'.join(map(str, version))}")
    raise NoServer(
        f"no nats-server of {'.'.join(map(str, VERSION_MIN))} or newer ({'; '.join(found) or 'none at all'}): "
        "python3 -m pip install -r tests/cluster/requirements.txt"
    )


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """Three servers. `people` are the lines of the list after those of the servers; None: no certificates, no accounts."""

    def __init__(self, folder, people=None, extra=""):
        self.folder, self.people, self.extra = Path(folder), people, extra
        self.program = server_program()
        ports = free_ports(9)
        self.names = list(NAMES)
        self.ports = {name: ports[3 * at : 3 * at + 3] for at, name in enumerate(self.names)}
        self.zones = {name: f"zone-{name}" for name in self.names}
        self.running = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        if people is None:
            for name in self.names:
                self.configuration_of(name).parent.mkdir(exist_ok=True)
                self.configuration_of(name).write_text(self.plain(name), encoding="utf-8")
        else:
            self.write_list(people)
            self.make("make-certificates", "new", self.list, self.certificates)
            self.configure()

    @property
    def list(self):
        return self.folder / "cluster.list"

    @property
    def certificates(self):
        return self.folder / "certificates"

    def configuration_of(self, name):
        return self.folder / "configuration" / f"{name}.conf"

    def log_of(self, name):
        return self.folder / f"{name}.log"

    def store_of(self, name):
        return self.folder / "store" / name

    def make(self, script, *arguments):
        """Runs a script of deploy/cluster; it must succeed."""
        done = subprocess.run([DEPLOY / script, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{script}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def write_list(self, people):
        servers = [f"server {name} {self.zones[name]} 127.0.0.1 {' '.join(map(str, self.ports[name]))}" for name in self.names]
        self.list.write_text("\n".join([*servers, people]), encoding="utf-8")

    def configure(self):
        self.make("make-configuration", self.list, self.folder / "configuration", "--certificates", self.certificates / "servers/NAME",
                  "--store", self.folder / "store/NAME", "--disk", "1GB")
        for name in self.names:
            with self.configuration_of(name).open("a", encoding="utf-8") as file:
                file.write(self.extra)

    def plain(self, name):
        clients, routes, monitor = self.ports[name]
        others = ", ".join(f'"nats://127.0.0.1:{self.ports[each][1]}"' for each in self.names if each != name)
        return f"""server_name: {name}
server_tags: [ "sync:always", "az:{self.zones[name]}" ]
listen: "127.0.0.1:{clients}"
http: "127.0.0.1:{monitor}"
max_payload: 1MB
jetstream {{ store_dir: "{self.store_of(name)}", sync_interval: always, unique_tag: "az:", max_file_store: 1GB }}
cluster {{ name: zeren, listen: "127.0.0.1:{routes}", no_advertise: true, routes: [ {others} ] }}
{self.extra}
"""

    def address(self, name):
        return f"127.0.0.1:{self.ports[name][0]}"

    def start(self, *names):
        for name in names or self.names:
            with self.log_of(name).open("ab") as log:
                self.running[name] = subprocess.Popen([self.program, "-c", self.configuration_of(name)], stdout=log, stderr=log)
        self.wait()

    def monitor(self, name, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name][2]}{path}", timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}

    def meta_leader(self):
        """The name of the server that leads the cluster, if the running ones agree on one."""
        leaders = {(self.monitor(name, "/jsz").get("meta_cluster") or {}).get("leader") for name in self.running}
        return leaders.pop() if len(leaders) == 1 else None

    def wait(self, not_leader=None):
        """Until the running servers have a leader, other than `not_leader`, and each is ready."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"server {name} ended with {process.returncode}:\n{self.log_of(name).read_text()[-4000:]}")
            if self.meta_leader() not in (None, "", not_leader) and all(self.monitor(name, "/healthz").get("status") == "ok" for name in self.running):
                return
            time.sleep(0.1)
        logs = "\n".join(f"--- {name}\n{self.log_of(name).read_text()[-2000:]}" for name in self.running)
        raise RuntimeError(f"no leader within {START_SECONDS} s\n{logs}")

    def reload(self):
        for process in self.running.values():
            process.send_signal(signal.SIGHUP)

    def pause(self, name):
        self.running[name].send_signal(signal.SIGSTOP)

    def go_on(self, name):
        self.running[name].send_signal(signal.SIGCONT)

    def kill(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def end(self, name):
        """As the unit stops it: it hands over what it leads."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGUSR2)
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, name):
        """Ends it, starts it with the configuration as it is now, and waits until all are ready."""
        self.end(name)
        self.start(name)

    def wipe(self, name):
        """As a new disk: the server must not be running."""
        shutil.rmtree(self.store_of(name))

    def replace(self, old, new):
        """A machine instead of one that is gone: another name, an empty disk, the same zone. `old` must not be running."""
        self.zones[new] = self.zones[old]
        self.names[self.names.index(old)] = new
        self.ports[new] = free_ports(3)
        self.write_list(self.people)
        self.make("make-certificates", "add", self.list, self.certificates, new)
        self.configure()
        self.start(new)

    def stop(self):
        """At once: nobody needs them any more."""
        for name in list(self.running):
            self.kill(name)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
