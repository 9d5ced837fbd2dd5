//! Properties: what is written reads back as itself; what was signed cannot be changed; no bytes make a decoder panic.
#![allow(clippy::unwrap_used, reason = "strategies build values that are valid by construction")]

use std::sync::LazyLock;

use ledger::check::{KeyRing, check, parse};
use ledger::entry::Entry;
use ledger::policy::Policy;
use ledger::procedure::{Procedure, procedure_digest};
use ledger::refusal_note::RefusalNote;
use proptest::collection::vec;
use proptest::prelude::*;
use signer::act::{
    Act, Basis, Capacity, Constitution, DeviceReason, EndReason, Founder, Founding, Import, NewKey, Purpose, RelatedTo, RevokeReason,
    Witness,
};
use signer::checkpoint::{Checkpoint, Receipt};
use signer::note::SignatureLine;
use signer::statement::{By, Header, ProcedureName, Seen};
use signer::strict::Signature;
use signer::value::{
    CaseId, ChainHead, Code, Commitment, DeviceId, IdentityToken, KeyBytes, KeyName, LedgerId, NUMBER_MAX, Nonce, NoteHash, Office, Origin,
    PersonId, Power, SourceDigest, StatementHash, Text, Time, TimeMs, TreeHash, TreeRoot, Unit, UnixMs,
};
use signer::{Note, PublicKey, Rule, Statement};

/// A value of the grammar that a regular expression gives, or another one.
fn of<T: std::fmt::Debug>(pattern: &'static str, parse: impl Fn(&str) -> Option<T>) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("not of the grammar", move |text| parse(&text))
}

fn hash<T: std::fmt::Debug>(make: impl Fn([u8; 32]) -> T) -> impl Strategy<Value = T> {
    any::<[u8; 32]>().prop_map(make)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..200u64, 0..=NUMBER_MAX]
}

fn person() -> impl Strategy<Value = PersonId> {
    of("[a-z][a-z0-9-]{0,31}", PersonId::parse)
}

fn device() -> impl Strategy<Value = DeviceId> {
    of("[a-z][a-z0-9-]{0,31}", DeviceId::parse)
}

fn code() -> impl Strategy<Value = Code> {
    of("[a-z0-9][a-z0-9-]{0,39}", Code::parse)
}

fn unit() -> impl Strategy<Value = Unit> {
    of("-|[A-Za-z0-9][A-Za-z0-9-]{0,15}", Unit::parse)
}

fn office() -> impl Strategy<Value = Office> {
    of("founder|self|[a-z][a-z0-9_]{0,31}", Office::parse)
}

fn power() -> impl Strategy<Value = Power> {
    of("[A-Z]{1,4}", Power::parse)
}

fn case() -> impl Strategy<Value = CaseId> {
    of("[A-Za-z0-9][A-Za-z0-9._-]{0,39}", CaseId::parse)
}

/// Characters from every part of the repertoire, and some that stand just outside of it, which the filter takes out again.
fn text() -> impl Strategy<Value = Text> {
    of("[ -~·À-ſΑ-ωЀ-ѯء-ە—‘-”、-〕ぁ-ヿ㐀-龥ꀀ-ꒌ가-힣𠀀-𠀿]{1,40}", Text::parse)
}

fn time() -> impl Strategy<Value = Time> {
    // Whole years inside 1900 to 9999 at every offset.
    (-2_208_900_000i64..253_402_200_000, -899i16..=899).prop_map(|(unix_seconds, offset_minutes)| Time { unix_seconds, offset_minutes })
}

fn key() -> impl Strategy<Value = KeyBytes> {
    hash(KeyBytes)
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(r, s)| Signature([r, s].concat().try_into().unwrap()))
}

fn procedure_name() -> impl Strategy<Value = ProcedureName> {
    (code(), number(), any::<[u8; 32]>()).prop_map(|(id, version, digest)| ProcedureName {
        id,
        version,
        digest: signer::value::ProcedureDigest(digest),
    })
}

