"""What the program must refuse, and what it must say then: cluster files, certificates, and streams that are not as they must be.

Every message is asked for in both languages. It names what is wrong, in the reader's language, before anybody has waited long.
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from nodes import LANGUAGES

# Whatever is wrong with a file or a right is said within this time.
SAID_SECONDS = 20
# An outage or a disk is not what is wrong in any of these; to say so sends the reader to the wrong place.
MISLEADING = ["Mend the disk", "修复存储", "Is the service there", "请检查服务是否运行"]
# Exit codes (docs/operations.md): a wrong file; for what another machine or this one's files decide, any that is not 'done' or 'does not verify'.
WRONG_FILE, FAILED = (2,), (2, 3, 4)
HAN = re.compile("[一-鿿]")


def certificate(room, name, common, days):
    """One that the cluster's own authority has signed, for whoever, until whenever."""
    folder = room.path("made")
    folder.mkdir(exist_ok=True)
    safe = room.cluster.certificates / "safe"
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n", encoding="utf-8")
    for command in [
        ["req", "-new", "-newkey", "ed25519", "-nodes", "-subj", f"/O=zeren-cluster/CN={common}", "-keyout", f"{name}.key", "-out", f"{name}.csr"],
        ["x509", "-req", "-in", f"{name}.csr", "-CA", safe / "authority.pem", "-CAkey", safe / "authority.key", "-CAcreateserial",
         "-CAserial", f"{name}.srl", "-days", str(days), "-extfile", "client.ext", "-out", f"{name}.pem"],
    ]:
        subprocess.run(["openssl", *map(str, command)], cwd=folder, capture_output=True, check=True)
    return {"certificate": str(folder / f"{name}.pem"), "certificate_key": str(folder / f"{name}.key")}


def files(room):
    """What is changed in a node's cluster file, the exit codes, and what must be said in each language."""
    safe, other = room.cluster.certificates / "safe", room.user("node-1")
    outside = [f"nats://10.20.0.11:{port}" for port in (4222, 4223)]
    nowhere = [f"tls://localhost:{room.cluster.ports['n1'][0]}"]
    return {
        "another authority": ({"authority": str(safe / "routes.pem")}, FAILED, ["authority"], ["authority"]),
        "an authority that is not there": ({"authority": "gone.pem"}, FAILED, ["gone.pem"], ["gone.pem"]),
        "a server by another name than its certificate's": ({"servers": nowhere}, FAILED, ["certificate", "localhost"], ["证书", "localhost"]),
        "an expired certificate": (certificate(room, "expired", "node-2", -1), FAILED, ["certificate", "expired"], ["证书", "过期"]),
        "a certificate of nobody": (certificate(room, "stranger", "stranger", 2), FAILED, ["certificate", "list"], ["证书", "名单"]),
        "a certificate without its key": ({"certificate_key": str(other / "node-1.key")}, FAILED, ["certificate_key"], ["certificate_key"]),
        "no certificate": ({"certificate": None}, WRONG_FILE, ["certificate"], ["certificate"]),
        "no inbox": ({"inbox": None}, WRONG_FILE, ["inbox"], ["inbox"]),
        "another's inbox": ({"inbox": "_INBOX_node-1"}, FAILED, ["inbox"], ["inbox"]),
        "no word on syncing": ({"servers_sync_always": None}, WRONG_FILE, ["servers_sync_always", "sync_interval: always"], ["servers_sync_always", "断电"]),
        "syncing denied": ({"servers_sync_always": False}, WRONG_FILE, ["servers_sync_always"], ["servers_sync_always"]),
        "nothing encrypted": ({"servers": outside}, WRONG_FILE, ["tls://"], ["tls://", "加密"]),
        "one of three not encrypted": ({"servers": [*nowhere, *outside]}, WRONG_FILE, ["tls://"], ["tls://", "加密"]),
        "an unknown line": ({"others": 1}, WRONG_FILE, ["others"], ["others"]),
        "no node's name": ({"node": "Node 2"}, WRONG_FILE, ["node"], ["node"]),
    }


def judged(title, code, said, codes, wanted, lang):
    """What is wrong with a refusal."""
    wrong = []
    if code not in codes:
        wrong.append(f"expected exit code {' or '.join(map(str, codes))}, found {'none in time' if code is None else code}")
    wrong += [f"expected {word!r}" for word in wanted if word.lower() not in said.lower()]
    wrong += [f"misleading: {word!r}" for word in MISLEADING if word in said]
    if lang == "zh" and not HAN.search(said):
        wrong.append("not in Chinese")
    return [f"{title}, {lang}: {'; '.join(wrong)}\n    {said.strip()}"] if wrong else []


def try_files(room, user, folder):
    """Tries each file with a command that only reads; gives what differs."""
    asked = []
    for at, (title, (changes, codes, en, zh)) in enumerate(files(room).items()):
        file = room.write(f"wrong-{at}.toml", room.fields(user, f"{user}-node.pem") | changes)
        asked += [(title, file, codes, lang, words) for lang, words in zip(LANGUAGES, (en, zh), strict=True)]

    def tried(one):
        title, file, codes, lang, words = one
        found, said = room.try_zeren("cluster", "status", "--cluster", file, "--dir", folder, lang=lang, seconds=SAID_SECONDS)
        return judged(title, found, said, codes, words, lang)
    with ThreadPoolExecutor(4) as together:
        return [line for lines in together.map(tried, asked) for line in lines]


# What `breakglass` changes in a stream, and the field that is named. `None`: what is to be absent.
STREAMS = [
    ({"discard": "old"}, "discard"),
    ({"max_msgs": 1_000_000}, "max_msgs"),
    ({"max_age": 3_600_000_000_000}, "max_age"),
    ({"num_replicas": 1}, "num_replicas"),
    ({"allow_direct": True}, "allow_direct"),
    ({"compression": "s2"}, "compression"),
    ({"duplicate_window": 1_000_000_000}, "duplicate_window"),
    ({"max_msg_size": 100_000}, "max_msg_size"),
    ({"placement": None}, "sync:always"),
    ({"republish": {"src": ">", "dest": "elsewhere.>"}}, "republish"),
    ({"subjects": ["ledger.TAG.1", "elsewhere"]}, "subjects"),
]
