//! Sections 2 and 3: bytes that are no note, texts that are no statement.

use signer::Rule;
use signer::act::Act;
use signer::note::{NOTE_BYTES_MAX, SIGNATURES_MAX};
use signer::value::base64;

use super::Table;
use crate::world::{PROCEDURE, World};

pub(super) fn fill(table: &mut Table) {
    notes(table);
    statements(table);
    layouts(table);
    characters(table);
    values(table);
}

/// A signed record by the archivist.
fn honest(world: &mut World) -> Vec<u8> {
    let act = world.record("case-1", 1);
    let statement = world.statement(&["a1"], act);
    world.sign(&statement)
}

fn note(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(String) -> Vec<u8>) {
    table.refused(rule, name, World::staffed(), |world| {
        let bytes = edit(String::from_utf8(honest(world)).unwrap());
        world.push(&bytes);
    });
}

/// The record's text changed, then signed: the signature is right.
fn statement(table: &mut Table, rule: Rule, name: &str, edit: impl FnOnce(String) -> String) {
    table.refused(rule, name, World::staffed(), |world| {
        let act = world.record("case-1", 1);
        world.act_text(&["a1"], act, edit);
    });
}

/// The character before the padding has two bits that must be zero: sets one.
fn with_unused_bits(text: &str, padding: usize) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = text[..padding].chars().next_back().unwrap();
    let other = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    format!("{}{other}{}", &text[..padding - 1], &text[padding..])
}

fn notes(table: &mut Table) {
    note(table, Rule::NoteTooLong, "a note one byte too long", |note| {
        let fill = "x".repeat(NOTE_BYTES_MAX + 1 - note.len() - 1);
        format!("{fill}\n{note}").into_bytes()
    });
    note(table, Rule::NoteUtf8, "a byte that is no UTF-8", |note| {
        let mut bytes = note.into_bytes();
        bytes[40] = 0xFF;
        bytes
    });
    for (name, found) in
        [("carriage return", "\r"), ("tab", "\t"), ("zero", "\0"), ("delete", "\u{7F}"), ("next line", "\u{85}"), ("escape", "\u{1B}[2J")]
    {
        note(table, Rule::Character, &format!("control character: {name}"), |note| {
            note.replacen("Group", &format!("Gr{found}oup"), 1).into_bytes()
        });
    }
    note(table, Rule::NoteShape, "no line break at the end", |note| note.trim_end_matches('\n').to_owned().into_bytes());
    note(table, Rule::NoteShape, "no empty line before the signature", |note| note.replace("\n\n", "\n").into_bytes());
    note(table, Rule::NoteShape, "no signature line", |note| format!("{}\n\n", note.split("\n\n").next().unwrap()).into_bytes());
    note(table, Rule::NoteShape, "no text", |note| format!("\n\n{}", note.split("\n\n").nth(1).unwrap()).into_bytes());
    note(table, Rule::NoteShape, "a hyphen for the dash", |note| note.replace('—', "-").into_bytes());
    note(table, Rule::NoteShape, "a plus in a key name", |note| note.replace("— a1", "— a+1").into_bytes());
    note(table, Rule::NoteShape, "an ideographic space in a key name", |note| note.replace("— a1", "— a\u{3000}1").into_bytes());
    note(table, Rule::NoteShape, "a signature of no bytes", |note| {
        format!("{}\n\n— a1 AAAAAA==\n", note.split("\n\n").next().unwrap()).into_bytes()
    });
    note(table, Rule::NoteShape, "base64 with unused bits", |note| with_unused_bits(&note, note.rfind('=').unwrap()).into_bytes());
    note(table, Rule::NoteShape, "one signature line too many", |note| {
        let line = note.split("\n\n").nth(1).unwrap().to_owned();
        (note + &line.repeat(SIGNATURES_MAX)).into_bytes()
    });
    note(table, Rule::NoteShape, "something after the signatures", |note| (note + "PS\n").into_bytes());
    note(table, Rule::BlankLine, "an empty line inside the text", |note| note.replacen("\nactor", "\n\nactor", 1).into_bytes());
    note(table, Rule::BlankLine, "an empty line before the text", |note| format!("\n{note}").into_bytes());
}