fn header() -> impl Strategy<Value = Header> {
    let by = (person(), office(), unit(), hash(StatementHash)).prop_map(|(person, office, unit, appointment)| By {
        person,
        office,
        unit,
        appointment,
    });
    let seen = (1..=NUMBER_MAX, hash(TreeRoot), hash(ChainHead)).prop_map(|(size, root, chain)| Seen { size, root, chain });
    (proptest::option::of(procedure_name()), vec(by, 1..4), device(), number(), time(), seen)
        .prop_map(|(procedure, by, device, counter, at, seen)| Header { procedure, by, device, counter, at, seen })
}

fn constitution() -> impl Strategy<Value = Constitution> {
    let witness = (of("[!-*,-~]{1,60}", KeyName::parse), key()).prop_map(|(name, key)| Witness { name, key });
    (number(), key(), vec(witness, 0..3)).prop_map(|(threshold, checkpoint_key, witnesses)| Constitution {
        threshold,
        checkpoint_key,
        witnesses,
    })
}

fn founding() -> impl Strategy<Value = Statement> {
    let founder = (person(), power(), hash(IdentityToken), key(), text()).prop_map(|(person, power, identity, key, name)| Founder {
        person,
        power,
        identity,
        key,
        name,
    });
    let origin = of("[a-z0-9.-]{1,20}(/[a-z0-9._-]{1,20}){1,3}", Origin::parse);
    let purpose = prop_oneof![Just(Purpose::Production), Just(Purpose::Demonstration)];
    (origin, hash(Nonce), purpose, time(), device(), code(), constitution(), vec(founder, 1..4)).prop_map(
        |(origin, nonce, purpose, at, device, identity_body, constitution, founders)| {
            Statement::Founding(Box::new(Founding { origin, nonce, purpose, at, device, identity_body, constitution, founders }))
        },
    )
}

fn new_key() -> impl Strategy<Value = NewKey> {
    (person(), key(), key(), signature()).prop_map(|(person, replaces, key, proof)| NewKey { person, replaces, key, proof })
}

fn to() -> impl Strategy<Value = Option<Time>> {
    proptest::option::of(time())
}

fn acts_on_persons() -> impl Strategy<Value = Act> {
    let capacity = prop_oneof![Just(Capacity::Regular), Just(Capacity::Acting), Just(Capacity::Delegated)];
    let end = prop_oneof![Just(EndReason::Died), Just(EndReason::Dismissed), Just(EndReason::Transferred)];
    let revoke = prop_oneof![Just(RevokeReason::Lost), Just(RevokeReason::Compromised)];
    let basis = prop_oneof![Just(Basis::Declared), Just(Basis::Attested), Just(Basis::Ordered)];
    let related = prop_oneof![case().prop_map(RelatedTo::Case), person().prop_map(RelatedTo::Person)];
    prop_oneof![
        (person(), text(), hash(IdentityToken), key(), signature()).prop_map(|(person, name, identity, key, proof)| Act::Enrol {
            person,
            name,
            identity,
            key,
            proof
        }),
        (person(), office(), unit(), capacity, unit(), time(), to(), hash(Commitment)).prop_map(
            |(person, office, unit, capacity, home, from, to, instrument)| Act::Appoint {
                person,
                office,
                unit,
                capacity,
                home,
                from,
                to,
                instrument
            }
        ),
        (person(), hash(StatementHash), end).prop_map(|(person, appointment, reason)| Act::AppointEnd { person, appointment, reason }),
        new_key().prop_map(Act::Rotate),
        new_key().prop_map(Act::Rekey),
        (person(), key(), revoke, to()).prop_map(|(person, key, reason, suspected)| Act::Revoke { person, key, reason, suspected }),
        (person(), code(), related, basis, proptest::option::of(hash(Commitment)))
            .prop_map(|(person, relation, to, basis, evidence)| Act::Relate { person, relation, to, basis, evidence }),
        (person(), code(), time(), to(), hash(Commitment)).prop_map(|(person, qualification, from, to, evidence)| Act::Qualify {
            person,
            qualification,
            from,
            to,
            evidence
        }),
    ]
}

