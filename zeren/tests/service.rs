//! The service, asked over HTTP and by the commands of a clerk on another machine.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up should fail loudly")]

mod served;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use signer::merkle::leaf_hash;

use self::served::Served;

/// Signed objections of t701 on cases of village 05, each on its own counter.
fn objections(served: &Served, name: &str, cases: std::ops::Range<u32>) -> Vec<String> {
    objections_of(served, ("t701", "d-07-pair-1"), name, cases)
}

fn objections_of(served: &Served, (person, device): (&str, &str), name: &str, cases: std::ops::Range<u32>) -> Vec<String> {
    let key = served.key(person);
    let rows: String = cases.map(|case| format!("07-05-{case:03},mistake\n")).collect();
    fs::write(served.path("rows.csv"), format!("case,reason\n{rows}")).unwrap();
    let desk = format!("{name}.desk");
    let url = served.url();
    served.ok(&["desk", "fetch", "--service", &url, "--key", &key, "--person", person, "--policy", "county/trust-policy", "-o", &desk]);
    let draft = format!("{name}.draft");
    served.ok(&[
        "draft",
        "objection",
        "--desk",
        &desk,
        "--by",
        person,
        "--device",
        device,
        "-o",
        &draft,
        "--rows",
        "rows.csv",
        "evidence none",
    ]);
    served.ok(&["sign", &draft, "--key", &key, "--person", person, "--yes"]);
    let draft = signer::draft::Draft::parse(&fs::read(served.path(&draft)).unwrap()).unwrap();
    draft.statements.iter().map(|statement| statement.note().encode()).collect()
}

