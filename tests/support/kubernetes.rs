//! A real Kubernetes: etcd, the API server and the controllers that make ReplicaSets, revisions and pods. There is no node,
//! so a test says itself that pods are ready. `.ci/kubernetes` builds the programs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::servers::{eventually, free_port};
use crate::skipped::not_checked;

/// Tokens of somebody who may do everything, and of somebody who may do what a test grants to the user `plain`.
pub const ADMIN: &str = "admin-horse-battery";
pub const PLAIN: &str = "plain-horse-battery";

const TOKENS: &str = "admin-horse-battery,admin,1,\"system:masters\"\nplain-horse-battery,plain,2\n";
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,\
                           serviceaccount-controller";
/// Ends what it started and removes its folder when its standard input ends, which it does when the tests end, in
/// whatever way.
const KEEPER: &str = r#"
cd "$1" || exit 1
pids=
mkdir -p logs certs
start() { log=$1; shift; "$@" >"logs/$log" 2>&1 & pids="$pids $!"; }
start etcd etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$2" \
    --advertise-client-urls "http://127.0.0.1:$2" --listen-peer-urls "http://127.0.0.1:$3" \
    --initial-advertise-peer-urls "http://127.0.0.1:$3" --initial-cluster "default=http://127.0.0.1:$3"
start api "$5/kube-apiserver" --etcd-servers "http://127.0.0.1:$2" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 \
    --secure-port "$4" --cert-dir certs --token-auth-file tokens.csv --authorization-mode RBAC \
    --service-account-issuer https://kubernetes.default.svc --service-account-signing-key-file account.key \
    --service-account-key-file account.pub --service-cluster-ip-range 10.0.0.0/24 \
    --disable-admission-plugins ServiceAccount --audit-policy-file audit.json --audit-log-path logs/audit
start controllers sh -c 'until "$0/kubectl" --kubeconfig admin get --raw /readyz; do sleep 0.2; done
    exec "$0/kube-controller-manager" --kubeconfig admin --leader-elect=false --secure-port 0 --controllers "$1"' "$5" "$6"
cat >/dev/null
kill -9 $pids 2>/dev/null
wait
cd /
rm -rf "$1"
"#;

/// The cluster that all tests of this binary share, each in namespaces of its own.
pub struct Kubernetes {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    #[expect(dead_code, reason = "its standard input is held open, which keeps the servers")]
    keeper: Child,
    namespaces: AtomicUsize,
}

/// A namespace of one test.
pub struct Namespace {
    pub name: String,
    pub of: &'static Kubernetes,
}