fn statements(table: &mut Table) {
    statement(table, Rule::StatementKind, "a later version of statements", |text| text.replacen("v1", "v2", 1));
    statement(table, Rule::StatementKind, "a kind with a space after it", |text| text.replacen("v1\n", "v1 \n", 1));
    statement(table, Rule::StatementKind, "a checkpoint of another ledger", |_| {
        format!("demo.other.example/x/0123456789abcdef\n1\n{}\n", base64(&[7; 32]))
    });
    statement(table, Rule::StatementTooLong, "a statement one byte too long", |text| {
        let longer = text.replace("activity Check confirmation of receipt", &format!("activity {}", "中".repeat(120)));
        let longer = longer.replace("actor Resource21", &format!("actor {}", "中".repeat(120)));
        let longer = longer.replace("group Group 1", &format!("group {}", "中".repeat(120)));
        let missing = 2_001 - longer.len();
        longer.replacen("procedure ", &format!("procedure {}", "x".repeat(missing)), 1)
    });
    statement(table, Rule::StatementTooLong, "an unknown act is not given the length of an enactment", |text| {
        text.replace("act import", "act importune") + &"| line\n".repeat(400)
    });
    statement(table, Rule::ActUnknown, "an act that is reserved for later", |text| text.replace("act import", "act result"));
    statement(table, Rule::ActUnknown, "an act with a capital letter", |text| text.replace("act import", "act Import"));
    statement(table, Rule::ActUnknown, "an act with a space after it", |text| text.replace("act import\n", "act import \n"));
    statement(table, Rule::LineMissing, "no act", |text| text.replace("act import\n", ""));
    table.refused(Rule::StatementTooLong, "an enactment too long", World::staffed(), |world| {
        let act = World::enactment(&PROCEDURE.replace("version = 1", "version = 2"));
        world.act_text(&["f1", "f2"], act, |text| text + &format!("| # {}\n", "x".repeat(100)).repeat(580));
    });
}

fn layouts(table: &mut Table) {
    statement(table, Rule::LineUnknown, "a line of another act", |text| text + "office clerk\n");
    statement(table, Rule::LineUnknown, "a line of no act", |text| text.replace("actor ", "colour red\nactor "));
    statement(table, Rule::LineUnknown, "no space between key and value", |text| text.replace("actor Resource21", "actor=Resource21"));
    statement(table, Rule::LineUnknown, "a space before a key", |text| text.replace("\nactor", "\n actor"));
    statement(table, Rule::LineUnknown, "an unknown line weighs more than a missing one", |text| {
        text.replace("group Group 1", "gruop Group 1")
    });
    for key in
        ["ledger", "procedure", "by", "device", "at", "seen", "case", "source", "recorded", "activity", "actor", "group", "lifecycle"]
    {
        let line = |text: &str| text.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap().to_owned() + "\n";
        statement(table, Rule::LineMissing, &format!("no `{key}` line"), |text| text.replacen(&line(&text), "", 1));
        if key != "by" {
            statement(table, Rule::LineRepeated, &format!("a second `{key}` line"), |text| {
                let line = line(&text);
                text.replacen(&line, &format!("{line}{line}"), 1)
            });
        }
        if key != "lifecycle" {
            statement(table, Rule::LineOrder, &format!("the `{key}` line last"), |text| {
                let line = line(&text);
                text.replacen(&line, "", 1) + &line
            });
        }
    }
    statement(table, Rule::LineRepeated, "a second `act` line", |text| text.replacen("act import\n", "act import\nact import\n", 1));
    statement(table, Rule::LineRepeated, "a repeated line weighs more than a missing one", |text| {
        text.replace("group Group 1", "actor Group 1")
    });
    statement(table, Rule::LineOrder, "two lines changed places", |text| {
        text.replace("actor Resource21\ngroup Group 1", "group Group 1\nactor Resource21")
    });
}

fn characters(table: &mut Table) {
    let strange = [
        ("right-to-left override", "\u{202E}"),
        ("left-to-right isolate", "\u{2066}"),
        ("zero width space", "\u{200B}"),
        ("byte order mark", "\u{FEFF}"),
        ("line separator", "\u{2028}"),
        ("no-break space", "\u{A0}"),
        ("combining acute", "e\u{301}"),
        ("ligature", "\u{FB01}"),
        ("private use", "\u{E000}"),
        ("full-width parenthesis", "（"),
        ("multiplication sign", "×"),
        ("compatibility ideograph", "\u{F900}"),
        ("emoji", "\u{1F600}"),
    ];
    for (name, found) in strange {
        statement(table, Rule::Character, &format!("free text with {name}"), |text| {
            text.replace("Resource21", &format!("Res{found}ource"))
        });
    }
    statement(table, Rule::Character, "a letter of free text where only ASCII may stand", |text| {
        text.replace("device d1", "device d\u{E9}1")
    });
    statement(table, Rule::Character, "a character weighs more than the value it stands in", |text| text.replace("at 20", "at \u{4E00}20"));
    table.refused(Rule::Character, "a bidi character in a person's name", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act_text(&["f1", "f2"], act, |text| text.replace("name 甲子", "name \u{202E}甲子"));
    });
    table.refused(Rule::Character, "a zero width space in a procedure", World::staffed(), |world| {
        let act = World::enactment(&PROCEDURE.replace("version = 1", "version = 2"));
        world.act_text(&["f1", "f2"], act, |text| text.replace("| basis", "| \u{200B}basis"));
    });
    table.holds("every script of the repertoire in free text", World::staffed(), |world| {
        let act = world.record("case-1", 1);
        world.act_text(&["a1"], act, |text| {
            text.replace("Resource21", "Łódź Ωμέγα Київ عربي 彝文ꀀ 한글 ひカ ー 甲·子—“乙”〇、𠀀").replace('έ', "ε")
        });
    });
}

