"""Asks the service what its OpenAPI document allows and what it forbids, by schemathesis, and compares every answer with the document.

    python3 tests/interop/service_by_schema.py ZEREN

makes the small sample county in a folder of its own and serves it. First somebody reads who may read everything; then nobody: every
route that asks for a token must answer 401 with a problem, and with nothing else. Exit code 0: the service does what the document says.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

READER = "o001"  # holds an office for the whole county
EXAMPLES = 25  # of each operation
SEED = 1
RUN_SECONDS = 120
ANSWER_SECONDS = 30
# A stream without an end; asked by the service's own tests.
ENDLESS = "/v1/events"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
# What a part of a path may be, for routes that nobody may read.
PARTS = {
    "case": "07-01-001", "person": "o001", "index": "0", "list": "x", "batch": "x", "draft": 64 * "0", "hash": 64 * "0",
    "level": "entries", "number": "000",
}
# Members of a problem that says no; one more would say something.
PROBLEM = {"type", "title", "status", "rule", "expected", "found", "advice"}


def zeren(program, folder, *arguments):
    """What the command printed; it must succeed."""
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"zeren {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def serve(program, folder):
    """Starts the service on a free port; gives the process and its address."""
    # Many requests are wrong on purpose: whoever asks like that is not to be held up here.
    rates = ["--person-burst", "1000000", "--person-rate", "1000000", "--stranger-burst", "1000000", "--stranger-rate", "1000000"]
    log = (folder / "service.log").open("wb")
    process = subprocess.Popen([program, "serve", "--dir", "county", "--listen", "127.0.0.1:0", *rates], cwd=folder, stdout=log, stderr=log)
    while process.poll() is None:
        for line in (folder / "service.log").read_text().splitlines(keepends=True):
            if '"event":"serving"' in line and line.endswith("\n"):
                return process, "http://" + json.loads(line)["more"]["address"]
        time.sleep(0.05)
    sys.exit("the service ended before it served:\n" + (folder / "service.log").read_text())


def ask(url, method="GET"):
    """Status, media type and body of an answer to somebody without a token."""
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=ANSWER_SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers.get("content-type"), answer.read()


def by_schema(folder, address, token):
    """Runs schemathesis; it must find nothing."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", f"{address}/v1/openapi.json",
        "--exclude-path", ENDLESS, "--checks", "all", "--max-examples", str(EXAMPLES), "--seed", str(SEED),
        "--generation-database", "none", "--request-timeout", str(ANSWER_SECONDS), "--no-color",
        "--header", f"Authorization: Bearer {token}",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    if done.returncode != 0:
        sys.exit(f"schemathesis: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    tested = re.search(r"Tested: (\d+)", done.stdout)
    if not generated or not tested:
        sys.exit(f"schemathesis did not say what it tested\n{done.stdout}")
    return int(tested[1]), int(generated[1])


def without_token(address, document):
    """Asks every route that needs a token without one; gives how many there are."""
    routes = [(path, method) for path, of in document["paths"].items() for method, operation in of.items() if operation["security"]]
    # By its own rule, which no schema says: bundles of entries.
    routes.append(("/tile/{level}/{number}", "get"))
    for path, method in routes:
        url = address + re.sub(r"\{(\w+)\}", lambda part: PARTS[part[1]], path)
        status, media, body = ask(url, method.upper())
        if (status, media) != (401, "application/problem+json"):
            sys.exit(f"{method} {url} without a token: {status} {media}: {body[:500]!r}")
        if set(json.loads(body)) != PROBLEM:
            sys.exit(f"{method} {url} without a token says more than that: {body[:500]!r}")
    return len(routes)


def main():
    """Makes, serves, asks."""
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zeren(program, folder, "demo", "--profile", "s", "--dir", "county")
        zeren(program, folder, "key", "demo", READER, "--dir", "county", "-o", "reader.pem")
        process, address = serve(program, folder)
        try:
            ledger = json.loads(ask(f"{address}/v1/ledger")[2])["ledger"]
            document = json.loads(ask(f"{address}/v1/openapi.json")[2])
            token = zeren(program, folder, "token", "--key", "reader.pem", "--person", READER, "--ledger", ledger).strip()
            tested, generated = by_schema(folder, address, token)
            if tested != sum(len(of) for path, of in document["paths"].items() if path != ENDLESS):
                sys.exit(f"schemathesis tested {tested} operations, which are not all")
            print(f"{tested} operations, {generated} requests: every answer as the document says")
            print(f"{without_token(address, document)} routes without a token: each answers 401, and nothing else")
        finally:
            process.terminate()
        if process.wait(ANSWER_SECONDS) != 0:
            sys.exit(f"the service ended with exit code {process.returncode}\n" + (folder / "service.log").read_text())


if __name__ == "__main__":
    main()
