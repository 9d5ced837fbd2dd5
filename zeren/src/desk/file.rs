//! The desk as a file, and as a service sends it.

use std::collections::BTreeMap;

use ledger::state::Appointment;
use serde_json::{Map, Value, json};
use signer::act::Capacity;
use signer::draft::{Consistency, DraftedFrom};
use signer::statement::{ProcedureName, Seen};
use signer::value::{
    CaseId, ChainHead, Code, DeviceId, LedgerId, ListRoot, Office, PersonId, ProcedureDigest, StatementHash, TreeHash, TreeRoot, Unit,
    UnixMs,
};
use signer::{ActName, Note};

use super::{Desk, Enacted};

const KIND: &str = "zeren desk v1";
/// Longest desk, in bytes.
pub const DESK_BYTES_MAX: u64 = 64 << 20;

impl Desk {
    /// As it is sent and kept.
    pub fn to_json(&self) -> Value {
        let texts = |all: &[Office]| all.iter().map(|office| office.as_str().to_owned()).collect::<Vec<_>>();
        let procedures = self.procedures.iter().map(|enacted| {
            let offices: Map<String, Value> =
                enacted.offices.iter().map(|(act, offices)| ((*act).to_owned(), json!(texts(offices)))).collect();
            json!({
                "id": enacted.name.id.as_str(), "version": enacted.name.version, "digest": enacted.name.digest.to_string(),
                "starts_ms": enacted.starts.0, "offices": offices,
            })
        });
        let appointments = self.appointments.iter().map(|(hash, held)| {
            json!({
                "statement": hash.to_string(), "person": held.person.as_str(), "office": held.office.as_str(), "unit": held.unit.as_str(),
                "home": held.home.as_str(), "capacity": held.capacity.to_string(), "entry": held.since, "from_ms": held.from.0,
                "to_ms": held.to.map(|to| to.0),
            })
        });
        let consistency = self.from.consistency.iter().map(
            |proof| json!({ "old": proof.old, "new": proof.new, "proof": proof.proof.iter().map(ToString::to_string).collect::<Vec<_>>() }),
        );
        let heads: Map<String, Value> = self.heads.iter().map(|(case, head)| (case.to_string(), json!(head.to_string()))).collect();
        let lists: Map<String, Value> =
            self.lists.iter().map(|(list, (count, total, root))| (list.to_string(), json!([count, total, root.to_string()]))).collect();
        let batches: Map<String, Value> =
            self.batches.iter().map(|(batch, (list, count, total))| (batch.to_string(), json!([list.as_str(), count, total]))).collect();
        let counters: Map<String, Value> = self.counters.iter().map(|(device, next)| (device.to_string(), json!(next))).collect();
        json!({
            "kind": KIND, "ledger": self.ledger.as_str(), "checkpoint": self.from.checkpoint.encode(),
            "seen": { "size": self.seen.size, "root": self.seen.root.to_string(), "chain": self.seen.chain.to_string() },
            "consistency": consistency.collect::<Vec<_>>(), "received_last_ms": self.received_last.0,
            "simulated_now_ms": self.simulated_now.map(|now| now.0),
            "procedures": procedures.collect::<Vec<_>>(), "appointments": appointments.collect::<Vec<_>>(),
            "counters": counters, "heads": heads, "lists": lists, "batches": batches,
        })
    }

