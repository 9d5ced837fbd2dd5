//! A service behind TLS whose certificate is of a county's own authority: `--ca`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

mod served;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use self::served::Served;

/// What a proxy does: TLS on one side, the service on the other.
const PROXY: &str = r#"
import socket, ssl, sys, threading
host, port = sys.argv[1].split(":")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
def serve(plain):
    try:
        secure = context.wrap_socket(plain, server_side=True)
    except OSError:
        return
    service = socket.create_connection((host, int(port)))
    def pass_on(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    threading.Thread(target=pass_on, args=(service, secure), daemon=True).start()
    pass_on(secure, service)
while True:
    plain, _ = listening.accept()
    threading.Thread(target=serve, args=(plain,), daemon=True).start()
"#;

struct Proxy {
    process: Child,
    url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(served: &Served, args: &str) {
    let made = Command::new("openssl").args(args.split_whitespace()).current_dir(served.folder.path()).output().unwrap();
    assert!(made.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&made.stderr));
}

/// Two authorities, and a proxy with a certificate of the first.
fn proxied(served: &Served) -> Proxy {
    const NEW: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["county", "other"] {
        openssl(
            served,
            &format!("req -x509 {NEW} -keyout {name}-ca.key -out {name}-ca.pem -days 2 -subj /CN={name} -addext keyUsage=keyCertSign"),
        );
    }
    openssl(served, &format!("req {NEW} -keyout server.key -out server.csr -subj /CN=service"));
    fs::write(served.path("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n").unwrap();
    openssl(
        served,
        "x509 -req -in server.csr -CA county-ca.pem -CAkey county-ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    );
    fs::write(served.path("proxy.py"), PROXY).unwrap();
    let mut process = Command::new("python3")
        .args(["proxy.py", &served.address])
        .current_dir(served.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Proxy { process, url: format!("https://127.0.0.1:{}", port.trim()) }
}

#[test]
fn only_the_authority_that_was_given_is_trusted() {
    let served = Served::start(&[]);
    let proxy = proxied(&served);
    let (url, key) = (proxy.url.as_str(), served.key("t701"));
    let fetch = |ca: &[&str]| {
        let ask = ["desk", "fetch", "--service", url, "--key", &key, "--person", "t701", "--policy", "county/trust-policy", "-o", "a.desk"];
        served.run(&[&ask[..], ca].concat())
    };
    // Public authorities do not know it; another one of the county's has not signed it.
    for ca in [&[][..], &["--ca", "other-ca.pem"]] {
        let (code, said) = fetch(ca);
        assert!(code == 3 && said.contains("certificate") && said.contains("--ca FILE"), "{ca:?}: {code} {said}");
        assert!(!served.path("a.desk").exists());
    }
    let (code, said) = fetch(&["--ca", "county-ca.pem"]);
    assert!(code == 0 && said.contains("the desk at"), "{said}");
    // Several authorities in one file.
    let both = fs::read_to_string(served.path("other-ca.pem")).unwrap() + &fs::read_to_string(served.path("county-ca.pem")).unwrap();
    fs::write(served.path("both.pem"), both).unwrap();
    let (code, said) = fetch(&["--ca", "both.pem"]);
    assert_eq!(code, 0, "{said}");
    // What is no authority's certificate, and an address for which none counts.
    for wrong in ["county-ca.key", "a.desk"] {
        let (code, said) = fetch(&["--ca", wrong]);
        assert!(code == 2 && said.contains("BEGIN CERTIFICATE"), "{wrong}: {said}");
    }
    let plain = served.url();
    let (code, said) = served.run(&["desk", "leave", "a.desk", "--service", &plain, "--ca", "county-ca.pem"]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn every_command_that_asks_somebody_takes_it() {
    let served = Served::start(&[]);
    let proxy = proxied(&served);
    let (url, key, ca) = (proxy.url.as_str(), served.key("t701"), ["--ca", "county-ca.pem"]);
    let me = ["--key", &key, "--person", "t701", "--policy", "county/trust-policy"];
    served.ok(&[&["desk", "fetch", "--service", url, "-o", "a.desk"], &me[..], &ca].concat());
    let asked = ["--desk", "a.desk", "--by", "t701", "--device", "d-07-pair-1", "-o", "a.draft"];
    served.ok(&[&["draft", "objection", "case 07-05-006", "reason mistake", "evidence none"], &asked[..]].concat());
    served.ok(&[&["sign", "a.draft", "--yes", "--service", url], &me[..], &ca].concat());
    served.ok(&[&["desk", "leave", "a.draft", "--service", url], &ca[..]].concat());
    let listed = served.ok(&[&["desk", "list", "--service", url], &me[..], &ca].concat());
    let id = listed.split_whitespace().next().unwrap();
    served.ok(&[&["desk", "take", id, "--service", url, "-o", "taken.draft"], &me[..], &ca].concat());
    served.ok(&[&["desk", "withdraw", id, "--service", url], &me[..], &ca].concat());
    let said = served.ok(&[&["submit", "a.draft", "--to", url, "--key", &key], &ca[..]].concat());
    assert!(said.contains("1 recorded, 0 refused"), "{said}");
    served.ok(&[&["prove", "case", "07-05-003", "--from", url, "--out", "case.proof"], &me[..], &ca].concat());
    // The service is no witness: that it says so shows that it was reached.
    let facts = served.get("/v1/ledger", None).json();
    let witness = facts["witnesses"][0].as_str().unwrap().split('+').next().unwrap().to_owned();
    let ask = ["witness", "ask", &format!("{witness}={url}"), "--dir", "county"];
    let (_, said) = served.run(&[&ask[..], &ca].concat());
    assert!(said.contains("answered 404"), "{said}");
    let (code, said) = served.run(&ask);
    assert!(code == 3 && said.contains("no answer") && said.contains("--ca FILE"), "{said}");
}
