//! What went wrong, what to do next, and with which code the command ends.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ledger::LedgerError;
use ledger::policy::PolicyError;
use signer::Refusal;
use signer::draft::DraftError;
use signer::keyfile::KeyFileError;

use crate::cluster::place::ASKING;
use crate::cluster::sequence::PUBLISHING;
use crate::lang::Lang;
use crate::screen::within_line;

/// Everything verifies.
pub const HOLDS: u8 = 0;
/// Something does not verify.
pub const DOES_NOT_VERIFY: u8 = 1;
/// Usage, or malformed input.
pub const MALFORMED: u8 = 2;
/// Storage or network.
pub const STORAGE: u8 = 3;
/// Refused by a rule.
pub const REFUSED: u8 = 4;
/// Stale, or another ledger.
pub const STALE_OR_OTHER: u8 = 5;

/// Another node of the cluster has taken over.
pub const DEPOSED: u8 = 7;

/// HTTP status with which a service answers what a rule of the record refuses.
pub const REFUSED_BY_RECORD: u16 = 422;

/// How the system says that a disk is full, within what views say of their own storage.
const NO_ROOM: &str = "os error 28";

/// Why a command ends without having done its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something given cannot be used.
    #[error("{what}")]
    Malformed {
        /// What, and what to do instead.
        what: String,
    },
    /// A file that cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A copy of a ledger.
    #[error("the copy: {0}")]
    Copy(LedgerError),
    /// What is there contradicts what somebody holds.
    #[error("{refusal}")]
    Contradicted {
        /// Which rule, expected, found.
        refusal: Refusal,
        /// Where both are kept, or nothing.
        evidence: String,
    },
    /// A restored ledger that nobody has been asked about, or a backup: nothing is written to it.
    #[error("{0}")]
    Held(String),
    /// A rule refuses.
    #[error("{0}")]
    Refused(Refusal),
    /// A draft.
    #[error("{path}: {source}")]
    Draft {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: DraftError,
    },
    /// A key file.
    #[error("{path}: {source}")]
    KeyFile {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// A policy.
    #[error("{path}: {source}")]
    Policy {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: PolicyError,
    },
    /// Views.
    #[error("views: {0}")]
    Views(String),
    /// What a witness or a service must remember is damaged or gone.
    #[error("{what}")]
    NotKept {
        /// What, and what to do.
        what: String,
    },
    /// A service that cannot be reached, or that answers nonsense.
    #[error("{what}")]
    Remote {
        /// Which, and what came.
        what: String,
    },
    /// A service says that something is recorded, and its receipt does not show it.
    #[error("{refusal}")]
    Unproven {
        /// What does not verify.
        refusal: Refusal,
    },
    /// The servers of a cluster that cannot be reached, or will not have somebody.
    #[error("{what}")]
    Cluster {
        /// What, in their words.
        what: String,
    },
    /// A service that shows another history than was seen before.
    #[error("{what}")]
    OtherHistory {
        /// What, and what to do.
        what: String,
    },
    /// A service that refuses.
    #[error("{0}")]
    Problem(Box<Refusing>),
}

/// A problem that a service answered with.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rule}: expected {expected}, found {found}")]
pub struct Refusing {
    /// The HTTP status.
    pub status: u16,
    /// The rule, the record's or the service's.
    pub rule: String,
    /// What it expected.
    pub expected: String,
    /// What it found.
    pub found: String,
    /// What to do, in the language that was asked for.
    pub advice: String,
    /// The refusal, signed by the ledger.
    pub note: Option<String>,
    /// When to come again, if the service says so and took nothing.
    pub retry_after: Option<Duration>,
}

impl Refusing {
    /// From a problem document.
    pub fn of(status: u16, problem: &serde_json::Value) -> Option<Refusing> {
        let text = |name: &str| problem[name].as_str().map(str::to_owned);
        Some(Refusing {
            status,
            rule: text("rule")?,
            expected: text("expected")?,
            found: text("found")?,
            advice: text("advice")?,
            note: text("refusal"),
            retry_after: None,
        })
    }

    /// As the terminal shows it.
    pub fn render(&self, lang: Lang) -> String {
        // What a rule of the record advises is known here. Of the service's own rules only the service knows.
        let known = signer::Rule::named(&self.rule).filter(|_| self.status == REFUSED_BY_RECORD);
        let advice = known.map_or(self.advice.as_str(), |rule| lang.pick(rule.advice(), rule.advice_zh()));
        format!(
            "{}: {}\n  {}: {}\n  {}: {}\n  {}: {}\n",
            lang.pick("refused by rule", "依规则拒绝"),
            within_line(&self.rule),
            lang.pick("expected", "应为"),
            within_line(&self.expected),
            lang.pick("found   ", "实为"),
            within_line(&self.found),
            lang.pick("to do   ", "处理"),
            within_line(advice),
        )
    }
}