impl Kubernetes {
    /// `None` where the programs are missing.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Kubernetes>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            not_checked(
                "a real Kubernetes",
                "etcd or the programs that .ci/kubernetes builds are missing",
                "STAGEPROOF_REQUIRE_KUBERNETES",
            );
        }
        shared
    }

    fn start() -> Option<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let programs = cache.join("stageproof-ci/kubernetes");
        let needed = ["kube-apiserver", "kube-controller-manager", "kubectl", "helm", "helm4"];
        if !needed.iter().all(|name| programs.join(name).is_file()) {
            return None;
        }
        Command::new("etcd").arg("--version").output().ok()?;
        // Kept by the keeper, who also removes it.
        let folder = tempfile::tempdir().unwrap().keep();
        let ports: Vec<String> = (0..3).map(|_| free_port().to_string()).collect();
        fs::write(folder.join("tokens.csv"), TOKENS).unwrap();
        let policy = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}]});
        fs::write(folder.join("audit.json"), policy.to_string()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.join("account.key"), key.serialize_pem()).unwrap();
        fs::write(folder.join("account.pub"), key.public_key_pem()).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", folder.to_str().unwrap()])
            .args(&ports)
            .args([programs.to_str().unwrap(), CONTROLLERS])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let kubernetes = Self {
            port: ports[2].parse().unwrap(),
            folder,
            programs,
            keeper,
            namespaces: AtomicUsize::new(1),
        };
        kubernetes.write_kubeconfig("admin", ADMIN);
        kubernetes.write_kubeconfig("plain", PLAIN);
        eventually("the API server is ready", || {
            let ready = kubernetes.command("admin").args(["get", "--raw", "/readyz"]).output();
            ready.unwrap().status.success()
        });
        Some(kubernetes)
    }

    fn write_kubeconfig(&self, user: &str, token: &str) {
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "clusters": [{"name": "test", "cluster": {"server": format!("https://127.0.0.1:{}", self.port),
                "certificate-authority": "certs/apiserver.crt"}}],
            "users": [{"name": user, "user": {"token": token}}]});
        fs::write(self.folder.join(user), config.to_string()).unwrap();
    }

    /// The kubeconfig file of `admin` or `plain`; its current context is `test`.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(user)
    }

    /// What stageproof asked about a namespace, as the API server logged it: method and address.
    pub fn asked(&self, namespace: &str) -> Vec<(String, String)> {
        let log = fs::read_to_string(self.folder.join("logs/audit")).unwrap_or_default();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = events.filter(|event| {
            event["userAgent"]
                .as_str()
                .is_some_and(|agent| agent.starts_with("stageproof/"))
        });
        let asked = ours.map(|event| {
            let method = match event["verb"].as_str().unwrap() {
                "get" | "list" | "watch" => "GET",
                "create" => "POST",
                "patch" => "PATCH",
                other => panic!("{other}"),
            };
            (method.to_owned(), event["requestURI"].as_str().unwrap().to_owned())
        });
        let part = format!("/namespaces/{namespace}/");
        asked
            .filter(|(_, uri)| uri.contains(&part) || !uri.contains("/namespaces/"))
            .collect()
    }

    /// Where kubectl is.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    fn command(&self, user: &str) -> Command {
        let mut command = Command::new(self.programs.join("kubectl"));
        // Its own caches stay where they are removed.
        command
            .env("HOME", &self.folder)
            .arg("--kubeconfig")
            .arg(self.kubeconfig(user));
        command
    }

    /// A namespace that nobody else uses.
    pub fn namespace(&'static self) -> Namespace {
        self.namespace_named(&format!("test-{}", self.namespaces.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn namespace_named(&'static self, name: &str) -> Namespace {
        let name = name.to_owned();
        let namespace = Namespace { name, of: self };
        namespace.kubectl(&["create", "namespace", &namespace.name]);
        namespace
    }
}

impl Namespace {
    /// What kubectl prints, as admin in this namespace.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_with(args, "")
    }

    /// The same, with text on standard input.
    #[track_caller]
    pub fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        let mut command = self.of.command("admin");
        command.args(["--namespace", &self.name]).args(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn apply(&self, object: &Value) {
        self.kubectl_with(&["apply", "--filename=-"], &object.to_string());
    }

    pub fn object(&self, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", name, "--output=json"])).unwrap()
    }

    /// Says what a node would say until the rollout of `name` is complete: that every pod is ready.
    pub fn roll_out(&self, name: &str) {
        eventually("the rollout is complete", || {
            self.make_pods_ready();
            let status = ["rollout", "status", name, "--watch=false"];
            let said = self.kubectl(&status);
            said.contains("successfully rolled out") || said.contains("roll out complete")
        });
    }

    pub fn make_pods_ready(&self) {
        let pods: Value = serde_json::from_str(&self.kubectl(&["get", "pods", "--output=json"])).unwrap();
        for pod in pods["items"].as_array().unwrap() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            if pod["status"]["phase"] == "Running" {
                continue;
            }
            let status = json!({"status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-01T12:00:00Z"}]}});
            let patch = format!("--patch={status}");
            let args = ["patch", "pod", name, "--subresource=status", "--type=merge", &patch];
            // One that is being replaced may be gone by now.
            let mut command = self.of.command("admin");
            let _ = command.args(["--namespace", &self.name]).args(args).output();
        }
    }

    /// Lets the user `plain` do this: `get,list`, `deployments.apps,replicasets.apps`.
    pub fn grant(&self, verbs: &str, resources: &str) {
        let name = format!("role-{}", self.of.namespaces.fetch_add(1, Ordering::Relaxed));
        let (verbs, resources) = (format!("--verb={verbs}"), format!("--resource={resources}"));
        self.kubectl(&["create", "role", &name, &verbs, &resources]);
        let role = format!("--role={name}");
        self.kubectl(&["create", "rolebinding", &name, &role, "--user=plain"]);
    }
}
