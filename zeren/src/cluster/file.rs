//! The cluster file: where the servers are, by which certificate they know this node, and what the operator vouches for.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use signer::SecretKey;
use signer::value::NodeName;

use crate::error::Failure;
use crate::files;
use crate::lang::Lang;
use crate::secret::{PassphraseSource, open_key};

/// Longest cluster file, in bytes.
const FILE_BYTES_MAX: u64 = 65_536;
/// Most servers that it names.
const SERVERS_MAX: usize = 16;

/// What the file says. Paths are relative to its folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterFile {
    /// Addresses, `tls://host:4222`, or `nats://127.0.0.1:4222` on loopback.
    pub servers: Vec<String>,
    /// The authority that signed the servers' certificates; no other is trusted.
    pub authority: Option<PathBuf>,
    /// This node's certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub certificate_key: Option<PathBuf>,
    /// Prefix of the subjects of answers, which only this user may hear.
    pub inbox: Option<String>,
    /// The node's name, as it will stand in the record.
    pub node: String,
    /// The node's key, with which it signs blocks. Followers that never sequence need none.
    pub node_key: Option<PathBuf>,
    /// The operator's word that every server has `sync_interval: always`: clients cannot see it.
    #[serde(default)]
    pub servers_sync_always: bool,
    /// Servers that hold each block; fewer than three for demonstrations only.
    #[serde(default = "three")]
    pub replicas: usize,
    #[serde(skip)]
    folder: PathBuf,
}

const fn three() -> usize {
    3
}

impl ClusterFile {
    /// Reads a cluster file.
    ///
    /// # Errors
    /// What cannot be read, and what is missing for servers that others reach.
    pub fn read(path: &Path, lang: Lang) -> Result<ClusterFile, Failure> {
        let text = files::read_text(path, FILE_BYTES_MAX)?;
        let wrong = |what: &str| Failure::malformed(format!("{}: {what}", crate::screen::within_line(&path.display().to_string())));
        let mut file: ClusterFile = toml::from_str(&text).map_err(|error| {
            wrong(&format!("{}: {}", lang.pick("not a cluster file", "集群文件格式有误"), error.to_string().trim_end()))
        })?;
        file.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        if file.servers.is_empty() || file.servers.len() > SERVERS_MAX {
            return Err(wrong(&format!("servers: 1 to {SERVERS_MAX} addresses, found {}", file.servers.len())));
        }
        if NodeName::parse(&file.node).is_none() {
            return Err(wrong(
                lang.pick("node: 1 to 64 of a-z 0-9 - . beginning with a letter", "node：以字母开头，1 至 64 个 a-z 0-9 - . 字符"),
            ));
        }
        if let Some(server) = file.servers.iter().find(|server| !server.starts_with("tls://") && !server.starts_with("nats://")) {
            return Err(wrong(&format!(
                "servers: {server}: {}",
                lang.pick("tls:// or nats:// comes first", "须以 tls:// 或 nats:// 开头")
            )));
        }
        if file.replicas == 0 {
            return Err(wrong(lang.pick("replicas: 1 or more, 3 for a production ledger", "replicas：至少为 1，正式账本为 3")));
        }
        // A subject's characters: with others the servers hear nobody, and say nothing.
        let is_subject =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if file.inbox.as_ref().is_some_and(|inbox| !is_subject(inbox)) {
            return Err(wrong(lang.pick("inbox: letters, digits, `_`, `-` and `.` alone", "inbox：只能含字母、数字、_、- 和 .")));
        }
        let is_open = file.servers.iter().find(|server| !is_loopback(server) && !server.starts_with("tls://"));
        if let Some(server) = is_open {
            let advice = lang.pick("others could read along: use tls:// and certificates", "链路未加密：请使用 tls:// 及证书");
            return Err(wrong(&format!("{server}: {advice}")));
        }
        let is_tls = file.servers.iter().any(|server| server.starts_with("tls://"));
        if is_tls && [&file.authority, &file.certificate, &file.certificate_key].iter().any(|part| part.is_none()) {
            return Err(wrong(lang.pick(
                "tls:// needs authority, certificate and certificate_key",
                "使用 tls:// 须填写 authority、certificate、certificate_key",
            )));
        }
        for part in [&file.authority, &file.certificate, &file.certificate_key].into_iter().flatten() {
            let path = file.path(part);
            files::read(&path, FILE_BYTES_MAX)
                .map_err(|error| wrong(&format!("{}: {error}", lang.pick("cannot read a file that it names", "无法读取其中所列的文件"))))?;
        }
        if is_tls && file.inbox.is_none() {
            return Err(wrong(lang.pick(
                "tls:// needs inbox: `_INBOX_` and the user's name, since nobody may hear another's answers",
                "使用 tls:// 须填写 inbox：_INBOX_ 加用户名；各用户只能接收自己的答复",
            )));
        }
        if !file.servers_sync_always {
            return Err(wrong(lang.pick(
                "servers_sync_always = true is missing: say so only if every server has `sync_interval: always`. Without it a server acknowledges what a power cut takes away",
                "缺少 servers_sync_always = true：仅当每台服务器均设置 sync_interval: always 时方可填写，否则断电会丢失已确认的内容",
            )));
        }
        Ok(file)
    }

    /// The node's name.
    pub fn node(&self) -> NodeName {
        // Judged when the file was read.
        NodeName::parse(&self.node).unwrap_or_else(|| unreachable!("a node without a name"))
    }

    /// Opens the node's key.
    ///
    /// # Errors
    /// A file that names none, or one that cannot be read.
    pub fn open_node_key(&self, source: &PassphraseSource, lang: Lang) -> Result<SecretKey, Failure> {
        let path = self.node_key.as_deref().ok_or_else(|| {
            Failure::malformed(lang.pick(
                "the cluster file names no node_key: make one with `zeren key new --plain`",
                "集群文件未填写 node_key：请用 zeren key new --plain 生成",
            ))
        })?;
        open_key(&self.path(path), source, lang)
    }

    /// A path of the file.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Whether an address is on this machine.
fn is_loopback(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    // The port is what follows the last colon, where that is not within an address of IPv6.
    let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host);
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) || host == "localhost"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClusterFile, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        std::fs::write(&path, text).unwrap();
        ClusterFile::read(&path, Lang::En)
    }

    #[test]
    fn servers_that_others_reach_need_tls_and_certificates() {
        let good = "servers = [\"nats://127.0.0.1:4222\", \"nats://[::1]:4223\"]\nnode = \"node-a\"\nservers_sync_always = true\n";
        assert_eq!(read(good).unwrap().replicas, 3);
        for (from, to, said) in [
            ("127.0.0.1", "10.0.0.1", "use tls://"),
            ("nats://127.0.0.1", "tls://10.0.0.1", "certificate"),
            ("servers_sync_always = true", "", "sync_interval"),
            ("node-a", "Node A", "node:"),
            ("nats://127.0.0.1", "127.0.0.1", "nats:// comes first"),
            ("node = ", "replicas = 0\nnode = ", "replicas:"),
            ("node = ", "inbox = \"_INBOX_node a\"\nnode = ", "inbox:"),
        ] {
            let text = good.replace(from, to);
            if text != good {
                let error = read(&text).unwrap_err().to_string();
                assert!(error.contains(said), "{said}: {error}");
            }
        }
        assert!(read(&format!("{good}other = 1\n")).unwrap_err().to_string().contains("other"));
    }
}
