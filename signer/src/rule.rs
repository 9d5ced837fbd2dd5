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
    // A programme: the procedure (7.1 to 7.3), who signs (8.4, 8.5)
    ProcedureReference "procedure-reference" "Name a step, office, power, level or outcome that the procedure has, of the kind asked for." "请引用办法中已有且类别相符的步骤、岗位、权力、层级或结果。";
    GovernanceNone "governance-none" "The procedure does not say who may do this: add it to [governance] and enact a new version." "办法未规定由谁作出此行为，请在 [governance] 中补充并颁行新版本。";
    StepUnknown "step-unknown" "Name a step of the procedure in force, of the kind that this act does." "请写明现行办法中类别相符的步骤。";
    StepLines "step-lines" "Give exactly the lines that this step calls for; `zeren draft` writes them." "请按该步骤要求填写，不缺不多（zeren draft 会自动生成）。";
    StepAsserts "step-asserts" "Assert every item of the step; where one is not `yes`, sign an outcome such as a suspension instead." "请逐项确认；如有一项不符，请改签暂缓等结果，不得签过。";
    StepMeasures "step-measures" "Give every measure that the step names, in its order." "请按顺序填写该步骤要求的计量。";
    StepEvidence "step-evidence" "Commit to every piece of evidence that the step names, in its order." "请按顺序附齐该步骤要求的证据承诺值。";
    StepOffice "step-office" "This office does not do this step: see `by` in the procedure." "该岗位不办理此步骤，见办法中的 by。";
    StepCount "step-count" "More persons must sign this step: see `by` in the procedure." "签署人数或岗位不足，见办法中的 by。";
    JoinUnknown "join-unknown" "Name a step that still waits for signers." "请写明仍在等待会签的步骤。";
    JoinExpired "join-expired" "The step waited too long: sign it anew." "等待会签已逾期，请重新办理该步骤。";
    // Cases (8.6)
    CaseTaken "case-taken" "Choose another case id: this one is taken." "该案件编号已被使用，请另选。";
    CaseUnknown "case-unknown" "Open the case first, or correct its id." "请先受理该案件，或更正编号。";
    CaseUnit "case-unit" "Somebody of the case's own unit, or of one above it, must sign." "须由案件所在单位或其上级单位的人员签署。";
    CaseStatus "case-status" "The case is suspended, ended or referred: do first what its outcome asks for." "案件已暂缓、终止或请示中，请先按其结果处理。";
    CasePaid "case-paid" "The payment is locked: only a hold, or a correction before the batch, can stop it." "该款已锁定，只能暂扣或在成批前更正。";
    StandardMissing "standard-missing" "The procedure has no amount for this scheme, tier and period." "办法未规定该项目、档次、年度的标准。";
    FlagOpen "flag-open" "Answer the open objection, dissent, report, appeal or hold first." "请先答复未结的异议、不同意见、举报、申诉，或解除暂扣。";
    FlagUnknown "flag-unknown" "Name an objection, dissent, report, appeal or hold that is still open." "请写明仍未结的异议、不同意见、举报、申诉或暂扣。";
    PeriodOrder "period-order" "A renewal is for a later period than the case's." "续办的年度须晚于案件现有年度。";
    StepRepeated "step-repeated" "This step was done in this period already; a mistake is taken back by a correction." "该步骤本年度已办结；如有错误请先更正。";
    StepOrder "step-order" "Do the steps before it first; where a sample is drawn, wait for the next cosigned entry." "请先办结前序步骤；需抽样的，请等待下一次共签。";
    TeamOther "team-other" "Two members of the sub-group whose area it is must sign." "须由负责该片区的同一小组成员签署。";
    OutcomeUnknown "outcome-unknown" "Name an outcome of the procedure in force." "请写明现行办法中的结果。";
    Reason "reason" "Give one of the reasons that the procedure lists." "请使用办法所列的理由代码。";
    OfUnknown "of-unknown" "Name the statement that did the step or gave the outcome in force." "请写明办理该步骤或作出现行结果的声明。";
    TransferUnits "transfer-units" "Transfer from the case's own unit to another." "请从案件现单位转至另一单位。";
    AppealLate "appeal-late" "The time to appeal is over." "申诉期限已过。";
    ReportTaken "report-taken" "This report is in the record already: give the reporter a new code." "该举报已登记，请为举报人另发编码。";
    ClauseUnknown "clause-unknown" "Name a step, outcome, rule or scheme of the procedure in force." "请写明现行办法中的步骤、结果、规则或项目。";
    TeamMember "team-member" "Members hold an office that does this step." "组员须任办理该步骤的岗位。";
    TeamArea "team-area" "Each area once, to a sub-group that has members." "每个片区只能分给一个有组员的小组。";
    Late "late" "Done after its due date: the delay is on record." "超过规定时限办理，已记录在案。";
    // Rules of the procedure (7.3)
    Distinct "distinct" "Another person must sign: this one did another step on this case." "该人员已办理此案件的另一步骤，须换人签署。";
    OwnUnit "own-unit" "Somebody from another unit must sign." "须由其他单位的人员签署。";
    Mixed "mixed" "Enough signers of that level must take part." "签署人中须有足够的该层级人员。";
    Recusal "recusal" "A relative of the applicant steps aside: another person signs." "与申请人有亲属等关系的应当回避，请换人签署。";
    Recused "recused" "This person stepped aside from the case: another signs." "该人员已回避此案件，请换人签署。";
    Independent "independent" "Somebody who had no part in the case must answer." "须由未参与该案件的人员答复。";
    ExclusivePowers "exclusive-powers" "Nobody holds two of these powers: end one appointment first." "同一人不得兼任互斥权力的岗位，请先终止其一。";
    ActingDays "acting-days" "Acting and delegated appointments end within the days that the procedure allows." "代理、授权须在办法规定的期限内。";
    ActingDepth "acting-depth" "Who acts by delegation cannot delegate further." "受权人不得再行授权。";
    OverrideUnknown "override-unknown" "Name an override for this step and this case or list, recorded before the signers' checkpoint." "请写明针对该步骤及该案件或名册、且已入账的破例批准。";
    OverrideRule "override-rule" "The procedure does not let this rule be overridden." "办法不允许对该规则破例。";
    OverrideSupervisor "override-supervisor" "A holder of the supervising power must sign an override." "破例须由监督方签署。";
    AppointmentUnit "appointment-unit" "Appoint to a unit of the office's own level." "岗位须任命到其层级的单位。";
    Satisfiable "satisfiable" "The roster cannot fill this step: appoint more people, or change the procedure." "现有人员无法满足该步骤，请补充任命或修改办法。";
    // Sheets and lists (8.7)
    ListTaken "list-taken" "Choose another list id: this one is somebody else's." "该名册编号已被他人使用，请另选。";
    ListClosed "list-closed" "The list is in use, or of another kind: begin a new one." "该名册已启用或类别不同，请另立新册。";
    ListPart "list-part" "Submit the sheets in order, beginning with part 0." "请从第 0 页起按顺序提交名册。";
    ListOrder "list-order" "Order the lines by their first part, each once." "各行须按首项升序排列，且不得重复。";
    ListLimit "list-limit" "Use the sheets that are waiting before more are submitted." "待用名册已达上限，请先使用已提交的名册。";
    ListUnknown "list-unknown" "Submit the list's sheets first, or name the right list." "请先提交名册，或更正名册编号。";
    ListKind "list-kind" "This step takes a list of another kind." "该步骤需要另一类名册。";
    ListRoot "list-root" "Count, total and root must be those of the sheets." "行数、合计与根值须与名册一致。";
    ListUnit "list-unit" "A list holds cases of one unit of the step's level." "一份名册只能包含同一单位的案件。";
    ListEmpty "list-empty" "No line is left: look at what became of each case." "名册已无有效行，请逐案核对。";
    ListOmits "list-omits" "Name the missing case: list it, or omit it with the statement responsible; a case that waits for another step, with its head." "名册漏列案件：请列入，或写明不列的依据声明；尚在其他环节等待的，写明其最新声明。";
    OmitUnfounded "omit-unfounded" "An omission names the open flag, outcome or recusal of that case, the statement that dropped it, or its head while it waits for another step." "不列须写明该案件未结的异议等、其结果、回避、使其退出的声明，或尚未轮到本环节时的最新声明。";
    Amount "amount" "The amount must be that of the standard in force." "金额须与现行标准一致。";
    AccountOther "account-other" "The account must be the case's own." "账户须为该案件登记的账户。";
    Quorum "quorum" "The meeting lacks presence, agreement or a category of seats." "到会、同意人数或席位类别不足。";
    Rate "rate" "The share falls short: complete the visits before the list goes on." "入户率、见面率、取证率未达标，请补齐后再上报。";
    PostingPlace "posting-place" "Post the list at every level that the procedure names." "须在办法规定的各级张榜。";
    PostingPhone "posting-phone" "Print the telephone numbers of every level that the procedure names." "榜上须公布办法规定的各级举报电话。";
    PostingPhoto "posting-photo" "Commit to every photo that the procedure names." "请附齐办法规定的公示照片。";
    PostingDown "posting-down" "The list is not up: post it first." "该名册尚未张榜。";
    PostingDays "posting-days" "The list hung too short: leave it up, or post it again." "公示天数不足，请继续公示或重新张榜。";
    // Batches and payments (8.8)
    BatchTaken "batch-taken" "Choose another batch id: this one is taken." "该批次编号已被使用，请另选。";
    BatchUnknown "batch-unknown" "Fund the batch first, or correct its id." "请先办理拨款，或更正批次编号。";
    BatchMatch "batch-match" "Pay what was locked less the named holds: all of it, and nothing else." "应付 = 锁定 − 列明的暂扣，须全额一致。";
    HoldUnnamed "hold-unnamed" "Name each held case with its hold, and no other." "请逐一列明暂扣的案件及其暂扣声明，不得多列漏列。";
    CosignedMissing "cosigned-missing" "Name a cosigned entry that covers the locked list, with enough witnesses." "请写明覆盖锁定名册且见证方足数的共签条目。";
    ResultsLines "results-lines" "Give one result for each payment of the batch." "批次中每笔款须有且只有一个结果。";
    Totals "totals" "The totals must equal the batch: find the difference before settling." "合计须与批次一致，请查清差额后再结算。";
    PaymentUnknown "payment-unknown" "Name a payment that the bank reported as made." "请写明银行已回报成功的款项。";
    // Index (5.17, 18)
    IndexFormat "index-format" "An index entry is written by the ledger, in five lines." "索引条目由账本生成，共五行。";
    IndexSignature "index-signature" "An index entry is signed by the checkpoint key in force." "索引条目须由现行检查点密钥签名。";
    IndexUnlike "index-unlike" "The index is not that of the record: the ledger was wrong or changed." "索引与记录不符，账本有误或被改动。";
    IndexMissing "index-missing" "The day's index entry comes first." "当日须先有索引条目。";
    RefusalsUnlike "refusals-unlike" "A signed refusal is missing or was added: restore the folder, and ask why." "拒绝通知缺失或被添加，请恢复文件夹并查明原因。";
    // Epochs (5.18)
    EpochFormat "epoch-format" "An epoch entry is written by the ledger, in four lines." "任期条目由账本生成，共四行。";
    EpochSignature "epoch-signature" "An epoch entry is signed by the checkpoint key in force." "任期条目须由现行检查点密钥签名。";
    EpochOrder "epoch-order" "Another node has taken over: an epoch's number is one more than the one in force." "已有其他节点接任：任期号须为现行任期号加一。";
    // Anchors (5.19)
    AnchorFormat "anchor-format" "An anchor entry is written by the ledger, in five lines." "锚定条目由账本生成，共五行。";
    AnchorSignature "anchor-signature" "Both must verify: the checkpoint key in force signs the entry, the key on its line the anchored checkpoint." "条目须由现行检查点密钥签名，所锚定的检查点须由所列密钥签名，二者均须核验通过。";
    AnchorOwn "anchor-own" "A ledger anchors other ledgers' checkpoints, not its own." "账本只锚定其他账本的检查点，不锚定自身。";
    AnchorOld "anchor-old" "A checkpoint of that size, or a larger one, is anchored already: fetch a later one." "该账本已有同等或更大的检查点入账，请取得更新的检查点。";
    // Incidents (5.20)
    IncidentUnlike "incident-unlike" "Size and root must be those that the signers had seen; `zeren draft incident` writes them." "条目数和根值须与签署人所见一致（zeren draft incident 会自动填写）。";
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
    BundlesFile "bundles-file" "The derived file of offsets differs; the ledger makes it anew when it opens." "派生的偏移文件不符，账本打开时会重建。";
    KnownOther "known-other" "The known checkpoint is of another ledger." "所给检查点属于另一账本。";
    KnownSignature "known-signature" "The known checkpoint is not signed by this ledger's key." "所给检查点不是本账本密钥签署的。";
    Rollback "rollback" "This copy is older than a checkpoint that the ledger signed: find the newer copy, and ask why." "本副本早于账本已签署的检查点，请找到较新的副本并查明原因。";
    Fork "fork" "The ledger signed two histories: keep both as evidence and tell the auditors." "账本签署了两段不同的历史，请保留两者作为证据并报告审计。";
    // Blocks of a cluster (section 25)
    BlockFormat "block-format" "This message is no block: find who wrote to the stream, and repair with `zeren cluster repair`." "该消息不是区块：请查明何人写入数据流，并以 zeren cluster repair 修复。";
    BlockSignature "block-signature" "The node in force did not sign this block: find who wrote to the stream, and repair with `zeren cluster repair`." "该区块并非现任节点所签：请查明何人写入数据流，并以 zeren cluster repair 修复。";
    BlockOrder "block-order" "Blocks of the stream do not follow each other: find who changed it, and repair with `zeren cluster repair`." "数据流中的区块前后不相接：请查明何人改动，并以 zeren cluster repair 修复。";
    BlockUnlike "block-unlike" "Stream and record differ: `zeren cluster status` says which copy is damaged; then repair with `zeren cluster repair`." "数据流与账本不一致：zeren cluster status 可指明哪一份受损，再以 zeren cluster repair 修复。";
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