    /// Reads what [`Desk::to_json`] wrote; otherwise the part that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Desk, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if value["kind"] != KIND {
            return Err(format!("kind: expected {KIND}"));
        }
        let read = |name: &'static str, read: Option<()>| read.ok_or_else(|| name.to_owned());
        let mut procedures = Vec::new();
        let mut appointments = Vec::new();
        let mut consistency = Vec::new();
        read("procedures", each(&value["procedures"], &mut procedures, enacted))?;
        read("appointments", each(&value["appointments"], &mut appointments, appointment))?;
        read("consistency", each(&value["consistency"], &mut consistency, proof))?;
        let seen = &value["seen"];
        let wrong = |name: &'static str| move || name.to_owned();
        let seen = Seen {
            size: seen["size"].as_u64().ok_or_else(wrong("seen.size"))?,
            root: text(&seen["root"], TreeRoot::parse).ok_or_else(wrong("seen.root"))?,
            chain: text(&seen["chain"], ChainHead::parse).ok_or_else(wrong("seen.chain"))?,
        };
        let checkpoint = text(&value["checkpoint"], |note| Note::parse(note.as_bytes()).ok()).ok_or_else(wrong("checkpoint"))?;
        Ok(Desk {
            ledger: text(&value["ledger"], LedgerId::parse).ok_or_else(wrong("ledger"))?,
            from: DraftedFrom { checkpoint, chain: seen.chain, consistency },
            seen,
            received_last: UnixMs(value["received_last_ms"].as_i64().ok_or_else(wrong("received_last_ms"))?),
            simulated_now: value["simulated_now_ms"].as_i64().map(UnixMs),
            procedures,
            appointments,
            counters: named(&value["counters"], DeviceId::parse, Value::as_u64).ok_or_else(wrong("counters"))?,
            heads: named(&value["heads"], CaseId::parse, |head| text(head, StatementHash::parse)).ok_or_else(wrong("heads"))?,
            lists: named(&value["lists"], Code::parse, |list| {
                Some((list[0].as_u64()?, list[1].as_u64()?, text(&list[2], ListRoot::parse)?))
            })
            .ok_or_else(wrong("lists"))?,
            batches: named(&value["batches"], Code::parse, |batch| {
                Some((text(&batch[0], Code::parse)?, batch[1].as_u64()?, batch[2].as_u64()?))
            })
            .ok_or_else(wrong("batches"))?,
        })
    }
}

fn text<T>(value: &Value, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    value.as_str().and_then(parse)
}

fn each<T>(values: &Value, into: &mut Vec<T>, read: impl Fn(&Value) -> Option<T>) -> Option<()> {
    for value in values.as_array()? {
        into.push(read(value)?);
    }
    Some(())
}

fn named<K: Ord, V>(values: &Value, key: impl Fn(&str) -> Option<K>, read: impl Fn(&Value) -> Option<V>) -> Option<BTreeMap<K, V>> {
    values.as_object()?.iter().map(|(name, value)| Some((key(name)?, read(value)?))).collect()
}

fn enacted(value: &Value) -> Option<Enacted> {
    let name = ProcedureName {
        id: text(&value["id"], Code::parse)?,
        version: value["version"].as_u64()?,
        digest: text(&value["digest"], ProcedureDigest::parse)?,
    };
    let mut offices = BTreeMap::new();
    for (act, of) in value["offices"].as_object()? {
        let mut named = Vec::new();
        each(of, &mut named, |office| text(office, Office::parse))?;
        offices.insert(ActName::named(act)?.as_str(), named);
    }
    Some(Enacted { name, starts: UnixMs(value["starts_ms"].as_i64()?), offices })
}

fn appointment(value: &Value) -> Option<(StatementHash, Appointment)> {
    let held = Appointment {
        person: text(&value["person"], PersonId::parse)?,
        office: text(&value["office"], Office::parse)?,
        unit: text(&value["unit"], Unit::parse)?,
        power: None,
        capacity: text(&value["capacity"], Capacity::parse)?,
        home: text(&value["home"], Unit::parse)?,
        since: value["entry"].as_u64()?,
        from: UnixMs(value["from_ms"].as_i64()?),
        to: value["to_ms"].as_i64().map(UnixMs),
        ended: None,
    };
    Some((text(&value["statement"], StatementHash::parse)?, held))
}

fn proof(value: &Value) -> Option<Consistency> {
    let mut proof = Vec::new();
    each(&value["proof"], &mut proof, |hash| text(hash, TreeHash::parse))?;
    Some(Consistency { old: value["old"].as_u64()?, new: value["new"].as_u64()?, proof })
}