fn other_acts() -> impl Strategy<Value = Act> {
    let reason = prop_oneof![Just(DeviceReason::Lost), Just(DeviceReason::Retired)];
    let lines = vec("[ -~中（）：]{0,30}", 1..20).prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let import = (
        case(),
        proptest::option::of(hash(StatementHash)),
        hash(SourceDigest),
        number(),
        time(),
        0..1000u16,
        text(),
        text(),
        text(),
        text(),
    );
    prop_oneof![
        (constitution(), vec((person(), power()), 1..5)).prop_map(|(constitution, founders)| Act::Amend { constitution, founders }),
        (code(), number(), lines).prop_map(|(id, version, text)| {
            let enacts = ProcedureName { id, version, digest: procedure_digest(&text) };
            Act::Enact { enacts, text }
        }),
        (device(), unit()).prop_map(|(enrols, unit)| Act::Device { enrols, unit }),
        (device(), reason).prop_map(|(ends, reason)| Act::DeviceEnd { ends, reason }),
        import.prop_map(|(case, head, source, record, time, millis, activity, actor, group, lifecycle)| {
            let recorded = TimeMs { time, millis };
            Act::Import(Import { case, head, source, record, recorded, activity, actor, group, lifecycle })
        }),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    let ledger = || of("demo\\.[a-z]{1,9}/[a-z]{1,9}/[0-9a-f]{16}", LedgerId::parse);
    let act = prop_oneof![3 => acts_on_persons(), 2 => other_acts()];
    prop_oneof![1 => founding(), 6 => (ledger(), header(), act).prop_map(|(ledger, header, act)| Statement::Act { ledger, header, act })]
}

/// A ledger with every act, and the keys of all.
static SIGNED: LazyLock<(Vec<Vec<u8>>, KeyRing)> = LazyLock::new(|| {
    let world = tests::tamper::whole_life();
    (world.notes().into_iter().map(|(_, note)| note).collect(), tests::vectors::ring(&world))
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_statement_reads_back_as_itself(statement in statement()) {
        let text = statement.encode();
        match Statement::parse(&text) {
            Ok(read) => {
                prop_assert_eq!(&read, &statement);
                prop_assert_eq!(read.encode(), text);
            }
            // Four scripts of four bytes a character can be too much for one statement.
            Err(refusal) => prop_assert_eq!(refusal.rule, Rule::StatementTooLong),
        }
    }

    #[test]
    fn a_text_that_reads_is_the_one_that_it_encodes_to(
        statement in statement(), at in any::<prop::sample::Index>(), with in "[ -~\n]{0,3}", cut in 0..4usize,
    ) {
        let mut text = statement.encode();
        let at = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let end = (at + cut..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        text.replace_range(at..end, &with);
        if let Ok(read) = Statement::parse(&text) {
            prop_assert_eq!(read.encode(), text);
        }
    }

    #[test]
    fn a_note_reads_back_as_itself(text in "([!-~][ -~中]{0,20}\n){1,4}", lines in vec(("[!-*,-~]{1,20}", any::<[u8; 4]>(), vec(any::<u8>(), 1..90)), 1..6)) {
        let signatures = lines.into_iter().map(|(name, key_id, payload)| SignatureLine { name, key_id, payload }).collect();
        let note = Note { text, signatures };
        prop_assert_eq!(Note::parse(note.encode().as_bytes()), Ok(note));
    }

    #[test]
    fn no_bit_of_a_signed_note_can_be_flipped(note in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (notes, ring) = &*SIGNED;
        let mut note = note.get(notes).clone();
        let at = at.index(note.len());
        note[at] ^= 1 << bit;
        // A founding brings its own keys, but signs its whole text with them like any other.
        prop_assert!(check(&note, ring).is_err(), "bit {} of byte {}", bit, at);
    }

    #[test]
    fn receipts_and_checkpoints_read_back(
        origin in "[a-z.]{1,20}", size in number(), root in hash(TreeRoot), index in number(),
        proof in vec(hash(TreeHash), 0..12), previous in hash(ChainHead), received in 0..UnixMs::MAX.0,
    ) {
        let checkpoint = Checkpoint { origin, size, root };
        prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Some(checkpoint.clone()));
        let note = checkpoint.sign(&tests::world::key("checkpoint"));
        let entry_head = ledger::entry::entry_head(previous, UnixMs(received));
        let entry = format!("{entry_head}note");
        let read = Entry::parse(entry.as_bytes()).unwrap();
        prop_assert_eq!((read.previous, read.received, read.note), (previous, UnixMs(received), &b"note"[..]));
        let receipt = Receipt { entry_head, index, proof, checkpoint: note.into() };
        prop_assert_eq!(Receipt::parse(receipt.encode().as_bytes()), Some(receipt));
    }

    #[test]
    fn refusals_read_back(submitted in hash(NoteHash), statement in hash(StatementHash), rule in 0..Rule::ALL.len(), received in number(), size in number()) {
        let ledger = LedgerId::parse("demo.x/y/0123456789abcdef").unwrap();
        let seen = Seen { size, root: TreeRoot([1; 32]), chain: ChainHead([2; 32]) };
        let refusal = RefusalNote { ledger, submitted, statement, rule: Rule::ALL[rule], received: UnixMs(received as i64), seen };
        let note = refusal.sign(&tests::world::key("checkpoint"));
        prop_assert_eq!(RefusalNote::parse(&note.text), Some(refusal));
    }

    #[test]
    fn keys_that_decode_encode_to_the_same_bytes(bytes in key()) {
        if let Ok(key) = PublicKey::decode(&bytes) {
            prop_assert_eq!(key.bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..600)) {
        decode_everything(&bytes);
    }

    #[test]
    fn no_text_that_is_almost_right_makes_a_decoder_panic(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), with in vec(any::<u8>(), 0..5), cut in 0..80usize,
    ) {
        let mut bytes = file.get(&SHAPED).clone();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        decode_everything(&bytes);
    }
}

/// One file of every kind.
static SHAPED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let text = |rule: &str| tests::vectors::vectors().remove(rule).unwrap();
    let mut files: Vec<Vec<u8>> = SIGNED.0.clone();
    files.extend(["good/entry", "good/receipt.tlog-proof", "good/checkpoint", "policy", "ledger/ledger"].map(text));
    files.push(tests::world::PROCEDURE.as_bytes().to_vec());
    files.push(signer::keyfile::plain(&tests::world::key("f1")).unwrap().as_bytes().to_vec());
    files
});

fn decode_everything(bytes: &[u8]) {
    let ring = &SIGNED.1;
    let _ = Note::parse(bytes);
    let _ = parse(bytes, ring.ledger());
    let _ = check(bytes, ring);
    let _ = Entry::parse(bytes).map(|entry| check(entry.note, ring));
    let _ = Receipt::parse(bytes);
    let _ = Policy::parse(bytes);
    let _ = signer::keyfile::read(bytes, None);
    let _ = signer::draft::Draft::parse(bytes);
    let lossy = String::from_utf8_lossy(bytes);
    let _ = Statement::parse(&lossy);
    let _ = Checkpoint::parse(&lossy);
    let _ = RefusalNote::parse(&lossy);
    let _ = Procedure::parse(&lossy);
    for value in lossy.split([' ', '\n']) {
        let _ = (Time::parse(value), TimeMs::parse(value), StatementHash::parse(value), CaseId::parse(value), LedgerId::parse(value));
    }
}
