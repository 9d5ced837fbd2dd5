//! What went wrong, what to do next, and with which code the command ends.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use ledger::LedgerError;
use ledger::policy::PolicyError;
use signer::Refusal;
use signer::draft::DraftError;
use signer::keyfile::KeyFileError;

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
    /// What a witness must remember is damaged or gone.
    #[error("{what}")]
    NotKept {
        /// What, and what to do.
        what: String,
    },
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
            Failure::Ledger(LedgerError::NotALedger | LedgerError::Exists | LedgerError::OtherCheckpointKey { .. }) => MALFORMED,
            Failure::Ledger(LedgerError::Founding(_)) | Failure::Refused(_) => REFUSED,
            Failure::Ledger(LedgerError::Damaged { .. }) | Failure::NotKept { .. } => DOES_NOT_VERIFY,
            Failure::Ledger(LedgerError::Storage { .. } | LedgerError::Poisoned) | Failure::Views(_) => STORAGE,
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
            other => {
                let advice = other.advice(lang);
                let advice = if advice.is_empty() { String::new() } else { format!("  {}: {advice}\n", lang.pick("what to do", "处理")) };
                format!("zeren: {other}\n{advice}")
            }
        }
    }

    fn advice(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Failure::Ledger(LedgerError::NotALedger) => {
                ("Check the path; `zeren init` founds a new ledger.", "请核对路径；新建账本请用 zeren init。")
            }
            Failure::Ledger(LedgerError::Exists) => {
                ("Choose a new folder: a ledger is never founded over anything.", "请另选新文件夹：不得在已有内容之上创设账本。")
            }
            Failure::Ledger(LedgerError::Damaged { .. }) => (
                "Change nothing. Run `zeren audit` for the full list, and restore from a verified copy.",
                "请勿改动。用 zeren audit 查看全部问题，并从已核验的副本恢复。",
            ),
            Failure::Ledger(LedgerError::OtherCheckpointKey { .. }) => {
                ("Give the checkpoint key in force with --checkpoint-key.", "请用 --checkpoint-key 指定现行检查点密钥。")
            }
            Failure::Ledger(LedgerError::Storage { .. } | LedgerError::Poisoned) => (
                "Nothing was acknowledged. Mend the disk, then run the command again: what is in the record will be found there.",
                "未作任何确认。请修复存储后重试，已入账的内容不会丢失。",
            ),
            Failure::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                ("Nothing is overwritten: choose another name.", "不覆盖已有文件，请另选名称。")
            }
            Failure::KeyFile { source: KeyFileError::PassphraseNeeded, .. } => {
                ("Run it at a terminal, or give --passphrase-fd.", "请在终端运行，或使用 --passphrase-fd。")
            }
            Failure::Views(_) => (
                "Views hold nothing of their own: delete the folder `views` and run the command again.",
                "视图可随时重建：删除 views 文件夹后重试。",
            ),
            _ => ("", ""),
        };
        lang.pick(en, zh)
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