impl Failure {
    /// Input that cannot be used.
    pub fn malformed(what: impl Into<String>) -> Failure {
        Failure::Malformed { what: what.into() }
    }

    /// A file that failed.
    pub fn file(path: &Path) -> impl Fn(io::Error) -> Failure {
        let path = within_line(&path.display().to_string());
        move |source| Failure::File { path: path.clone(), source }
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        let code = match self {
            Failure::Malformed { .. } | Failure::Policy { .. } | Failure::KeyFile { .. } => MALFORMED,
            Failure::Contradicted { .. } | Failure::Ledger(LedgerError::OtherHistory(_)) => STALE_OR_OTHER,
            Failure::Held(_) | Failure::Ledger(LedgerError::Unfit(_) | LedgerError::OnACluster) => REFUSED,
            Failure::Copy(LedgerError::Damaged { .. }) => DOES_NOT_VERIFY,
            Failure::Copy(_) => STORAGE,
            Failure::Ledger(
                LedgerError::OtherFormat { .. } | LedgerError::NotALedger | LedgerError::Exists | LedgerError::OtherCheckpointKey { .. },
            ) => MALFORMED,
            Failure::Ledger(LedgerError::Founding(_)) | Failure::Refused(_) => REFUSED,
            Failure::Ledger(LedgerError::Damaged { .. } | LedgerError::Block { .. })
            | Failure::NotKept { .. }
            | Failure::Unproven { .. } => DOES_NOT_VERIFY,
            Failure::Ledger(LedgerError::Storage { .. } | LedgerError::Poisoned)
            | Failure::Views(_)
            | Failure::Remote { .. }
            | Failure::Cluster { .. } => STORAGE,
            Failure::Ledger(LedgerError::Deposed(_)) => DEPOSED,
            Failure::OtherHistory { .. } => STALE_OR_OTHER,
            Failure::Problem(refusing) => match refusing.status {
                400 | 404 | 405 | 413 | 415 => MALFORMED,
                408 | 429 | 500..=599 => STORAGE,
                _ => REFUSED,
            },
            Failure::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory => {
                    MALFORMED
                }
                _ => STORAGE,
            },
            Failure::Draft { source, .. } => match source {
                DraftError::Malformed { .. } => MALFORMED,
                DraftError::OtherHistory { .. } | DraftError::OtherKey => STALE_OR_OTHER,
                _ => REFUSED,
            },
        };
        ExitCode::from(code)
    }

    /// What the terminal shows.
    pub fn render(&self, lang: Lang) -> String {
        match self {
            Failure::Refused(refusal) | Failure::Ledger(LedgerError::Founding(refusal)) => render_refusal(refusal, lang),
            Failure::Draft { source: DraftError::Statement { number, refusal }, path } => {
                format!("{}, {} {number}:\n{}", within_line(path), lang.pick("statement", "声明"), render_refusal(refusal, lang))
            }
            Failure::Problem(refusing) => refusing.render(lang),
            Failure::Contradicted { refusal, evidence } => {
                let advice = lang.pick(refusal.rule.advice(), refusal.rule.advice_zh());
                let kept = match evidence.is_empty() {
                    true => String::new(),
                    false => format!("  {}: {}\n", lang.pick("evidence", "证据"), within_line(evidence)),
                };
                render_refused(lang.pick("finding", "问题"), refusal, advice, lang) + &kept
            }
            Failure::Ledger(LedgerError::OtherHistory(refusal)) => {
                let advice = lang.pick(refusal.rule.advice(), refusal.rule.advice_zh());
                render_refused(lang.pick("finding", "问题"), refusal, advice, lang)
            }
            Failure::Unproven { refusal } => {
                let advice = lang.pick(
                    "The service says that this is recorded, and does not show it. Keep what you signed, do not count it as recorded, and tell the auditors.",
                    "服务声称已入账，但未能证明。请保留已签署内容，勿视为已入账，并报告审计。",
                );
                render_refused(lang.pick("does not verify", "未能核验"), refusal, advice, lang)
            }
            other => {
                let advice = other.advice(lang);
                let advice = if advice.is_empty() { String::new() } else { format!("  {}: {advice}\n", lang.pick("what to do", "处理")) };
                format!("zeren: {other}\n{advice}")
            }
        }
    }

    fn advice(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Failure::Cluster { what } | Failure::Ledger(LedgerError::Unfit(what)) => of_cluster(what),
            Failure::Ledger(error) => of_ledger(error),
            Failure::Copy(LedgerError::Damaged { .. }) => (
                "Keep this copy as it is, begin a new one in another folder, and find out why.",
                "请保留该备份原样，另选文件夹重新备份，并查明原因。",
            ),
            Failure::Copy(_) => (
                "A copy that was there is as it was. Mend the disk, then run the same command again.",
                "已有的备份保持原状。请修复存储后再次运行同一命令。",
            ),
            Failure::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ("Nothing is overwritten: choose another name.", "不覆盖已有文件，请另选名称。")
            }
            Failure::KeyFile { source: KeyFileError::PassphraseNeeded, .. } => {
                ("Run it at a terminal, or give --passphrase-fd.", "请在终端运行，或使用 --passphrase-fd。")
            }
            Failure::Remote { .. } => (
                "Is the service there, and the address right? Nothing is lost: the same again is answered as the first time.",
                "请检查服务是否运行、地址是否正确。重复提交会得到首次的答复，不会丢失。",
            ),
            Failure::Views(what) if what.contains(NO_ROOM) => (
                "The disk is full. Make room outside the ledger's folder, then start again; nothing in `ledger/` may be deleted.",
                "磁盘已满。请在账本文件夹之外腾出空间后重新启动；不得删除账本文件夹内任何文件。",
            ),
            Failure::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => (
                "The disk is full. Make room outside the ledger's folder, then start again; nothing in `ledger/` may be deleted.",
                "磁盘已满。请在账本文件夹之外腾出空间后重新启动；不得删除账本文件夹内任何文件。",
            ),
            Failure::Views(_) => (
                "Views hold nothing of their own: delete the folder `views` and run the command again.",
                "视图可随时重建：删除 views 文件夹后重试。",
            ),
            _ => ("", ""),
        };
        lang.pick(en, zh)
    }
}

