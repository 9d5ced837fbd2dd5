//! A service, asked over HTTP. What it answers is bounded, and believed only as far as it verifies.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{Response, Uri};

use super::authorities::{Authorities, advice};
use crate::error::{Failure, Refusing};
use crate::lang::Lang;
use crate::screen::{say, within_line};

/// The rule of a node that does not sequence: another address is the answer, not waiting.
const ELSEWHERE: &str = "not-sequencing";
/// Time for one answer.
const TIME: Duration = Duration::from_secs(120);
/// Time to reach the other machine.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long one request waits in all because the service says when to come again.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A service.
pub struct Client {
    base: String,
    agent: Agent,
    token: Option<String>,
    lang: Lang,
}

/// An answer that is no problem.
pub struct Answered {
    /// The body.
    pub text: String,
}

impl Answered {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.text).map_err(|error| Failure::Remote { what: format!("not the JSON of a service: {error}") })
    }
}

impl Client {
    /// The service at an address that begins with `http://` or `https://`. No redirects are followed, no proxy is asked.
    pub fn new(url: &str, authorities: &Authorities, lang: Lang) -> Result<Client, Failure> {
        let base = url.trim_end_matches('/');
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(Failure::malformed(format!("{}: http://… https://…", url.escape_debug())));
        }
        authorities.require_tls(base, lang)?;
        let config = Agent::config_builder()
            .tls_config(authorities.tls())
            .timeout_global(Some(TIME))
            .timeout_connect(Some(CONNECT_TIME))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Ok(Client { base: base.to_owned(), agent: config.build().into(), token: None, lang })
    }

    /// Its address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Refuses an address to which a reading token would go for everybody on the way to read: for as long as it is good, who has it
    /// sees what its owner sees.
    ///
    /// # Errors
    /// `http://` to another machine.
    pub fn require_private_way(&self) -> Result<(), Failure> {
        let host = self.base.parse::<Uri>().ok().and_then(|address| Some(address.host()?.trim_matches(['[', ']']).to_owned()));
        let is_here = host.is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()));
        if self.base.starts_with("https://") || is_here {
            return Ok(());
        }
        let advice = self.lang.pick(
            "a reading token would travel unencrypted: use https://, or say --plain-http if something else protects the way",
            "查阅令牌将以明文传送：请使用 https://；若链路另有保护，请加 --plain-http",
        );
        Err(Failure::malformed(format!("{}: {advice}", self.base.escape_debug())))
    }

    /// With a reading token.
    #[must_use]
    pub fn with_token(self, token: String) -> Client {
        Client { token: Some(token), ..self }
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Result<Answered, Failure> {
        self.patiently(|| {
            let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept-Language", self.language());
            if let Some(token) = &self.token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            request.call()
        })
    }

    /// `POST`.
    pub fn post(&self, path: &str, media: &str, body: &str) -> Result<Answered, Failure> {
        self.patiently(|| {
            self.agent
                .post(format!("{}{path}", self.base))
                .header("Content-Type", media)
                .header("Accept-Language", self.language())
                .send(body)
        })
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Result<Answered, Failure> {
        self.patiently(|| {
            let mut request = self.agent.delete(format!("{}{path}", self.base)).header("Accept-Language", self.language());
            if let Some(token) = &self.token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            request.call()
        })
    }

    /// Sends it again when the service says that it took nothing of it, and when to come again.
    fn patiently(&self, send: impl Fn() -> Result<Response<ureq::Body>, ureq::Error>) -> Result<Answered, Failure> {
        let mut waited = Duration::ZERO;
        loop {
            let answered = self.answered(send());
            let Err(Failure::Problem(refusing)) = &answered else { return answered };
            let Some(wait) = refusing.retry_after.filter(|wait| waited + *wait <= WAIT_MAX) else { return answered };
            let (seconds, rule, expected) = (wait.as_secs(), within_line(&refusing.rule), within_line(&refusing.expected));
            say(&match self.lang {
                Lang::En => format!("the service asks to wait {seconds} s ({rule}: {expected}); waiting"),
                Lang::Zh => format!("服务要求等待 {seconds} 秒（{rule}：{expected}），正在等待"),
            });
            sleep(wait);
            waited += wait;
        }
    }

    /// Refusals come in the language of whoever reads them.
    fn language(&self) -> &'static str {
        self.lang.pick("en", "zh")
    }

    fn answered(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answered, Failure> {
        let remote = |what: String| Failure::Remote { what: format!("{}: {what}", self.base) };
        let unreached = |error: ureq::Error| remote(format!("{error}{}", advice(&error.to_string(), self.lang)));
        let mut answer = answer.map_err(unreached)?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(|error| remote(error.to_string()))?;
        let status = answer.status().as_u16();
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if answer.status().is_success() {
            return Ok(Answered { text });
        }
        match serde_json::from_str(&text).ok().and_then(|problem| Refusing::of(status, &problem)) {
            Some(refusing) => {
                let retry_after = seconds
                    .filter(|_| matches!(status, 429 | 503) && refusing.rule != ELSEWHERE)
                    .map(|seconds| Duration::from_secs(seconds.max(1)));
                Err(Failure::Problem(Box::new(Refusing { retry_after, ..refusing })))
            }
            None => Err(remote(format!("HTTP {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_no_other_machine_unencrypted() {
        let is_private =
            |url: &str| Client::new(url, &Authorities::default(), Lang::En).and_then(|client| client.require_private_way()).is_ok();
        for url in
            ["https://ledger.county.example", "http://127.0.0.1:8417", "http://127.3.2.1/", "http://[::1]:80", "http://localhost:8417/x"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "http://ledger.county.example",
            "http://10.0.0.7:8417",
            "http://127.0.0.1@evil.example/",
            "http://[fe80::1]",
            "http://",
            "http://localhost.example",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}
