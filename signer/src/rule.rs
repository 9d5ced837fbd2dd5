//! Names of the rules, each with what to do about it. One list for refusals, findings, format.md and screens.

use core::fmt;

macro_rules! rules {
    ($($variant:ident $name:literal $en:literal $zh:literal;)*) => {
        /// A rule of `docs/format.md`, named as there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Rule {
            /// Every rule, in the order of this file.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The name in `docs/format.md`.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// What to do next, in English.
            pub const fn advice(self) -> &'static str {
                match self { $(Rule::$variant => $en,)* }
            }

            /// What to do next, in Chinese.
            pub const fn advice_zh(self) -> &'static str {
                match self { $(Rule::$variant => $zh,)* }
            }
        }
    };
}

rules! {
    // Notes (section 2)
    NoteTooLong "note-too-long" "Split the submission: one note holds at most 65,000 bytes." "每份签名文本最多 65000 字节，请分开提交。";
    NoteUtf8 "note-utf8" "Save the note as UTF-8 and sign it again." "请以 UTF-8 编码保存后重新签名。";
    Character "character" "Remove the control, formatting or special character at this position and sign again." "请删去该处的控制符、格式符或特殊字符，重新签名。";
    NoteShape "note-shape" "Submit the note exactly as `zeren sign` wrote it: text, one empty line, signature lines." "请按 zeren sign 生成的原样提交：正文、一个空行、签名行。";
    BlankLine "blank-line" "Remove the empty line inside the text and sign again." "请删去正文中的空行，重新签名。";
    // Statements (section 3)
    StatementKind "statement-kind" "The first line must read `zeren statement v1`; a newer version needs a newer zeren." "首行应为 zeren statement v1；若为更新版本，请升级 zeren。";
    StatementTooLong "statement-too-long" "Shorten the statement." "请缩短声明内容。";
    ActUnknown "act-unknown" "Use an act that this version of the format has; `zeren draft --help` lists them." "请使用本版格式已有的行为，zeren draft --help 可查。";
    LineUnknown "line-unknown" "Remove the line: this act has no such line." "该行为没有这一行，请删去。";
    LineRepeated "line-repeated" "Keep one of the repeated lines." "该行重复，请只保留一行。";
    LineMissing "line-missing" "Add the missing line; `zeren draft` writes all of them." "缺少必填行，请用 zeren draft 重新起草。";
    LineOrder "line-order" "Put the lines in the order of format.md; `zeren draft` does." "行的顺序不对，请用 zeren draft 重新起草。";
    Value "value" "Write the value as format.md says for this line." "该行的值不符合格式要求，请更正。";
    // Check (section 8.2)
    LedgerOther "ledger-other" "This statement was signed for another ledger: submit it there, or draft it anew here." "该声明是为另一账本签署的，请提交到原账本或重新起草。";
    SignatureSet "signature-set" "Every person on a `by` line signs once, in that order, and nobody else." "每位 by 行人员按顺序各签一次，不得缺签、加签。";
    KeyEncoding "key-encoding" "Make a new key with `zeren key new`: this one is not a proper Ed25519 key." "该公钥不是规范的 Ed25519 公钥，请用 zeren key new 重新生成。";
    KeyUnknown "key-unknown" "Sign with the key that is enrolled for this person, or enrol the key first." "请用本人已登记的密钥签名，或先登记密钥。";
    Signature "signature" "The signature does not fit the text: sign the text again and submit it unchanged." "签名与正文不符，请重新签名并原样提交。";
    Proof "proof" "The new key's holder must sign the possession text with that key; `zeren key prove` does." "新密钥持有人须用该密钥签署持有证明（zeren key prove）。";
    ProcedureDigest "procedure-digest" "The digest must be SHA-256 of the procedure's lines; draft the enactment from the file." "摘要须为办法全文的 SHA-256，请从文件重新起草。";
    ProcedureFormat "procedure-format" "Correct the procedure file as section 7 of format.md says." "请按 format.md 第 7 节更正办法文件。";
    ProcedureTwoPowers "procedure-two-powers" "Let this act need offices of enough different powers." "该行为须由足够多的不同权力的岗位共同签署，请修改办法。";
    // Founding and amendment (5.1, 5.2)
    Purpose "purpose" "A demonstration's origin starts with `demo.`; a production ledger's does not." "演示账本的名称以 demo. 开头，正式账本不得以此开头。";
    Threshold "threshold" "The threshold is at least 2 and at most the number of founders." "门限人数至少为 2，且不超过创设人数。";
    FounderPowers "founder-powers" "Name founders of at least two powers, each a power of the procedure." "创设人须至少分属两种权力，且均为办法所列权力。";
    PersonTaken "person-taken" "Choose another person id: this one is taken." "该人员编号已被使用，请另选。";
    IdentityTaken "identity-taken" "This natural person is enrolled already; use the existing person id." "该自然人已登记，请使用原人员编号。";
    KeyTaken "key-taken" "Make a new key: this key, or its key id, is or was somebody's already." "该密钥或其编号已有人使用过，请重新生成密钥。";
    WitnessRepeated "witness-repeated" "Name each witness and each witness key once." "每个见证方及其密钥只能列一次。";
    // Other acts (5.3 to 5.9)
    PersonUnknown "person-unknown" "Enrol the person first." "请先登记该人员。";
    PersonOther "person-other" "The person concerned must sign this act." "该行为须由本人签署。";
    ProcedureSequence "procedure-sequence" "Keep the procedure's id and give the new version a higher number." "办法编号须与此前一致，版本号须递增。";
    DeviceTaken "device-taken" "Choose another device id: this one is taken." "该设备编号已被使用，请另选。";
    DeviceUnknown "device-unknown" "Enrol the device first, and let the signer see that entry." "请先登记该设备，并让签署人取得最新检查点。";
    DeviceEnded "device-ended" "This device was taken out of use: sign on another." "该设备已停用，请换用其他设备。";
    OfficeUnknown "office-unknown" "Use an office that the procedure names." "请使用办法所列的岗位。";
    Period "period" "The period must end after it begins." "终止时间须晚于起始时间。";
    AppointmentUnknown "appointment-unknown" "Name the statement that appointed the signer; `zeren draft` finds it." "请写明任命该签署人的声明（zeren draft 会自动查找）。";
    AppointmentMismatch "appointment-mismatch" "Person, office and unit must be those of the appointment." "人员、岗位、单位须与任命一致。";
    AppointmentEnded "appointment-ended" "The appointment has ended: somebody in office signs, or a new appointment is made." "该任命已终止，请由在任人员签署或重新任命。";
    KeyRevoked "key-revoked" "This key was revoked: sign with the new key, or have one issued." "该密钥已吊销，请用新密钥签署或申请换发。";
    KeyActive "key-active" "The key is in use: the person rotates it, or it is revoked first." "该密钥仍有效：请由本人更换，或先行吊销。";
    SuspectedBound "suspected-bound" "The suspected time lies after the last act that the key signed together with another person, and not in the future." "疑似泄露时间须晚于该密钥最近一次与他人共同签署的时间，且不得晚于当前时间。";
    SuspectedSupervisor "suspected-supervisor" "A holder of the supervising power must countersign a suspected time." "注明疑似泄露时间的，须由监督方会签。";
    CaseHead "case-head" "The case has moved on: fetch its present head, look at what happened, draft again." "该案件已有新的变动，请取得最新状态、核对后重新起草。";
    RecordUsed "record-used" "This legacy record is in the ledger already." "该历史记录已导入，不能重复导入。";
    // Cosigned entries (5.10)
    CheckpointFormat "checkpoint-format" "A cosigned entry holds a checkpoint of three lines and nothing else." "共签条目只能包含三行检查点。";
    CheckpointSignature "checkpoint-signature" "The checkpoint must be signed first by the ledger's checkpoint key." "检查点须先由账本检查点密钥签名。";
    WitnessUnknown "witness-unknown" "Only witnesses that the founding or its amendment names can cosign." "只有创设文件或其修订所列的见证方可以共签。";
    WitnessSignature "witness-signature" "The cosignature does not fit: ask the witness again." "见证签名不符，请向见证方重新索取。";
    CheckpointAhead "checkpoint-ahead" "The checkpoint is larger than this log: find out who showed the witness a longer one." "检查点大于本账本，请查明是谁向见证方出示了更长的账本。";
    CheckpointUnlike "checkpoint-unlike" "The cosigned checkpoint is of another history: keep it as evidence and tell the auditors." "共签的检查点属于另一历史，请留证并报告审计。";
    CheckpointOld "checkpoint-old" "A later checkpoint has been cosigned already." "已有更新的检查点获得共签。";
    WitnessTime "witness-time" "The ledger's clock and the witnesses' disagree: set the clock right and ask again." "账本时钟与见证方时间不符，请校正时钟后重新索取。";
    // Entries (6, 8.1)
    EntryFormat "entry-format" "The entry's bytes are damaged: restore from a verified copy." "条目字节已损坏，请从已核验的副本恢复。";
    Chain "chain" "The entry before was changed, or this one was moved: restore from a verified copy." "前一条目被改动或本条目被移动，请从已核验的副本恢复。";
    ReceivedOrder "received-order" "Times of receipt never go back: set the machine's clock right." "接收时间不得倒退，请校正机器时钟。";
    FoundingMissing "founding-missing" "A ledger's first entry is its founding." "账本的首条必须是创设声明。";
    FoundingRepeated "founding-repeated" "A ledger is founded once; use an amendment." "账本只能创设一次，请使用修订。";
    Unwitnessed "unwitnessed" "No witness has cosigned for more than 24 hours: obtain a cosigned checkpoint first." "已超过 24 小时没有见证方共签，请先取得共签的检查点。";
    // Statements in the log (8.3)
    SeenAhead "seen-ahead" "The signer saw a longer log than this one: this copy may be rolled back; tell the auditors." "签署人见过比本账本更长的记录，本副本可能被回退，请报告审计。";
    SeenUnlike "seen-unlike" "The signer saw another history: keep the statement as evidence and tell the auditors." "签署人见过的是另一段历史，请保留该声明作为证据并报告审计。";
    AtFuture "at-future" "Set the device's clock right and sign again." "设备时钟超前，请校正后重新签署。";
    AtStale "at-stale" "Signed too long ago: look at the case again and sign again." "签署时间过久，请重新核对后再签。";
    ProcedureUnknown "procedure-unknown" "Name a procedure that was enacted in this ledger." "请引用本账本已颁行的办法。";
    ProcedureVersion "procedure-version" "Draft again under the version that is in force." "请按现行版本重新起草。";
    CounterUsed "counter-used" "The device's counter was used by another statement: draft again." "设备计数已被另一声明使用，请重新起草。";
    SignerRepeated "signer-repeated" "One person signs once." "同一人只能签署一次。";
    KeyNotYet "key-not-yet" "The signer must have seen the entry that made the key known: fetch a checkpoint and sign again." "签署人须先取得包含其密钥登记的检查点，再行签署。";
    KeySuperseded "key-superseded" "The key was replaced: sign with the new one." "该密钥已更换，请用新密钥签署。";
    AppointmentNotYet "appointment-not-yet" "The appointment begins later." "任命尚未生效。";
    QualificationMissing "qualification-missing" "Record the required training or licence first." "请先登记该岗位要求的培训或资格。";
    GovernanceOffice "governance-office" "This office may not sign this act: see [governance] in the procedure." "该岗位无权签署此行为，见办法 [governance]。";
    GovernanceCount "governance-count" "More persons must sign this act: see [governance] in the procedure." "签署人数不足，见办法 [governance]。";
    GovernancePowers "governance-powers" "Persons of more different powers must sign this act: see [governance] in the procedure." "须由更多不同权力的岗位共同签署，见办法 [governance]。";
    // Audit (11)
    Marker "marker" "The folder's `ledger` file does not name this ledger: restore it, and ask who changed it." "文件夹中的 ledger 文件与账本不符，请恢复并查明原因。";
    Slot "slot" "One checkpoint slot is damaged, as a crash can leave it; the next commit writes it anew." "一个检查点槽损坏（断电可致），下次提交会重写。";
    CheckpointMissing "checkpoint-missing" "No checkpoint verifies: restore from a verified copy." "没有可核验的检查点，请从已核验的副本恢复。";
    EntriesMissing "entries-missing" "The checkpoint covers entries that are not here: restore from a verified copy." "检查点所涵盖的条目缺失，请从已核验的副本恢复。";
    Uncovered "uncovered" "Entries after the checkpoint have no receipt; the ledger judges them anew when it opens." "检查点之后的条目没有回执，账本打开时会重新核验。";
    Tail "tail" "Bytes after the last entry, as a crash can leave them; the ledger cuts them when it opens." "末条之后有残余字节（断电可致），账本打开时会清除。";
    CheckpointRoot "checkpoint-root" "The entries are not those that were signed for: restore from a verified copy." "条目与检查点签署时不同，请从已核验的副本恢复。";
    CheckpointKey "checkpoint-key" "The checkpoint is signed with a key that was not in force at its size." "检查点所用密钥在该大小时并非有效密钥。";
    RefusalFormat "refusal-format" "The refusal note is damaged or misnamed." "拒绝通知损坏或文件名不符。";
    RefusalSignature "refusal-signature" "The refusal note is not signed by this ledger." "拒绝通知不是本账本签署的。";
    RefusalUnlike "refusal-unlike" "The refusal names another history: keep it as evidence." "拒绝通知指向另一段历史，请留证。";
    HashFile "hash-file" "A derived hash file differs; the ledger makes it anew when it opens." "派生的哈希文件不符，账本打开时会重建。";
    KnownOther "known-other" "The known checkpoint is of another ledger." "所给检查点属于另一账本。";
    KnownSignature "known-signature" "The known checkpoint is not signed by this ledger's key." "所给检查点不是本账本密钥签署的。";
    Rollback "rollback" "This copy is older than a checkpoint that the ledger signed: find the newer copy, and ask why." "本副本早于账本已签署的检查点，请找到较新的副本并查明原因。";
    Fork "fork" "The ledger signed two histories: keep both as evidence and tell the auditors." "账本签署了两段不同的历史，请保留两者作为证据并报告审计。";
    OtherLedger "other-ledger" "The policy is for another ledger." "该信任策略属于另一账本。";
    PolicyUnmet "policy-unmet" "No checkpoint satisfies the policy: ask the witnesses for cosignatures, or check the policy." "没有检查点满足信任策略，请向见证方索取共签或核对策略。";
    PolicyInside "policy-inside" "A policy found inside the audited folder proves nothing: obtain it from elsewhere." "被审计文件夹内的信任策略不能作为依据，请从外部取得。";
    // At the door (12)
    SubmissionLimit "submission-limit" "Too many refusals for this key today: correct the cause and continue tomorrow." "该密钥今日被拒次数过多，请查明原因，明日再交。";
    ReadOnly "read-only" "The ledger is read-only, since a later checkpoint of it was shown: restore the later copy." "已有人出示更新的检查点，账本只读，请恢复较新的副本。";
    CheckpointKeyAbsent "checkpoint-key-absent" "Give the ledger the new checkpoint key before it is put in force." "请先为账本配备新的检查点密钥。";
}

impl Rule {
    /// The rule of that name, if there is one.
    pub fn named(name: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something was not accepted: the rule, where, what it asks for, what was there. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}{}: expected {expected}, found {found}", line.map(|n| format!(" (line {n})")).unwrap_or_default())]
pub struct Refusal {
    /// The rule that was broken.
    pub rule: Rule,
    /// Line of the text, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What would satisfy the rule.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl Refusal {
    /// A refusal without a line.
    pub fn new(rule: Rule, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Refusal { rule, line: None, expected: expected.into(), found: shorten(found.into()) }
    }

    /// The same, at a line (from 1).
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

/// Found values come from strangers: bounded, printable on one line, and never empty.
fn shorten(found: String) -> String {
    const SHOWN_CHARS_MAX: usize = 160;
    if found.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: String =
        found.chars().take(SHOWN_CHARS_MAX).map(|c| if crate::value::is_printable(c) { c } else { '\u{FFFD}' }).collect();
    if found.chars().count() > SHOWN_CHARS_MAX {
        shown.push('…');
    }
    shown
}
