//! Whose word a machine on the other end is believed by: authorities that browsers trust, or those that a county runs itself.

use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;

/// Authorities in one file, at most.
const AUTHORITIES_MAX: usize = 32;

/// The authorities that are trusted: public ones where nothing was given, else only what was given.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Option<Arc<Vec<Certificate<'static>>>>);

impl Authorities {
    /// Those of a file: certificates in PEM, one or several.
    ///
    /// # Errors
    /// A file that cannot be read, or that has no certificate, or something else beside them.
    pub fn read(path: Option<&Path>, lang: Lang) -> Result<Authorities, Failure> {
        let Some(path) = path else { return Ok(Authorities::default()) };
        let pem = files::read(path, files::TEXT_BYTES_MAX)?;
        let items: Result<Vec<_>, _> = parse_pem(&pem).collect();
        let certificates: Option<Vec<Certificate<'static>>> = items.ok().and_then(|items| {
            let certificate = |item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None };
            items.into_iter().map(certificate).collect()
        });
        let certificates = certificates.filter(|all| (1..=AUTHORITIES_MAX).contains(&all.len()));
        let certificates = certificates.ok_or_else(|| {
            let expected = lang.pick(
                "not the certificate of an authority: expected PEM, BEGIN CERTIFICATE, and no key beside it",
                "不是证书颁发机构的证书：应为 PEM 格式（BEGIN CERTIFICATE），且不得含私钥",
            );
            Failure::malformed(format!("--ca {}: {expected}", path.display()))
        })?;
        Ok(Authorities(Some(Arc::new(certificates))))
    }

    /// That an address is one where an authority's word counts at all.
    ///
    /// # Errors
    /// Authorities were given for an address that begins with `http://`.
    pub fn require_tls(&self, url: &str, lang: Lang) -> Result<(), Failure> {
        if self.0.is_none() || url.starts_with("https://") {
            return Ok(());
        }
        let advice = lang.pick(
            "--ca is for an address that begins with https://: this one encrypts nothing, and nobody vouches for it",
            "--ca 仅用于 https:// 地址：该地址未加密，也无任何机构为其背书",
        );
        Err(Failure::malformed(format!("{}: {advice}", url.escape_debug())))
    }

    /// For a connection.
    pub fn tls(&self) -> TlsConfig {
        let roots = self.0.as_ref().map_or(RootCerts::WebPki, |certificates| RootCerts::Specific(Arc::clone(certificates)));
        TlsConfig::builder().root_certs(roots).build()
    }
}

/// What to do about an answer that failed because of a certificate; nothing for any other reason.
pub fn advice(error: &str, lang: Lang) -> &'static str {
    if error.contains("certificate") {
        lang.pick(
            " (if it has an authority of its own, give that authority's certificate, from somebody you trust: --ca FILE)",
            "（如对方使用自建证书颁发机构，请以 --ca 指定从可信来源取得的该机构证书）",
        )
    } else {
        ""
    }
}
