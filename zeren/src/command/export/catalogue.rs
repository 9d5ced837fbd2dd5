//! Every view that goes out as a table: its name, and its columns, in English and Chinese.

use crate::tables::sheet::View;

macro_rules! views {
    ($($name:literal $zh:literal: $($column:literal $column_zh:literal),+;)*) => {
        /// Every view, in the order in which they are written.
        pub const VIEWS: &[View] = &[$(View { name: $name, zh: $zh, columns: &[$(($column, $column_zh)),+] }),*];
    };
}

views! {
    "ledger" "账本": "founding" "创设条目", "purpose" "用途", "in force" "现行创设条目", "statements" "声明",
        "cosigned" "见证", "cases" "案件", "records" "旧记录", "persons" "人员", "incidents" "事件", "last incident" "最近事件条目";
    "entries" "条目": "entry" "条目", "received" "收讫", "received ms" "收讫毫秒", "device clock" "设备时间", "act" "行为",
        "detail" "细目", "step" "环节", "outcome" "结果", "cases done" "办结案件", "about" "涉及", "signers" "签署人",
        "says" "内容", "statement" "声明哈希";
    "signatures" "签名": "entry" "条目", "number" "序号", "person" "人员", "office" "岗位", "unit" "辖区",
        "appointment" "任职条目", "key" "密钥条目";
    "constitutions" "创设与修订": "entry" "条目", "threshold" "法定人数", "founders" "创设人", "witnesses" "见证方",
        "statement" "声明哈希";
    "enactments" "颁行": "entry" "条目", "procedure" "办法", "version" "版本", "in force from" "施行", "digest" "摘要";
    "procedures" "办法": "digest" "摘要", "offset minutes" "时区分钟", "working weekdays" "工作日", "holidays" "放假日数",
        "workdays" "调休上班日数", "answer days" "答复期限", "answer in working days" "按工作日", "opens" "立案环节",
        "locks" "锁定环节", "answers" "答复岗位", "releases" "解除岗位";
    "steps" "环节": "procedure" "办法摘要", "step" "环节", "number" "序号", "offices" "岗位", "signers at least" "最少签署人",
        "locks" "锁定", "opens batch" "组批", "due" "期限", "within days" "天数内", "within working days" "按工作日",
        "of step" "自环节", "posting days" "公示天数", "posting in working days" "公示按工作日";
    "outcomes" "结果种类": "procedure" "办法摘要", "outcome" "结果", "name" "名称", "to" "案件状态";
    "cosigned" "见证检查点": "entry" "条目", "size" "条目数", "root" "根值", "witness" "见证方", "unix seconds" "见证时间秒";
    "persons" "人员": "person" "人员", "name" "姓名", "enrolled" "登记条目", "acts" "行为数";
    "person-acts" "人员行为": "person" "人员", "entry" "条目", "act" "行为", "detail" "细目", "received" "收讫",
        "office" "岗位", "unit" "辖区", "appointment" "任职条目", "key" "密钥条目";
    "keys" "密钥": "person" "人员", "entry" "条目", "by" "方式", "key" "公钥", "replaced" "更换条目", "revoked" "吊销条目",
        "reason" "原因", "suspected" "存疑起";
    "devices" "设备": "device" "设备", "entry" "登记条目";
    "offices" "任职": "person" "人员", "entry" "条目", "office" "岗位", "unit" "辖区", "capacity" "任职方式", "from" "起",
        "to" "止", "ended" "终止条目", "reason" "原因";
    "responsibility" "责任": "person" "人员", "office" "岗位", "step" "环节", "outcome" "结果", "acts" "行为数",
        "cases" "案件数", "first" "首条", "last" "末条";
    "workload" "工作量": "office" "岗位", "unit" "辖区", "year" "年", "month" "月", "acts" "行为数", "cases" "案件数",
        "first" "首条", "last" "末条";
    "cases" "案件": "case" "案件", "head" "末次变更条目", "statement" "末次变更声明", "entries" "条目数", "unit" "辖区",
        "scheme" "项目", "tier" "档次", "period" "年度", "status" "状态", "stopped by" "终止条目", "outcome" "结果",
        "outcome name" "结果名称", "stopped" "终止时间", "dropped from" "漏出名册", "dropped by" "漏出依据",
        "flags" "异议等累计", "first open" "首个未结序号", "steps" "已办环节", "late steps" "逾期环节",
        "referred ms" "请示毫秒";
    "case-entries" "案件条目": "case" "案件", "entry" "条目", "changes case" "变更案件", "part" "在条目中", "fen" "金额（分）",
        "because of" "依据条目", "reason" "原因";
    "case-steps" "案件环节": "case" "案件", "on" "对象", "step" "环节", "entry" "条目", "late" "逾期";
    "flags" "异议等": "case" "案件", "number" "序号", "kind" "种类", "entry" "条目", "state" "状态", "by" "办理条目",
        "statement" "声明哈希";
    "raised" "待答事项": "entry" "条目", "kind" "种类", "case" "案件", "unit" "辖区", "received" "收讫", "state" "状态",
        "by" "办理条目", "procedure" "办法摘要";
    "raised-counts" "待答事项汇总": "kind" "种类", "open" "未结", "upheld" "成立", "closed" "已结";
    "lists" "名册": "list" "名册", "kind" "种类", "sheets" "页数", "rows" "存储行数", "agree" "赞成", "against" "反对",
        "absent" "缺席", "done by" "末次办理声明";
    "list-lines" "名册行": "list" "名册", "row" "存储行", "line" "行号", "sheet" "页条目", "case" "案件", "line kind" "行种类", "hash" "哈希",
        "fen" "金额（分）", "failed" "失败原因";
    "list-dropped" "名册漏出": "list" "名册", "case" "案件", "entry" "条目";
    "postings" "公示": "list" "名册", "step" "环节", "up" "上榜条目", "up at" "上榜时间", "times" "次数", "kept" "保留",
        "dropped" "漏出", "days asked" "应公示天数", "down" "下榜条目", "down at" "下榜时间", "days" "实际天数";
    "waiting" "待会签": "statement" "声明哈希", "entry" "条目", "signed" "已签条目", "persons" "人数", "offices" "岗位";
    "batches" "批次": "batch" "批次", "list" "名册", "entry" "条目", "locked first" "首次锁定条目",
        "locked last" "末次锁定条目", "rows" "存储行数", "void" "撤销条目", "steps" "已办环节";
    "batch-cases" "批次案件": "batch" "批次", "row" "存储行", "number" "序号", "case" "案件";
    "payments" "发放": "batch" "批次", "list" "锁定名册", "case" "案件", "fen" "金额（分）", "yuan" "金额（元）", "result" "结果",
        "entry" "结果条目", "failed" "失败原因";
    "case-payments" "案件本期发放": "case" "案件", "scheme" "项目", "period" "年度", "list" "锁定名册", "locked" "锁定条目",
        "fen" "金额（分）", "yuan" "金额（元）", "batch" "批次", "batch entry" "组批条目", "result" "结果",
        "result entry" "结果条目", "failed" "失败原因";
    "money" "资金": "scheme" "项目", "period" "年度", "locked cases" "锁定人数", "locked fen" "锁定金额（分）",
        "in batch cases" "在途人数", "in batch fen" "在途金额（分）", "paid cases" "已付人数", "paid fen" "已付金额（分）",
        "failed cases" "失败人数", "failed fen" "失败金额（分）";
    "funnel" "进度": "unit" "辖区", "period" "年度", "step" "环节", "cases" "案件数";
    "standing" "状态汇总": "unit" "辖区", "period" "年度", "status" "状态", "cases" "案件数";
    "deadlines" "期限": "kind" "种类", "of" "环节或事项", "period" "年度", "in time" "按期", "late" "逾期";
    "legacy" "旧记录汇总": "kind" "种类", "actor" "经办人", "name" "名称", "records" "记录数";
    "lookups" "索引": "kind" "种类", "hash" "哈希", "entry" "条目", "office" "岗位", "case" "案件", "number" "序号";
    "warnings" "警示": "entry" "条目", "rule" "规则", "expected" "应为", "found" "实为";
    "refusals" "拒绝": "rule" "规则", "notes" "次数", "first" "首次", "last" "末次";
}