/// What to do where a ledger cannot be opened, written or followed.
fn of_ledger(error: &LedgerError) -> (&'static str, &'static str) {
    match error {
        LedgerError::NotALedger => ("Check the path; `zeren init` founds a new ledger.", "请核对路径；新建账本请用 zeren init。"),
        LedgerError::OtherFormat { .. } => (
            "Nothing was changed. Use the program that wrote it, or a later one: a program reads its own version of the format and every earlier one (docs/format.md section 20).",
            "未作任何改动。请使用写入该账本的程序或更新的版本：每个版本的程序可读本版及以前各版格式（docs/format.md 第 20 节）。",
        ),
        LedgerError::Exists => {
            ("Choose a new folder: a ledger is never founded over anything.", "请另选新文件夹：不得在已有内容之上创设账本。")
        }
        LedgerError::Damaged { .. } => (
            "Change nothing. Run `zeren audit` for the full list, and restore from a verified copy.",
            "请勿改动。用 zeren audit 查看全部问题，并从已核验的副本恢复。",
        ),
        // As what is contradicted: the rule says what to do.
        LedgerError::OtherHistory(_) => ("", ""),
        LedgerError::OtherCheckpointKey { .. } => {
            ("Give the checkpoint key in force with --checkpoint-key.", "请用 --checkpoint-key 指定现行检查点密钥。")
        }
        LedgerError::Storage { step: ASKING | PUBLISHING, .. } => (
            "No majority of the servers answered, or they have no room: `deploy/cluster/stream info` says which are there. Nothing more was acknowledged; started again, this node goes on or follows.",
            "服务器未达多数，或磁盘已满：请用 deploy/cluster/stream info 查看。此后未作任何确认；重新启动后本节点将继续或跟随。",
        ),
        LedgerError::Storage { .. } | LedgerError::Poisoned => (
            "Nothing was acknowledged. Mend the disk, then run the command again: what is in the record will be found there.",
            "未作任何确认。请修复存储后重试，已入账的内容不会丢失。",
        ),
        LedgerError::OnACluster => (
            "`zeren cluster join --from THIS --to FOLDER` makes a node of this copy; it reads what it lacks from the cluster. There is no way back to one machine.",
            "请用 zeren cluster join --from 本文件夹 --to FOLDER 将本副本建为节点，所缺内容由集群补齐。已上集群的账本不能改回单机。",
        ),
        LedgerError::Deposed(_) => (
            "Nothing more was acknowledged here, and what was is in the record. Start the node again: it follows, or says what stands in the stream that is no node's.",
            "本节点此后未作任何确认，此前已确认的均已入账。请重新启动本节点：它将跟随新的现任节点；若数据流中有他人写入的内容，会予指明。",
        ),
        LedgerError::Block { .. } => (
            "Nothing was changed here. `zeren cluster status` says how record and stream differ; where the stream is gone or damaged, `zeren cluster repair` opens the next generation (docs/operations-cluster.md sections 10 and 11).",
            "本机未作改动。请用 zeren cluster status 查明差异；数据流丢失或损坏的，用 zeren cluster repair 开立新一代（docs/operations-cluster.md 第 10、11 节）。",
        ),
        LedgerError::Unfit(_) | LedgerError::Founding(_) => ("", ""),
    }
}

