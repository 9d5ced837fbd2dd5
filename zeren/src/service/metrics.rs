//! What the service counts, in Prometheus's text format.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use ledger::Answer;

use super::Service;
use crate::http::listener::Peer;
use crate::http::problem::Problem;
use crate::lang::Lang;
use crate::writer::{self, Turn};

/// Counts of answers.
#[derive(Debug, Default)]
pub struct Metrics {
    recorded: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
    unverified: AtomicU64,
}

impl Metrics {
    /// Counts an answer.
    pub fn count(&self, answer: &Answer) {
        let counter = match answer {
            Answer::Recorded { is_repeated: false, .. } => &self.recorded,
            Answer::Recorded { is_repeated: true, .. } => &self.repeated,
            Answer::Refused { note: Some(_), .. } => &self.refused,
            Answer::Refused { note: None, .. } => &self.unverified,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// `GET /metrics`, for this machine only.
pub async fn metrics(State(service): State<Arc<Service>>, Extension(peer): Extension<Peer>, lang: Lang) -> Result<Response, Problem> {
    if !peer.0.is_loopback() {
        let advice = lang.pick("Ask from the machine itself.", "请在本机查询。");
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "loopback",
            lang.pick("a request from this machine", "本机发出的请求"),
            lang.pick("another", "其他机器"),
            advice,
        ));
    }
    let text = service.blocking(lang, move |service| gather(service, lang)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

fn gather(service: &Service, lang: Lang) -> Result<String, Problem> {
    let counted = service.views.ask(lang, |rows| Ok(rows.cursor()?.map_or(0, |cursor| cursor.size)))?;
    let (entries, cosigned, received_ms) = {
        let ledger = writer::read(&service.ledger);
        (ledger.seen().map_or(0, |seen| seen.size), ledger.state().cosigned_size(), ledger.state().received_last().0)
    };
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let Metrics { recorded, repeated, refused, unverified } = &service.metrics;
    let connections = &service.connections;
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, samples: &[(&str, u64)]| {
        let _ = writeln!(text, "# HELP zeren_{name} {help}\n# TYPE zeren_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "zeren_{name}{labels} {value}");
        }
    };
    let answers = [
        ("{answer=\"recorded\"}", load(recorded)),
        ("{answer=\"repeated\"}", load(repeated)),
        ("{answer=\"refused\"}", load(refused)),
        ("{answer=\"unverified\"}", load(unverified)),
    ];
    add("statements_total", "counter", "Statements by answer.", &answers);
    add("entries", "gauge", "Entries under the last checkpoint.", &[("", entries)]);
    add("views_entries", "gauge", "Entries that the views count.", &[("", counted)]);
    add("cosigned_entries", "gauge", "Entries under the last logged cosigned checkpoint.", &[("", cosigned)]);
    add("received_last_seconds", "gauge", "Unix time of the last entry.", &[("", u64::try_from(received_ms / 1_000).unwrap_or(0))]);
    let taken = [("{result=\"accepted\"}", load(&connections.accepted)), ("{result=\"turned_away\"}", load(&connections.turned_away))];
    add("connections_total", "counter", "Connections.", &taken);
    if let Some((all, halted)) = service.counties.as_ref().map(crate::cluster::counties::counted) {
        add("counties", "gauge", "Ledgers that this one follows and anchors.", &[("", all)]);
        add("counties_halted", "gauge", "Those that are followed no more until a person looks.", &[("", halted)]);
    }
    if let Some(heard) = service.heard.as_ref().map(|heard| *heard.borrow()) {
        let seconds = heard.at.map_or(u64::MAX, |at| at.elapsed().as_secs());
        add("cluster_heard_seconds", "gauge", "Seconds since a majority of the stream's servers was last there.", &[("", seconds)]);
        add("cluster_sequencing", "gauge", "Whether this node sequences.", &[("", u64::from(service.writer.turn() == Turn::Ours))]);
        add("cluster_block", "gauge", "The last block of the stream that this node knows.", &[("", heard.block)]);
    }
    add("requests_timed_out_total", "counter", "Requests whose time ran out.", &[("", load(&connections.timed_out))]);
    Ok(text)
}