#[test]
fn a_clerk_elsewhere_drafts_offline_signs_with_another_and_uploads() {
    let served = Served::start(&[]);
    let url = served.url();
    let (t701, t702) = (served.key("t701"), served.key("t702"));
    let fetch = [
        "desk",
        "fetch",
        "--service",
        &url,
        "--key",
        &t701,
        "--person",
        "t701",
        "--policy",
        "county/trust-policy",
        "--with",
        "t702",
        "-o",
        "day.desk",
    ];
    assert!(served.ok(&fetch).contains("the desk at 2,002 entries: 300 cases"));
    // Two objections and a relation, drafted without asking anybody.
    fs::write(served.path("rows.csv"), "case,reason\n07-05-004,mistake\n07-05-005,mistake\n").unwrap();
    let by = ["--desk", "day.desk", "--by", "t701", "--by", "t702", "--device", "d-07-pair-1"];
    served.ok(&[&["draft", "objection", "-o", "a.draft", "--rows", "rows.csv", "evidence none"], &by[..]].concat());
    served.ok(&[&["draft", "objection", "-o", "b.draft", "case 07-05-006", "reason mistake", "evidence none"], &by[..]].concat());
    let counters = |name: &str| {
        fs::read_to_string(served.path(name))
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("device "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (first, second) = (counters("a.draft"), counters("b.draft"));
    assert!(first.len() == 2 && second.len() == 1 && !first.contains(&second[0]) && first[0] != first[1], "{first:?} {second:?}");
    for draft in ["a.draft", "b.draft"] {
        served.ok(&["sign", draft, "--key", &t701, "--person", "t701", "--yes"]);
    }
    // Left for the other, who takes it, signs it and uploads it.
    let left = served.ok(&["desk", "leave", "a.draft", "--service", &url]);
    assert!(left.contains("waits for t702"), "{left}");
    let as_t702 = ["--service", &url, "--key", &t702, "--person", "t702", "--policy", "county/trust-policy"];
    let listed = served.ok(&[&["desk", "list"], &as_t702[..]].concat());
    assert!(listed.contains("2 × objection  waits for t702"), "{listed}");
    let id = listed.split_whitespace().next().unwrap().to_owned();
    served.ok(&[&["desk", "take", &id, "-o", "taken.draft"], &as_t702[..]].concat());
    served.ok(&["sign", "taken.draft", "--key", &t702, "--person", "t702", "--yes"]);
    let upload = ["submit", "--to", &url, "--key", &t702, "taken.draft"];
    let said = served.ok(&upload);
    assert!(said.contains("2 recorded, 0 refused; every receipt verified"), "{said}");
    // The same again is answered with the first receipts; the draft waits no longer.
    assert!(served.ok(&upload).contains("was recorded before"));
    assert!(served.ok(&[&["desk", "list"], &as_t702[..]].concat()).contains("no draft waits"));
    // A receipt by itself convinces, as far as the witnesses go: they have not seen it yet.
    let ledger = served.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
    let receipt = |ending: &str| format!("t702.pem.receipts/{}/2003.{ending}", ledger.rsplit('/').next().unwrap());
    let verified = served.run(&["verify", "receipt", &receipt("tlog-proof"), &receipt("note"), "--policy", "county/trust-policy"]);
    assert!(verified.1.contains("entry 2003 of demo.sample-township.example"), "{}", verified.1);
    // Who reads Chinese is refused in Chinese.
    let key = ["--service", &url, "--key", &t701, "--person", "t702", "--policy", "county/trust-policy"];
    let (code, said) = served.run(&[&["--lang", "zh", "desk", "list"], &key[..]].concat());
    assert!(code == 4 && said.contains("请用 zeren token 生成"), "{said}");
    assert!(said.contains("实为: 并非以该人员本人密钥签署"), "{said}");
    // Somebody else's draft is nobody else's business.
    let token = served.token("t703");
    let denied = served.get(&format!("/v1/drafts/{}", whole_id(&served, &id)), Some(&token));
    assert!(denied.status == 403 || denied.status == 404, "{denied:?}");
}

fn whole_id(served: &Served, digits: &str) -> String {
    let names = fs::read_dir(served.path("county-service/drafts")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with(digits))
        .map(|name| name.trim_end_matches(".draft").to_owned())
        .next()
        .unwrap_or_else(|| "0".repeat(64))
}

#[test]
fn what_went_stale_meanwhile_is_said_and_the_rest_is_recorded() {
    let served = Served::start(&[]);
    let url = served.url();
    // Drafted at two desks, of one device: its counters are used by whoever uploads first.
    let early = objections(&served, "early", 4..7);
    objections(&served, "late", 7..10);
    assert_eq!(early.len(), 3);
    let upload = |draft: &str| served.run(&["submit", "--to", &url, "--key", "t701.pem", draft]);
    let (code, said) = upload("early.draft");
    assert!(code == 0 && said.contains("3 recorded, 0 refused"), "{said}");
    let (code, said) = upload("late.draft");
    assert!(code == 4 && said.contains("nothing recorded, 3 refused"), "{said}");
    assert!(said.contains("counter-used") && said.contains("objection 07-05-007") && said.contains("went stale"), "{said}");
    // From a new desk the same is recorded.
    objections(&served, "again", 7..10);
    let (code, said) = upload("again.draft");
    assert!(code == 0 && said.contains("3 recorded, 0 refused"), "{said}");
}

#[test]
fn offices_say_who_sees_what_and_every_denial_is_logged() {
    let served = Served::start(&[]);
    let [village, township, county] = ["v05-clerk", "t701", "o001"].map(|person| served.token(person));
    let status = |path: &str, token: &str| served.get(path, Some(token)).status;
    let seen = [
        ("/v1/cases/07-05-003", [200, 200, 200]),
        ("/v1/cases/07-01-001", [403, 200, 200]),
        ("/v1/cases/08-01-001", [403, 403, 404]),
        ("/v1/persons/v05-clerk", [200, 200, 200]),
        ("/v1/persons/o001", [403, 403, 200]),
        ("/v1/entries/5", [403, 403, 200]),
        ("/tile/entries/000", [403, 403, 200]),
        ("/v1/lists/c-2013", [403, 200, 200]),
        ("/v1/batches/b-2013-1", [403, 200, 200]),
        ("/v1/status?unit=07-05", [200, 200, 200]),
        ("/v1/status?unit=07", [403, 200, 200]),
        ("/v1/receipts/5", [200, 200, 200]),
    ];
    for (path, expected) in seen {
        let found = [&village, &township, &county].map(|token| status(path, token));
        assert_eq!(found, expected, "{path}");
        assert_eq!(served.get(path, None).status, 401, "{path}");
    }
    let cases = served.get("/v1/cases?limit=1000", Some(&village)).json();
    let cases = cases["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty() && cases.iter().all(|case| case["case"].as_str().unwrap().starts_with("07-05-")), "{cases:?}");
    says_only_its_own(&served, &village, &county);
    // Tokens of another ledger, of somebody else's key, too old, of a stranger.
    let ledger = served.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
    let other = ledger.replace(&ledger[ledger.len() - 4..], "0000");
    served.key("i001");
    let forged = |args: &[&str]| served.ok(&[&["token"], args].concat()).trim().to_owned();
    let wrong = [
        ("token-ledger", forged(&["--key", "i001.pem", "--person", "i001", "--ledger", &other])),
        ("token-signature", forged(&["--key", "i001.pem", "--person", "o001", "--ledger", &ledger])),
        ("token-signature", forged(&["--key", "i001.pem", "--person", "nobody", "--ledger", &ledger])),
        ("token-format", "AAAA".to_owned()),
    ];
    for (rule, token) in &wrong {
        let answer = served.get("/v1/cases/07-05-003", Some(token));
        assert_eq!((answer.status, answer.json()["rule"].as_str()), (401, Some(*rule)));
    }
    let log = served.access_log();
    let noted = |person: Option<&str>, path: &str, denied: Option<&str>| {
        log.iter().any(|line| line["person"] == json!(person) && line["path"] == path && line["denied"] == json!(denied))
    };
    assert!(noted(Some("v05-clerk"), "/v1/cases/07-01-001", Some("scope")));
    assert!(noted(Some("t701"), "/v1/cases/07-01-001", None));
    assert!(noted(None, "/v1/cases/07-05-003", Some("token-ledger")));
    assert!(noted(None, "/tile/entries/000", Some("token-missing")));
}

/// A village clerk was shown the whole ledger's money, deadlines, answers, flags and refusals beside the own unit's counts.
fn says_only_its_own(served: &Served, village: &str, county: &str) {
    let (own, whole) = (served.get("/v1/status?unit=07-05", Some(village)).json(), served.get("/v1/status", Some(county)).json());
    let public = ["anchored", "left_out", "ledger", "of_size", "published", "received_last", "received_last_ms", "root", "size", "steps"];
    for (member, value) in own.as_object().unwrap() {
        match member.as_str() {
            "funnel" | "standing" | "waiting" => {
                let rows = value.as_array().unwrap();
                assert!(rows.iter().all(|row| row["unit"].as_str().unwrap().starts_with("07-05")), "{member}: {value}");
                let of_all = whole[member].as_array().unwrap().len();
                assert!(rows.len() < of_all || member == "waiting" && rows.len() == of_all, "{member}: {value}");
            }
            "periods" => assert!(!value.as_array().unwrap().is_empty()),
            "witnesses" => assert_eq!(*value, whole["witnesses"]),
            public_member => assert!(public.contains(&public_member), "{member}: {value}"),
        }
    }
    let left_out: Vec<&str> = own["left_out"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
    assert_eq!(left_out, ["deadlines", "answers", "money", "raised", "refusals", "incidents"]);
    assert!(left_out.iter().all(|member| whole[member].is_array() || whole[member].is_object()), "{whole}");
    assert!(whole["left_out"].is_null());
    // Nor is it said which units there are.
    let unknown = served.get("/v1/status?unit=07-05-99", Some(village)).json();
    assert!(!unknown["found"].as_str().unwrap().contains("03"), "{unknown}");
}

/// The desk gave every device's counter and every list without cases, and the log did not say of whom it was asked.
#[test]
fn a_desk_holds_what_its_clerk_needs_and_the_log_says_of_whom() {
    let served = Served::start(&[]);
    let [village, county] = ["v05-clerk", "o001"].map(|person| served.token(person));
    let desk = |query: &str, token: &str| served.get(&format!("/v1/desk{query}"), Some(token)).json();
    let (own, whole) = (desk("?with=o001&with=i001", &village), desk("", &county));
    let names = |desk: &Value, what: &str| desk[what].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(names(&own, "counters").contains(&"d-07-05".to_owned()), "{:?}", names(&own, "counters"));
    assert!(!names(&own, "counters").contains(&"d-07-01".to_owned()), "{:?}", names(&own, "counters"));
    assert!(names(&whole, "counters").contains(&"d-07-01".to_owned()));
    let more = desk("?device=d-07-01", &village);
    assert_eq!(more["counters"]["d-07-01"], whole["counters"]["d-07-01"]);
    // Lists of seats name nobody's case, and are the whole ledger's.
    let of_cases = |list: &String| served.get(&format!("/v1/lists/{list}"), Some(&county)).json()["lines"][0]["case"].is_string();
    assert!(names(&own, "lists").iter().all(of_cases), "{:?}", names(&own, "lists"));
    for path in ["/v1/receipts/5", "/v1/drafts", "/v1/status?unit=07-05", "/v1/cases?unit=07-05"] {
        assert_eq!(served.get(path, Some(&village)).status, 200, "{path}");
    }
    let log = served.access_log();
    let noted = |path: &str| log.iter().find(|line| line["path"] == path && line["person"] == "v05-clerk").unwrap_or(&Value::Null);
    assert_eq!(noted("/v1/desk")["asked"], json!({ "unit": null, "with": ["o001", "i001"], "device": [] }));
    assert_eq!(noted("/v1/status")["asked"], json!({ "unit": "07-05" }));
    assert_eq!(noted("/v1/cases")["asked"], json!({ "unit": "07-05" }));
    assert!(["/v1/receipts/5", "/v1/drafts"].into_iter().all(|path| noted(path)["shown"] == true), "{log:?}");
}

#[test]
fn where_the_access_log_cannot_be_written_nothing_is_shown() {
    let served = Served::start(&[]);
    let token = served.token("o001");
    assert_eq!(served.get("/v1/cases/07-05-003", Some(&token)).status, 200);
    served.signal("TERM");
    let (_, folder) = served.wait();
    // A device on which there is never room.
    let log = folder.path().join("county-service/access.jsonl");
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let served = Served::again(folder, &[]);
    for path in ["/v1/cases/07-05-003", "/v1/persons/t701", "/v1/entries/5", "/v1/cases", "/tile/entries/000"] {
        let answer = served.get(path, Some(&token));
        assert_eq!((answer.status, answer.json()["rule"].as_str()), (503, Some("unavailable")), "{path}");
    }
    let ready = served.get("/ready", None);
    assert_eq!((ready.status, ready.json()["rule"].as_str()), (503, Some("not-ready")));
    // What is public, and what comes in, goes on.
    assert_eq!(served.get("/checkpoint", None).status, 200);
}

#[test]
fn a_draft_that_cannot_be_kept_or_is_not_signed_is_refused() {
    let served = Served::start(&[]);
    objections(&served, "x", 4..5);
    let draft = fs::read_to_string(served.path("x.draft")).unwrap();
    let leave = |draft: &str| served.ask("POST", "/v1/drafts", None, "text/plain", draft.as_bytes());
    let (unsigned, _) = draft.rsplit_once("signatures 1\n").unwrap();
    assert_eq!(leave(&format!("{unsigned}signatures 0\n")).json()["rule"], "draft-signature");
    assert_eq!(leave("zeren draft v1\n").status, 400);
    assert_eq!(leave(&draft).status, 201);
    fs::remove_dir_all(served.path("county-service/drafts")).unwrap();
    let answer = leave(&draft);
    assert_eq!((answer.status, answer.json()["rule"].as_str()), (503, Some("unavailable")));
}

#[test]
fn tiles_hash_to_the_checkpoint_and_bundles_to_the_tiles() {
    let served = Served::start(&["--public-entries"]);
    let checkpoint = signer::Note::parse(&served.get("/checkpoint", None).body).unwrap();
    let checkpoint = signer::Checkpoint::parse(&checkpoint.text).unwrap();
    let mut tree = ledger::history::Tree::default();
    let mut leaves = Vec::new();
    for number in 0..checkpoint.size.div_ceil(256) {
        let width = (checkpoint.size - number * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let tile = served.get(&format!("/tile/0/{number:03}{partial}"), None);
        assert_eq!((tile.status, tile.body.len() as u64), (200, width * 32));
        leaves.extend(tile.body.chunks(32).map(|hash| signer::value::TreeHash(hash.try_into().unwrap())));
        let bundle = served.get(&format!("/tile/entries/{number:03}{partial}"), None).body;
        let mut rest = bundle.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (entry, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            assert_eq!(leaf_hash(entry), leaves[tree.size() as usize]);
            tree.push(leaf_hash(entry));
            rest = after;
        }
    }
    assert_eq!(tree.root_at(checkpoint.size), Some(checkpoint.root));
    let above = served.get(&format!("/tile/1/000.p/{}", checkpoint.size / 256), None).body;
    assert_eq!(above, tree.levels()[8].iter().flat_map(|hash| hash.0).collect::<Vec<u8>>());
    for wrong in ["/tile/0/999", "/tile/0/0", "/tile/8/000", "/tile/00/000", "/tile/0/000.p/256", "/tile/x/000", "/tile/0"] {
        assert_eq!(served.get(wrong, None).status, 404, "{wrong}");
    }
    let proof = served.get(&format!("/v1/consistency?old=1000&new={}", checkpoint.size), None).json();
    assert_eq!(proof["new"]["root"], checkpoint.root.to_string());
    assert_eq!(served.get("/v1/consistency?old=2&new=1", None).status, 400);
    assert_eq!(served.get("/v1/consistency?old=x&new=1", None).status, 400);
}

#[test]
fn what_the_document_describes_is_what_is_served() {
    let served = Served::start(&[]);
    let document = served.get("/v1/openapi.json", None).json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 20);
    for (path, operations) in paths {
        let filled = path.replace("{level}", "0").replace("{number}", "000").replace("{index}", "5").replace("{draft}", &"0".repeat(64));
        let filled =
            filled.replace("{case}", "07-05-003").replace("{person}", "t701").replace("{list}", "c-2013").replace("{batch}", "b-2013-1");
        let filled = filled.replace("{hash}", &"0".repeat(64));
        for method in ["get", "post", "delete", "put", "patch"] {
            if path == "/v1/events" && method == "get" {
                continue;
            }
            let answer = served.ask(&method.to_uppercase(), &filled, None, "text/plain", b"");
            let is_described = operations.get(method).is_some();
            assert_eq!(answer.status != 405, is_described, "{method} {path}: {}", answer.head);
            if answer.status == 404 {
                assert_ne!(answer.json()["expected"], "an address of this service", "{path}");
            }
            let needs_token = operations[method]["security"] == json!([{ "token": [] }]);
            assert_eq!(answer.status == 401, is_described && needs_token, "{method} {path}: {}", answer.head);
            if answer.status >= 400 {
                let problem = answer.json();
                for member in document["components"]["schemas"]["Problem"]["required"].as_array().unwrap() {
                    assert!(!problem[member.as_str().unwrap()].is_null(), "{path}: {problem}");
                }
            }
        }
    }
    let unknown = served.get("/nope", None);
    assert_eq!((unknown.status, unknown.json()["rule"].as_str()), (404, Some("unknown")));
}

#[test]
fn limits_hold_and_say_what_they_are() {
    let served = Served::start(&[]);
    let note = |bytes: usize| served.ask("POST", "/v1/statements", None, "text/plain", &vec![b'x'; bytes]);
    assert_eq!(note(70_000).status, 413);
    assert_eq!(note(5 << 20).status, 413);
    assert_eq!((note(10).status, note(10).json()["rule"].as_str().map(str::to_owned)), (422, Some("note-shape".to_owned())));
    let many = |count: usize| json!({ "notes": vec!["x"; count] }).to_string();
    let post = |media: &str, body: &str| served.ask("POST", "/v1/statements", None, media, body.as_bytes());
    assert_eq!(post("application/json", &many(0)).status, 400);
    assert_eq!(post("application/json", &many(1_001)).status, 400);
    assert_eq!(post("application/json", "{\"notes\": [1]}").status, 400);
    assert_eq!(post("application/json", "{\"notes\": [], \"more\": 1}").status, 400);
    assert_eq!(post("image/png", "x").status, 415);
    let answers = post("application/json", &many(2)).json();
    assert_eq!((&answers["recorded"], answers["answers"][1]["rule"].as_str()), (&json!(0), Some("note-shape")));
    // Headers: too long, too many lines, never finished.
    let long = format!("GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    assert_eq!(served.raw(long.as_bytes()).status, 431);
    let lines: String = (0..100).map(|n| format!("X{n}: y\r\n")).collect();
    assert_eq!(served.raw(format!("GET /checkpoint HTTP/1.1\r\nHost: x\r\n{lines}\r\n").as_bytes()).status, 431);
    let start = Instant::now();
    let mut slow = TcpStream::connect(&served.address).unwrap();
    slow.write_all(b"GET /checkpoint HTTP/1.1\r\nHost:").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // Who sends rubbish has to wait; who signs does not.
    let rubbish = (0..300).map(|_| note(10).status).find(|status| *status == 429);
    assert_eq!(rubbish, Some(429));
    let metrics = String::from_utf8(served.get("/metrics", None).body).unwrap();
    assert!(metrics.contains("zeren_statements_total{answer=\"unverified\"}"), "{metrics}");
}

#[test]
fn a_person_who_asks_too_often_waits_and_nobody_else_does() {
    let served = Served::start(&["--person-burst", "5", "--person-rate", "1"]);
    let [one, other] = ["t701", "o001"].map(|person| served.token(person));
    let statuses: Vec<u16> = (0..8).map(|_| served.get("/v1/cases/07-05-003", Some(&one)).status).collect();
    assert!(statuses.starts_with(&[200; 5]) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(served.get("/v1/cases/07-05-003", Some(&other)).status, 200);
}

#[test]
fn each_commit_is_told_to_whoever_waits() {
    let served = Served::start(&[]);
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next = |word: &str| lines.by_ref().map(Result::unwrap).find(|line| line.starts_with(word)).unwrap();
    assert_eq!(next("id: "), "id: 2002");
    let notes = objections(&served, "a", 4..5);
    let answer = served.ask("POST", "/v1/statements", None, "text/plain", notes[0].as_bytes());
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    // The day's index, and the statement.
    assert_eq!(next("id: "), "id: 2004");
    assert!(next("data: ").contains("demo.sample-township.example"));
    // The views follow, and say of which size they are.
    let token = served.token("t701");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let case = served.get("/v1/cases/07-05-004", Some(&token)).json();
        if case["at"]["size"] == 2004 {
            assert_eq!(case["flags"][0]["act"], "objection");
            break;
        }
        assert!(Instant::now() < deadline, "{case}");
    }
}

/// Some answers were in English for whoever asked for Chinese.
#[test]
fn whoever_asks_for_chinese_is_answered_in_chinese() {
    let served = Served::start(&[]);
    let token = served.token("o001");
    let ask = |line: &str, authorization: &str, body: usize| {
        let head =
            format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Language: zh-CN\r\nAuthorization: {authorization}\r\n");
        served.raw(&[format!("{head}Content-Length: {body}\r\n\r\n").as_bytes(), &vec![b'x'; body]].concat())
    };
    let bearer = format!("bearer {token}");
    assert_eq!(ask("GET /v1/cases/07-05-003", &bearer, 0).status, 200, "the scheme's name in any case");
    let wrong = [
        ("GET /nope", 0, 404),
        ("GET /v1/cases/999", 0, 404),
        ("GET /v1/cases/-", 0, 400),
        ("GET /v1/cases?limit=0", 0, 400),
        ("GET /v1/entries/x", 0, 400),
        ("GET /v1/entries/999999", 0, 404),
        ("GET /v1/lists/none", 0, 404),
        ("GET /v1/persons/none", 0, 404),
        ("GET /v1/batches/none", 0, 404),
        ("GET /v1/desk?remembered=999999", 0, 400),
        ("GET /tile/0/999", 0, 404),
        ("GET /v1/reports/0", 0, 400),
        ("POST /v1/statements", 5 << 20, 413),
        ("POST /v1/statements", 70_000, 413),
    ];
    let is_chinese = |text: &Value| text.as_str().unwrap().chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    for (line, body, status) in wrong {
        let answer = ask(line, &bearer, body);
        let problem = answer.json();
        assert_eq!(answer.status, status, "{line}: {problem}");
        assert!(is_chinese(&problem["advice"]) && (is_chinese(&problem["expected"]) || line.contains("limit")), "{line}: {problem}");
        assert!(!problem["found"].as_str().unwrap().is_empty(), "{line}: {problem}");
    }
    let method = ask("PUT /v1/statements", &bearer, 0);
    assert!(method.status == 405 && method.head.to_ascii_lowercase().contains("allow: post"), "{}", method.head);
    let method = method.json();
    assert_eq!(method["found"], "PUT /v1/statements");
    assert!(is_chinese(&method["advice"]) && is_chinese(&method["expected"]), "{method}");
    // A body that never comes is waited for half a minute.
    let late =
        served.raw(b"POST /v1/statements HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Language: zh\r\nContent-Length: 9\r\n\r\n");
    assert!(late.status == 408 && is_chinese(&late.json()["expected"]) && is_chinese(&late.json()["advice"]), "{late:?}");
}

/// Refusals were signed and kept, and nobody could ask for one.
#[test]
fn a_refusal_is_there_for_whoever_has_the_note() {
    let served = Served::start(&[]);
    let early = objections(&served, "early", 4..6);
    let late = objections(&served, "late", 7..9);
    let post = |note: &str| served.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes());
    assert!(early.iter().all(|note| post(note).status == 201));
    let answers: Vec<Value> = late.iter().map(|note| post(note).json()).collect();
    assert!(answers.iter().all(|answer| answer["rule"] == "counter-used"), "{answers:?}");
    let hash = |note: &str| <sha2::Sha256 as sha2::Digest>::digest(note).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let [village, county] = ["v05-clerk", "o001"].map(|person| served.token(person));
    for (note, answer) in late.iter().zip(&answers) {
        let path = format!("/v1/refusals/{}", hash(note));
        assert_eq!(served.get(&path, None).status, 401);
        let refusal = served.get(&path, Some(&village)).json();
        assert_eq!((&refusal["refusal"], &refusal["rule"]), (&answer["refusal"], &json!("counter-used")));
    }
    let unknown = served.get(&format!("/v1/refusals/{}", hash(&early[0])), Some(&county));
    assert_eq!((unknown.status, served.get("/v1/refusals/x", Some(&county)).status), (404, 400));
    assert_eq!(served.get("/v1/refusals", Some(&village)).status, 403);
    // Page by page, all of them.
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = served.get(&format!("/v1/refusals?limit=1{after}"), Some(&county)).json();
        found.extend(page["refusals"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found.len(), fs::read_dir(served.path("county/refusals")).unwrap().count());
    assert!(late.iter().all(|note| found.iter().any(|refusal| refusal["submitted"] == json!(hash(note)))), "{found:?}");
    // What a view counts up to is proved to be of the signed history.
    let at = served.get("/v1/cases?limit=1", Some(&county)).json()["at"].clone();
    let checkpoint = signer::Checkpoint::parse(&signer::Note::parse(&served.get("/checkpoint", None).body).unwrap().text).unwrap();
    let proof = served.get(&format!("/v1/consistency?old={}&new={}", at["size"], checkpoint.size), None).json();
    assert_eq!((&proof["old"]["root"], &proof["new"]["root"]), (&at["root"], &json!(checkpoint.root.to_string())));
}

/// A hundred desks of one official at once had slowed everybody's checkpoint, and filled the memory.
#[test]
fn a_desk_and_a_status_cost_more_than_a_case() {
    let served = Served::start(&["--person-burst", "250", "--person-rate", "1"]);
    let [one, other] = ["t701", "o001"].map(|person| served.token(person));
    let statuses: Vec<u16> = (0..4).map(|_| served.get("/v1/desk", Some(&one)).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let statuses: Vec<u16> = (0..4).map(|_| served.get("/v1/status", Some(&other)).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    // One of a person at a time, whatever the allowance.
    let served = Served::start(&["--person-burst", "100000"]);
    let token = served.token("t701");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !together(&served, &token).contains(&429) {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(served.get("/v1/desk", Some(&token)).status, 200);
}

fn together(served: &Served, token: &str) -> Vec<u16> {
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..24).map(|_| scope.spawn(|| served.get("/v1/desk", Some(token)).status)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// One address could take every stream.
#[test]
fn nobody_takes_all_streams() {
    let served = Served::start(&["--behind-proxy"]);
    let open = |address: &str| {
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.write_all(format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        (stream, line)
    };
    let streams: Vec<_> = (0..9).map(|_| open("192.0.2.1")).collect();
    assert!(streams[..8].iter().all(|(_, line)| line.contains(" 200 ")), "{streams:?}");
    assert!(streams[8].1.contains(" 503 "), "{streams:?}");
    assert!(open("192.0.2.2").1.contains(" 200 "));
    // A place is free again when its stream has ended, which the service sees at the next thing that it would send.
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !open("192.0.2.1").1.contains(" 200 ") {
        assert!(Instant::now() < deadline);
    }
}

/// Uploads on several connections until the service is told to stop; every receipt that came must be in the record.
fn stopped_under_load(signal: &str) {
    let served = Served::start(&["--person-burst", "100000"]);
    let notes = objections(&served, "load", 1..31);
    assert!(notes.len() >= 20);
    let receipts = std::thread::scope(|scope| {
        let submitting: Vec<_> = notes
            .iter()
            .map(|note| {
                let served = &served;
                scope.spawn(move || {
                    let answer = served.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes());
                    let is_recorded = answer.status == 201;
                    is_recorded.then(|| (answer.json()["receipt"].as_str().unwrap().to_owned(), note.clone()))
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        served.signal(signal);
        submitting.into_iter().filter_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let (code, folder) = served.wait();
    if signal == "TERM" {
        assert_eq!(code, Some(0));
    }
    let key = ledger::policy::Policy::parse(&fs::read(folder.path().join("county/trust-policy")).unwrap()).unwrap();
    let again = Served::again(folder, &[]);
    let origin = again.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
    let checkpoint_key = key.log_keys(&origin).next().unwrap().clone();
    for (receipt, note) in &receipts {
        let receipt = signer::checkpoint::Receipt::parse(receipt.as_bytes()).unwrap();
        receipt.verify(note.as_bytes(), &origin, &checkpoint_key).unwrap();
        let repeated = again.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes());
        assert_eq!((repeated.status, &repeated.json()["index"]), (200, &json!(receipt.index)));
    }
    let audit = again.run(&["audit", "county", "--policy", "county/trust-policy", "--json"]);
    let report: Value = serde_json::from_str(audit.1.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let errors: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "error").collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn asked_to_stop_it_answers_what_it_took() {
    stopped_under_load("TERM");
}

#[test]
fn killed_it_has_what_it_acknowledged() {
    stopped_under_load("KILL");
}

#[test]
fn it_listens_elsewhere_only_when_told_that_the_way_is_protected() {
    let served = Served::start(&[]);
    let (code, said) = served.run(&["serve", "--dir", "county", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--plain-http"), "{said}");
    // A second service finds the ledger taken.
    let (code, said) = served.run(&["serve", "--dir", "county", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 3, "{said}");
    let (code, said) = served.run(&["serve", "--dir", "county", "--listen", "127.0.0.1:0", "--state", "county/views"]);
    assert_ne!(code, 0, "{said}");
    let decoded = base64::engine::general_purpose::STANDARD.decode(served.token("t701")).unwrap();
    assert!(String::from_utf8(decoded).unwrap().starts_with("zeren token v1\n"));
}

#[test]
fn behind_a_proxy_each_client_has_its_own_allowance() {
    let served = Served::start(&["--behind-proxy"]);
    let post = |forwarded: &str| {
        let request = format!(
            "POST /v1/statements HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {forwarded}\r\nContent-Length: 4\r\n\r\nxxxx"
        );
        served.raw(request.as_bytes()).status
    };
    // What stands before the last address is anybody's word.
    let flooding = (0..300).map(|n| post(&format!("10.0.0.{}, 192.0.2.1", n % 250))).find(|status| *status == 429);
    assert_eq!(flooding, Some(429));
    assert_eq!(post("192.0.2.2"), 422);
    let token = served.token("t701");
    let request = format!(
        "GET /v1/cases/07-01-001 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.3\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert_eq!(served.raw(request.as_bytes()).status, 200);
    assert!(served.access_log().iter().any(|line| line["peer"] == "192.0.2.3" && line["person"] == "t701"));
    let metrics = served.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.4\r\n\r\n");
    assert_eq!(metrics.status, 403);
}

/// A stranger asked thirty thousand times in five seconds, each with an address of 15 kB, and had filled half a gigabyte of the log.
#[test]
fn a_stranger_without_a_token_fills_no_disk() {
    let served = Served::start(&[]);
    let token = served.token("t701");
    let before = fs::metadata(served.path("county-service/access.jsonl")).unwrap().len();
    let long = format!("/v1/cases/{}", "A".repeat(15_500));
    let mut stream = TcpStream::connect(&served.address).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let statuses: Vec<u16> = (0..600).map(|_| status_of(&mut stream, &mut reader, &long)).collect();
    assert_eq!(statuses[0], 401);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!(refused > 250, "{refused}");
    // Somebody with a token at the same address is shown what is asked for, and the log says what it left out.
    assert_eq!(served.get("/v1/cases/07-05-003", Some(&token)).status, 200);
    let log = served.access_log();
    let unwritten: u64 = log.iter().filter_map(|line| line["requests"].as_u64()).sum();
    assert_eq!(unwritten, refused as u64);
    assert_eq!(log.iter().filter(|line| line["denied"] == "token-missing").count() + refused, statuses.len());
    assert!(log.iter().all(|line| line.to_string().len() < 500));
    let after = fs::metadata(served.path("county-service/access.jsonl")).unwrap().len();
    assert!(after - before < 300_000, "{}", after - before);
}

/// Officials had filled what there is room for in another's name, and with a key that was long replaced.
#[test]
fn a_draft_is_whose_who_signed_it_with_a_key_in_force() {
    let served = Served::start(&[]);
    let notes = objections(&served, "x", 4..6);
    assert_eq!(notes.len(), 2);
    let draft = fs::read(served.path("x.draft")).unwrap();
    let parsed = signer::draft::Draft::parse(&draft).unwrap();
    let leave = |draft: &signer::draft::Draft| served.ask("POST", "/v1/drafts", None, "text/plain", draft.encode().as_bytes());
    let rule = |draft: &signer::draft::Draft| leave(draft).json()["rule"].as_str().map(str::to_owned);
    // A signer who is not enrolled, and an appointment that is none.
    let named = |from: &str, to: &str| {
        let mut other = parsed.clone();
        other.statements.truncate(1);
        let line = other.statements[0].text.lines().find(|line| line.starts_with("by t701 ")).unwrap().to_owned();
        other.statements[0].text = other.statements[0].text.replacen(&line, &line.replacen(from, to, 1), 1);
        signed(&served, other, "t701")
    };
    let hash = parsed.statements[0].text.lines().find_map(|line| line.strip_prefix("by t701 ")).unwrap();
    let hash = hash.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(rule(&named(&hash, &format!("{}=", "A".repeat(43)))).as_deref(), Some("draft-signer"));
    let own = parsed.statements[0].text.lines().find(|line| line.starts_with("by t701 ")).unwrap();
    let nobody = signed(&served, with_line(&parsed, &own.replacen("t701", "nobody", 1)), "t701");
    assert_eq!(rule(&nobody).as_deref(), Some("draft-signer"));
    // A statement that somebody else signed does not make that one's a draft.
    let mut mixed = signed(&served, with_line(&parsed, &as_oneself(&served, &parsed, "t702")), "t702");
    mixed.statements.insert(0, parsed.statements[0].clone());
    assert_eq!(rule(&mixed).as_deref(), Some("draft-signature"));
    // A checkpoint that the ledger never signed is not put in the place of the one that co-signers verify.
    assert_eq!(leave(&parsed).status, 201);
    let mut other = parsed.clone();
    other.from.as_mut().unwrap().chain = signer::value::ChainHead([7; 32]);
    assert_eq!(rule(&other).as_deref(), Some("draft-checkpoint"));
    other.from = None;
    assert_eq!(rule(&other).as_deref(), Some("draft-checkpoint"));
    let id = leave(&parsed).json()["draft"].as_str().unwrap().to_owned();
    let taken = served.get(&format!("/v1/drafts/{id}"), Some(&served.token("t701")));
    assert_eq!(taken.body, parsed.encode().as_bytes());
    // The key is replaced, and the old one leaves nothing any more.
    let ledger = served.get("/v1/ledger", None).json()["ledger"].as_str().unwrap().to_owned();
    let shown = served.ok(&["key", "show", "t701.pem"]);
    let old = shown.split_whitespace().find(|word| word.len() == 44 && word.ends_with('=')).unwrap().to_owned();
    let new = signer::SecretKey::from_seed(&zeroize::Zeroizing::new([9; 32]));
    fs::write(served.path("t701-2.pem"), signer::keyfile::plain(&new).unwrap().as_bytes()).unwrap();
    let lines = served.ok(&["key", "prove", "t701-2.pem", "--ledger", &ledger, "--person", "t701", "--replaces", &old]);
    fs::write(served.path("t701-2.lines"), lines).unwrap();
    let replaces = format!("replaces {old}");
    let by = ["--desk", "x.desk", "--by", "t701:self", "--device", "d-07-pair-1", "--lines-from", "t701-2.lines", "-o", "r.draft"];
    served.ok(&[&["draft", "rotate"], &by[..], &["person t701", &replaces]].concat());
    served.ok(&["sign", "r.draft", "--key", "t701.pem", "--person", "t701", "--yes"]);
    let said = served.ok(&["submit", "r.draft", "--to", &served.url(), "--key", "t701.pem", "--policy", "county/trust-policy"]);
    assert!(said.contains("1 recorded"), "{said}");
    assert_eq!(rule(&parsed).as_deref(), Some("draft-signature"));
}

fn signed(served: &Served, mut draft: signer::draft::Draft, person: &str) -> signer::draft::Draft {
    for statement in &mut draft.statements {
        statement.signatures = as_signed(served, &statement.text, person);
    }
    draft
}

fn as_signed(served: &Served, text: &str, person: &str) -> Vec<signer::note::SignatureLine> {
    let key = served.secret(person);
    vec![signer::note::SignatureLine::ed25519(person, &key.public(), &key.sign(text.as_bytes()))]
}

/// Nobody but the one who signs so many is kept from leaving more.
#[test]
fn drafts_are_counted_for_whoever_signed_them_and_not_for_whoever_is_named() {
    let served = Served::start(&[]);
    objections(&served, "x", 4..5);
    let draft = signer::draft::Draft::parse(&fs::read(served.path("x.draft")).unwrap()).unwrap();
    let by = as_oneself(&served, &draft, "t702");
    let counted = |counter: u64| {
        let mut other = with_line(&draft, &by);
        let line = other.statements[0].text.lines().find(|line| line.starts_with("device ")).unwrap().to_owned();
        other.statements[0].text = other.statements[0].text.replacen(&line, &format!("device d-07-pair-1 {counter}"), 1);
        other
    };
    let leave = |draft: &signer::draft::Draft| served.ask("POST", "/v1/drafts", None, "text/plain", draft.encode().as_bytes()).status;
    // t702 names t701 first each time, and signs alone.
    let left: Vec<u16> = (0..101).map(|number| leave(&signed(&served, counted(1_000 + number), "t702"))).collect();
    assert_eq!((left[99], left[100]), (201, 429), "{left:?}");
    assert_eq!(leave(&signed(&served, counted(2_000), "t701")), 201);
    // What is recorded makes room, although nobody asked for the list.
    let mut both = signed(&served, counted(1_000), "t701");
    let second = as_signed(&served, &both.statements[0].text, "t702");
    both.statements[0].signatures.extend(second);
    let note = both.statements[0].note().encode();
    let answer = served.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes());
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(leave(&signed(&served, counted(3_000), "t702")), 201);
    assert_eq!(leave(&signed(&served, counted(3_001), "t702")), 429);
}

/// The `by` line of a person who signs as oneself, like that of t701 in a draft.
fn as_oneself(served: &Served, draft: &signer::draft::Draft, person: &str) -> String {
    let token = served.token("o001");
    let enrolled = served.get(&format!("/v1/persons/{person}"), Some(&token)).json()["enrolled_entry"].clone();
    let note = served.get(&format!("/v1/entries/{enrolled}"), Some(&token)).json()["note"].as_str().unwrap().to_owned();
    let hash = signer::statement::statement_hash(&signer::Note::parse(note.as_bytes()).unwrap().text);
    let own = draft.statements[0].text.lines().find(|line| line.starts_with("by t701 self ")).unwrap();
    let (office, _) = own.rsplit_once(' ').unwrap();
    format!("{} {hash}", office.replacen("t701", person, 1))
}

/// The first statement of a draft of t701 with one more signer, not signed.
fn with_line(draft: &signer::draft::Draft, by: &str) -> signer::draft::Draft {
    let mut other = draft.clone();
    other.statements.truncate(1);
    let own = other.statements[0].text.lines().find(|line| line.starts_with("by t701 ")).unwrap().to_owned();
    other.statements[0].text = other.statements[0].text.replacen(&own, &format!("{own}\n{by}"), 1);
    other
}

/// Rubbish from one address had silenced everybody behind the same proxy.
#[test]
fn who_floods_an_address_silences_nobody_else_there() {
    let served = Served::start(&[]);
    let notes = objections(&served, "x", 4..7);
    let post = |note: &str| served.ask("POST", "/v1/statements", None, "text/plain", note.as_bytes()).status;
    objections_of(&served, ("t702", "d-07"), "y", 7..8);
    let draft = fs::read(served.path("y.draft")).unwrap();
    let flooded = (0..400).map(|_| post("rubbish")).find(|status| *status == 429);
    assert_eq!(flooded, Some(429));
    assert_eq!(post(&notes[0]), 201);
    assert_eq!(served.ask("POST", "/v1/drafts", None, "text/plain", &draft).status, 201);
    let draft = signer::draft::Draft::parse(&draft).unwrap();
    fs::write(served.path("y.note"), draft.statements[0].note().encode()).unwrap();
    // Statements that claim to be somebody's and are not are verified at a bounded rate.
    let forged = notes[1].replace("reason mistake", "reason missing");
    assert_ne!(forged, notes[1]);
    let claimed: Vec<u16> = (0..200).map(|_| post(&forged)).collect();
    assert!(claimed.starts_with(&[422; 20]) && claimed.contains(&429), "{claimed:?}");
    // In whose name it was, that one waits; others do not.
    assert_eq!(post(&fs::read_to_string(served.path("y.note")).unwrap()), 201);
}

/// One request on a connection that stays open.
fn status_of(stream: &mut TcpStream, reader: &mut BufReader<TcpStream>, path: &str) -> u16 {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(code) = line.strip_prefix("http/1.1 ") {
            status = code[..3].parse().unwrap();
        }
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
    status
}

/// The file was held open, so putting it aside needed a stop; and its lines were never brought to the disk.
#[test]
fn the_access_log_is_put_aside_while_it_is_written() {
    let served = Served::start(&[]);
    let token = served.token("t701");
    let path = "/v1/cases/07-05-003";
    assert_eq!(served.get(path, Some(&token)).status, 200);
    let (log, aside) = (served.path("county-service/access.jsonl"), served.path("county-service/access-2026-11.jsonl"));
    fs::rename(&log, &aside).unwrap();
    let before = fs::read_to_string(&aside).unwrap();
    assert_eq!(served.get(path, Some(&token)).status, 200);
    assert_eq!(served.access_log().iter().filter(|line| line["path"] == path).count(), 1);
    assert_eq!(fs::read_to_string(&aside).unwrap(), before);
    // Whoever removes it loses what was in it, and nothing after.
    fs::remove_file(&log).unwrap();
    assert_eq!(served.get(path, Some(&token)).status, 200);
    assert_eq!(served.access_log().len(), 1);
}

/// With a full disk the ledger stopped; and it had called itself ready while nothing could be shown.
#[test]
fn the_last_of_the_disk_is_the_records() {
    let served = Served::start(&[]);
    let notes = objections(&served, "x", 4..5);
    served.signal("TERM");
    let (_, folder) = served.wait();
    let served = Served::again(folder, &["--reserve", "1000000000000"]);
    for path in ["/v1/cases/07-05-003", "/v1/cases"] {
        assert_eq!(served.get(path, Some(&served.token("t701"))).json()["rule"], "unavailable", "{path}");
    }
    let ready = served.get("/ready", None);
    assert_eq!((ready.status, ready.json()["rule"].as_str()), (503, Some("not-ready")));
    assert!(ready.json()["found"].as_str().unwrap().contains("room: false"));
    let draft = fs::read(served.path("x.draft")).unwrap();
    assert_eq!(served.ask("POST", "/v1/drafts", None, "text/plain", &draft).status, 503);
    assert_eq!(served.ask("POST", "/v1/statements", None, "text/plain", notes[0].as_bytes()).status, 201);
}