/// What to do where a cluster's servers will not have somebody, or are not as they must be: they say why in words of their own.
fn of_cluster(what: &str) -> (&'static str, &'static str) {
    let said = what.to_lowercase();
    let is = |part: &str| said.contains(part);
    if is("no permission") {
        (
            "This user has no permission for that: is `certificate` that of a node, and are `inbox` and `node` this user's name?",
            "本用户无权进行该操作：请核对 certificate 是否为节点的证书，inbox、node 是否为本用户的名称。",
        )
    } else if is("no suitable peers") {
        (
            "No three servers fit: each needs the tag `sync:always` and a zone of its own, and must know the others (docs/operations-cluster.md section 3).",
            "没有三台合适的服务器：每台须有标签 sync:always、各属不同区域，并互相连通（docs/operations-cluster.md 第 3 节）。",
        )
    } else if is("unknownissuer") {
        (
            "`authority` did not sign that server's certificate: take the authority.pem of this cluster.",
            "authority 未签发该服务器的证书：请使用本集群的 authority.pem。",
        )
    } else if is("expired") {
        (
            "A certificate has expired: renew it (docs/operations-cluster.md section 15).",
            "证书已过期：请续期（docs/operations-cluster.md 第 15 节）。",
        )
    } else if is("authorization violation") {
        (
            "The servers know nobody by this certificate: is the user in the list, and did the servers get the configuration made from it?",
            "服务器名单中没有此证书的用户：请核对名单，并将据此生成的配置下发到各服务器。",
        )
    } else if is("valid for name") || is("notvalidforname") {
        ("The server's certificate is for another name than `servers` says.", "服务器证书上的名称与 servers 所填不符。")
    } else if is("certificate or key") {
        ("`certificate` and `certificate_key` do not belong together.", "certificate 与 certificate_key 不配套。")
    } else if is("expected") {
        (
            "Nothing was published. The servers or the stream are NOT FIT: docs/operations-cluster.md section 7 says how to mend them.",
            "未发布任何内容。服务器或数据流的配置不合（NOT FIT）：请按 docs/operations-cluster.md 第 7 节更正。",
        )
    } else {
        (
            "Are the servers there, and the addresses right? Nothing is lost: run the same again.",
            "请检查服务器是否运行、地址是否正确。不会丢失任何内容，可再次运行。",
        )
    }
}

/// A refusal as a clerk reads it.
pub fn render_refusal(refusal: &Refusal, lang: Lang) -> String {
    render_refused(lang.pick("refused by rule", "依规则拒绝"), refusal, lang.pick(refusal.rule.advice(), refusal.rule.advice_zh()), lang)
}

/// The same under another heading, with other advice.
pub fn render_refused(heading: &str, refusal: &Refusal, advice: &str, lang: Lang) -> String {
    let line = refusal.line.map(|line| format!("  {}: {line}\n", lang.pick("line    ", "行号"))).unwrap_or_default();
    format!(
        "{heading}: {}\n{line}  {}: {}\n  {}: {}\n  {}: {advice}\n",
        refusal.rule,
        lang.pick("expected", "应为"),
        within_line(&refusal.expected),
        lang.pick("found   ", "实为"),
        within_line(&refusal.found),
        lang.pick("to do   ", "处理"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service with a full disk was started again, and said that the views should be deleted.
    #[test]
    fn a_full_disk_is_not_mended_by_deleting() {
        let full = io::Error::from_raw_os_error(28);
        let views = Failure::Views(projector::ProjectorError::Storage { step: "opening", source: full }.to_string());
        for failure in [views, Failure::file(Path::new("access.jsonl"))(io::Error::from_raw_os_error(28))] {
            let said = failure.render(Lang::En);
            assert!(said.contains("Make room") && !said.contains("delete the folder"), "{said}");
            assert!(failure.render(Lang::Zh).contains("磁盘已满"));
        }
        assert!(Failure::Views("the row `x` cannot be read".to_owned()).render(Lang::En).contains("delete the folder"));
    }
}