fn values(table: &mut Table) {
    let wrong = [
        ("two spaces between parts", "device d1 ", "device d1  "),
        ("a space after a value", "lifecycle complete\n", "lifecycle complete \n"),
        ("a number with a leading zero", "device d1 ", "device d1 0"),
        ("a time without offset", "+08:00\nseen", "Z\nseen"),
        ("an offset of minus zero", "+08:00\nseen", "-00:00\nseen"),
        ("an offset beyond fourteen hours", "+08:00\nseen", "+15:00\nseen"),
        ("a day that no month has", "at 2026-01-05", "at 2026-01-32"),
        ("a size of zero", "seen 11 ", "seen 0 "),
        ("a case id with an identity number", "case case-1 ", "case 110101199003070011 "),
        ("a milliseconds part too short", ".250+08:00", ".25+08:00"),
        ("no value", "group Group 1", "group"),
        ("two spaces in free text", "Group 1", "Group  1"),
        ("a person id with a capital letter", "by a1 ", "by A1 "),
        ("a unit too long", " 00 ", " 00000000000000000 "),
    ];
    for (name, from, to) in wrong {
        statement(table, Rule::Value, &format!("value: {name}"), |text| {
            assert!(text.contains(from), "{name}: {text}");
            text.replacen(from, to, 1)
        });
    }
    statement(table, Rule::Value, "value: base64 with unused bits", |text| with_unused_bits(&text, text.find("= 1\nrecorded").unwrap()));
    statement(table, Rule::Value, "value: a number beyond 2^53", |text| text.replacen("= 1\nrecorded", "= 9007199254740992\nrecorded", 1));
    statement(table, Rule::Value, "value: free text of 121 characters", |text| text.replace("Resource21", &"x".repeat(121)));
    statement(table, Rule::Value, "value: the first wrong line is the answer", |text| {
        text.replace("device d1", "device D1").replace("Resource21", "\u{202E}")
    });
    table.refused(Rule::Value, "value: an empty procedure line with a space", World::staffed(), |world| {
        let act = World::enactment(&PROCEDURE.replace("version = 1", "version = 2"));
        world.act_text(&["f1", "f2"], act, |text| text.replacen("\n|\n", "\n| \n", 1));
    });
    table.refused(Rule::Value, "value: an office beyond its length", World::staffed(), |world| {
        let act = World::appointment("c1", "clerk", "07");
        world.act_text(&["f1", "f2"], act, |text| text.replace("office clerk", &format!("office {}", "c".repeat(33))));
    });
    for (from, to) in [("capacity regular", "capacity permanent"), ("to open", "to never"), ("home 07", "home _")] {
        table.refused(Rule::Value, &format!("value: {to}"), World::staffed(), |world| {
            world.act_text(&["f1", "f2"], World::appointment("c1", "clerk", "07"), |text| text.replace(from, to));
        });
    }
    table.refused(Rule::Value, "value: a key of another algorithm", World::staffed(), |world| {
        let act = world.enrolment("p9");
        world.act_text(&["f1", "f2"], act, |text| text.replace("key ed25519 ", "key sm2 "));
    });
    table.refused(Rule::Value, "value: related to neither case nor person", World::staffed(), |world| {
        let act = Act::Relate {
            person: crate::world::person("a1"),
            relation: crate::world::code("cousin"),
            to: signer::act::RelatedTo::Person(crate::world::person("c1")),
            basis: signer::act::Basis::Attested,
            evidence: None,
        };
        world.act_text(&["s1"], act, |text| text.replace("to person c1", "to unit c1"));
    });
}
