//! What went wrong, as a client is told: `application/problem+json` (RFC 9457) with the parts that a refusal has.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use signer::Refusal;

use crate::lang::Lang;

/// Media type of every problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A request that was not granted.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

/// What it says. Boxed: an answer is seldom a problem.
#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    rule: String,
    expected: String,
    found: String,
    advice: String,
    line: Option<usize>,
    more: Vec<(&'static str, Value)>,
    retry_after_seconds: Option<u64>,
}

/// After how long a node that does not sequence may be asked again.
const RETRY_ELSEWHERE: std::time::Duration = std::time::Duration::from_secs(2);

impl Problem {
    /// A problem of the service's own; the rule is a short name.
    pub fn new(
        status: StatusCode,
        rule: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Problem {
        Problem(Box::new(Parts {
            status,
            rule: rule.to_owned(),
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
            line: None,
            more: Vec::new(),
            retry_after_seconds: None,
        }))
    }

    /// A refusal by a rule of the record.
    pub fn refused(refusal: &Refusal, lang: Lang) -> Problem {
        let advice = lang.pick(refusal.rule.advice(), refusal.rule.advice_zh());
        let (expected, found) = (refusal.expected.clone(), refusal.found.clone());
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.rule.name(), expected, found, advice);
        problem.0.line = refusal.line;
        problem
    }

    /// There is nothing of that name.
    pub fn not_found(expected: &str, found: &str, lang: Lang) -> Problem {
        let advice = lang.pick("Check the address; GET /v1/openapi.json lists all.", "请核对地址；GET /v1/openapi.json 列出全部接口。");
        Problem::new(StatusCode::NOT_FOUND, "unknown", expected, found, advice)
    }

    /// The request cannot be read.
    pub fn malformed(expected: impl Into<String>, found: impl Into<String>, lang: Lang) -> Problem {
        let advice = lang.pick("Send what GET /v1/openapi.json says of this address.", "请按 GET /v1/openapi.json 对该地址的说明提交。");
        Problem::new(StatusCode::BAD_REQUEST, "malformed", expected, found, advice)
    }

    /// This machine failed; what exactly stands in the log.
    pub fn failed(what: &str, lang: Lang) -> Problem {
        let advice = lang.pick("Nothing was acknowledged. Ask whoever runs this service.", "未作任何确认。请联系本服务的管理人员。");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", lang.pick("a working service", "服务正常运行"), what, advice)
    }

    /// Another node of the cluster takes statements.
    pub fn elsewhere(node: &str, lang: Lang) -> Problem {
        let found = if node.is_empty() { lang.pick("none yet", "尚无").to_owned() } else { node.to_owned() };
        let expected = lang.pick("the node that sequences", "现任定序节点");
        let advice = lang.pick(
            "Nothing was taken. Submit to the node that sequences, or here again in some seconds: another takes over where it is gone.",
            "未受理任何内容。请向现任节点提交，或数秒后在此重试：现任节点失联时由其他节点接任。",
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-sequencing", expected, found, advice).after(RETRY_ELSEWHERE)
    }

    /// Too many requests.
    pub fn too_many(what: &str, wait: std::time::Duration, lang: Lang) -> Problem {
        let seconds = wait.as_secs().max(1);
        let advice = match lang {
            Lang::En => format!("Wait {seconds} s and send it again; nothing of it was taken."),
            Lang::Zh => format!("请 {seconds} 秒后重新提交；本次未受理任何内容。"),
        };
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", what, lang.pick("more", "超出"), advice).after(wait)
    }

    /// With a member of its own.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Problem {
        self.0.more.push((name, value));
        self
    }

    /// To be sent again, after so long.
    #[must_use]
    pub fn after(mut self, wait: std::time::Duration) -> Problem {
        self.0.retry_after_seconds = Some(wait.as_secs().max(1));
        self
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Problem {
        self.0.status = status;
        self
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let mut document = json!({
            "type": "about:blank", "title": self.0.status.canonical_reason().unwrap_or("refused"), "status": self.0.status.as_u16(),
            "rule": self.0.rule, "expected": self.0.expected, "found": self.0.found, "advice": self.0.advice,
        });
        let more = self.0.line.map(|line| ("line", json!(line))).into_iter().chain(self.0.more.iter().cloned());
        more.for_each(|(name, value)| document[name] = value);
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.0.status, self.to_json().to_string()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.0.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
