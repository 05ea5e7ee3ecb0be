//! A real registry (the distribution project's) on a free port of this machine, with images made here.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::servers::{eventually, free_port};
use crate::skipped::not_checked;
use crate::tokens;

/// Who may pull, where a registry asks for it.
pub const USER: &str = "robot";
pub const PASSWORD: &str = "correct-horse";

/// Who may pull.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    Password,
    Token,
}

/// The registry, until the end of the test.
pub struct Registry {
    child: Child,
    folder: TempDir,
    port: u16,
    auth: bool,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// One that everybody may pull from, or, with `auth`, who has the password. `None` where the programs are missing.
    pub fn start(auth: bool) -> Option<Self> {
        Self::start_as(if auth { Access::Password } else { Access::Open })
    }

    /// One that wants a token of `tokens.rs`.
    pub fn start_with_tokens() -> Option<Self> {
        Self::start_as(Access::Token)
    }

    fn start_as(access: Access) -> Option<Self> {
        let auth = access == Access::Password;
        let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !has("docker-registry")
            || !has("skopeo")
            || (auth && !has("htpasswd"))
            || (access == Access::Token && !has("openssl"))
        {
            not_checked(
                "images in a real registry",
                "docker-registry, skopeo, openssl or htpasswd is not installed",
                "STAGEPROOF_REQUIRE_TOOLS",
            );
            return None;
        }
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            root = folder.path().display()
        );
        if auth {
            let hashed = Command::new("htpasswd")
                .args(["-Bbn", USER, PASSWORD])
                .output()
                .unwrap();
            fs::write(folder.path().join("htpasswd"), hashed.stdout).unwrap();
            config.push_str(&format!(
                "auth: {{htpasswd: {{realm: r, path: {}/htpasswd}}}}\n",
                folder.path().display()
            ));
        }
        if access == Access::Token {
            let (address, certificate) = tokens::start(folder.path());
            config.push_str(&format!(
                "auth: {{token: {{realm: '{address}/token', service: {}, issuer: {}, rootcertbundle: {}}}}}\n",
                tokens::SERVICE,
                tokens::ISSUER,
                certificate.display()
            ));
        }
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the registry listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            child,
            folder,
            port,
            auth: access != Access::Open,
        })
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:PORT/NAME`.
    pub fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }

    /// Pushes an image for each platform, without layers, told apart by `text`, which is what they say they
    /// were built from; with several, under an index. Answers with the digest of the whole and those of the images.
    pub fn push(&self, name: &str, text: &str, platforms: &[&str]) -> (String, Vec<String>) {
        let layout = TempDir::new_in(self.folder.path()).unwrap();
        let root = layout.path();
        fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        let blob = |bytes: &[u8]| {
            let hex = hex::encode(Sha256::digest(bytes));
            fs::write(root.join("blobs/sha256").join(&hex), bytes).unwrap();
            (format!("sha256:{hex}"), bytes.len())
        };
        let mut children = Vec::new();
        let mut digests = Vec::new();
        for platform in platforms {
            let (os, architecture) = platform.split_once('/').unwrap();
            let config = json!({"os": os, "architecture": architecture, "created": "2026-11-01T12:00:00Z",
                "config": {"Labels": {"org.opencontainers.image.revision": text}}, "rootfs": {"type": "layers", "diff_ids": []}});
            let (config, config_size) = blob(config.to_string().as_bytes());
            let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
                "layers": []});
            let (digest, size) = blob(manifest.to_string().as_bytes());
            children.push(
                json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
                "platform": {"os": os, "architecture": architecture}}),
            );
            digests.push(digest);
        }
        // One platform is an image without an index.
        let top: Value = match children.as_slice() {
            [only] => only.clone(),
            _ => {
                let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": children});
                let (digest, size) = blob(index.to_string().as_bytes());
                json!({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": size})
            }
        };
        let digest = top["digest"].as_str().unwrap().to_owned();
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let index = json!({"schemaVersion": 2, "manifests": [top]});
        fs::write(root.join("index.json"), index.to_string()).unwrap();
        let mut copy = Command::new("skopeo");
        copy.args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ]);
        if self.auth {
            copy.arg(format!("--dest-creds={USER}:{PASSWORD}"));
        }
        let copied = copy
            .arg(format!("oci:{}", root.display()))
            .arg(format!("docker://{}", self.image(name)))
            .output()
            .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        (digest, digests)
    }

    /// Deletes a manifest, as a cleanup rule does. The repository is the name without its tag.
    pub fn delete(&self, repository: &str, digest: &str) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request =
            format!("DELETE /v2/{repository}/manifests/{digest} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
}
