//! What can be said about a probe, defined once: as flags and inputs, for all probes of the configuration, and for one.

use clap::{Args, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Or, mergeable};
use super::url::has_own_path;
use crate::commands::smoke::Ready;
use crate::commands::smoke::expect::{HeaderExpectation, JsonExpectation, LatencyLimit, VersionFrom};
use crate::model::share::Share;
use crate::model::{StatusSet, TimeSpan};

/// Of what excludes one another, that which is said nearer replaces all of what is said farther away.
macro_rules! give_way {
    ($far:expr, $near:expr, $([$($field:ident),+]),+) => {
        $(if $($near.$field.is_some())||+ {
            $($far.$field = None;)+
        })+
    };
    ($far:expr, $near:expr) => {
        give_way!($far, $near, [steady, watch], [body, body_file], [bearer_env, basic_env]);
        if $near.ipv4 == Some(true) || $near.ipv6 == Some(true) {
            $far.ipv4 = None;
            $far.ipv6 = None;
        }
        if $near.url.as_deref().is_some_and(has_own_path) {
            $far.path.clear();
        }
    };
}

const EXAMPLES: &str = "Examples:
  stageproof smoke https://staging.example.com/health --expect-json '/status = ok' --within 2m
  stageproof smoke http://127.0.0.1:8080 --start 'python3 -m http.server 8080'";

/// Makes two structs of one list: the options of `smoke`, and those of one probe in the configuration. serde's
/// `flatten` would share them as well, and lose the place of an error in the file.
macro_rules! options {
    ($($(#[$meta:meta])* $field:ident: $type:ty,)+) => {
        mergeable! {
        #[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        #[command(after_help = EXAMPLES)]
        pub struct SmokeOptions {
            $($(#[$meta])* pub $field: $type,)+
            /// Command that starts the built server, split into words as a shell would, but run without a shell.
            #[arg(long, value_name = "COMMAND", help_heading = SERVER)]
            pub start: Option<String>,
            /// When the started server counts as up: http://127.0.0.1:PORT/PATH (answers 2xx or 3xx), tcp:PORT
            /// (accepts connections) or log:REGEX (a line of its output) [default: when a probe passes].
            #[arg(long, value_name = "WHEN", help_heading = SERVER)]
            pub ready: Option<Ready>,
            /// Time allowed for the started server to become ready [default: 60s].
            #[arg(long, value_name = "TIME", help_heading = SERVER)]
            pub ready_within: Option<TimeSpan>,
            /// Time between SIGTERM and SIGKILL when the started server is stopped [default: 4s].
            #[arg(long, value_name = "TIME", help_heading = SERVER)]
            pub stop_grace: Option<TimeSpan>,
            /// Several servers, started in this order, each once the previous one is ready.
            #[arg(skip)]
            pub servers: Vec<ServerOptions>,
            /// Several probes. A probe inherits missing keys from `smoke`; a flag overrides both.
            #[arg(skip)]
            pub probes: Vec<ProbeOptions>,
            /// Number of probes that run at the same time, at most 256 [default: 16].
            #[arg(long, value_name = "N")]
            pub parallel: Option<u32>,
            /// Total time allowed for all probes together; a probe that has not ended by then is inconclusive
            /// [default: no limit].
            #[arg(long, value_name = "TIME")]
            pub all_within: Option<TimeSpan>,
            /// Ignore waivers.
            #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
            pub strict: Option<bool>,
            /// What flags and inputs say about every probe.
            #[arg(skip)]
            #[serde(skip)]
            #[schemars(skip)]
            pub over: Box<ProbeOptions>,
        }
        }

        mergeable! {
        /// One of several probes. It inherits missing keys from `smoke`.
        #[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        #[schemars(rename = "Probe")]
        pub struct ProbeOptions {
            /// Name in reports and waivers [default: its URL].
            #[arg(skip)]
            pub name: Option<String>,
            /// Stage of the report that lists it [default: smoke].
            #[arg(skip)]
            pub stage: Option<String>,
            $($(#[$meta])* pub $field: $type,)+
        }
        }

        impl SmokeOptions {
            /// What a flag says wins over what the configuration says.
            pub fn or(self, mut config: Self) -> Self {
                let over = Box::new(self.shared());
                give_way!(config, self);
                if self.start.is_some() {
                    config.servers.clear();
                }
                if !self.path.is_empty() || self.url.as_deref().is_some_and(has_own_path) {
                    config.probes.clear();
                }
                let merged = Or::or(self, config);
                Self { over, ..merged }
            }

            /// What holds for every probe.
            pub fn shared(&self) -> ProbeOptions {
                ProbeOptions {
                    name: None,
                    stage: None,
                    $($field: self.$field.clone(),)+
                }
            }
        }

        impl ProbeOptions {
            #[cfg(test)]
            pub const FIELDS: &[&str] = &[$(stringify!($field)),+];

            pub fn or(self, mut other: Self) -> Self {
                give_way!(other, self);
                Or::or(self, other)
            }
        }
    };
}

const REQUEST: &str = "Request";
const CONNECTION: &str = "Connection";
const EXPECTED: &str = "Expectations";
const PATIENCE: &str = "Retries and timeouts";
const WINDOW: &str = "Steady and watch";
const SERVER: &str = "Server to start";

options! {
    /// URL of the deployment: http://host:port or https://host. A URL with a path or query replaces the configured paths
    /// and probes.
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Path to probe; repeatable [default: the URL's own path].
    #[arg(long, value_name = "PATH", help_heading = REQUEST)]
    path: Vec<String>,
    /// Request method [default: GET].
    #[arg(long, value_name = "METHOD", help_heading = REQUEST)]
    method: Option<String>,
    /// Header to send; repeatable.
    #[arg(long, value_name = "NAME: VALUE", help_heading = REQUEST)]
    header: Vec<String>,
    /// Header whose value is a secret in an environment variable; repeatable. The value is never shown, and never sent
    /// to other hosts.
    #[arg(long, value_name = "NAME: VARIABLE", help_heading = REQUEST)]
    header_env: Vec<String>,
    /// Environment variable that holds a bearer token.
    #[arg(long, value_name = "VARIABLE", help_heading = REQUEST)]
    bearer_env: Option<String>,
    /// Environment variable that holds user:password, for HTTP Basic authentication.
    #[arg(long, value_name = "VARIABLE", help_heading = REQUEST)]
    basic_env: Option<String>,
    /// Request body. Set its Content-Type with --header.
    #[arg(long, value_name = "TEXT", help_heading = REQUEST)]
    body: Option<String>,
    /// File to send as the request body, at most 16 MiB.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = REQUEST)]
    body_file: Option<String>,
    /// Follow redirects, at most ten [default: false: a redirect is then a response like any other].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = REQUEST)]
    follow_redirects: Option<bool>,

    /// Accepted statuses: 200, 2xx or 200,204 [default: 200].
    #[arg(long, value_name = "LIST", help_heading = EXPECTED)]
    expect_status: Option<StatusSet>,
    /// Regular expression the body must match, within its first 1 MiB.
    #[arg(long, value_name = "REGEX", help_heading = EXPECTED)]
    expect_body: Option<String>,
    /// What a JSON body must contain, by JSON pointer; repeatable: /ready, /status = ok, /errors != 0, /queue < 10,
    /// /version =~ ^1[.]. Operators: = != < <= > >= =~.
    #[arg(long, value_name = "EXPECTATION", help_heading = EXPECTED)]
    expect_json: Vec<JsonExpectation>,
    /// Header that must be present and match; repeatable.
    #[arg(long, value_name = "NAME: REGEX", help_heading = EXPECTED)]
    expect_header: Vec<HeaderExpectation>,
    /// Version that must answer. While another version answers, the probe retries. A commit id may be abbreviated on
    /// either side.
    #[arg(long, value_name = "VERSION", help_heading = EXPECTED)]
    expect_version: Option<String>,
    /// Where to find the version in a response: header:NAME, json:/POINTER, body:REGEX (its first group), or body
    /// (anywhere, as a word) [default: body].
    #[arg(long, value_name = "PLACE", help_heading = EXPECTED)]
    version_from: Option<VersionFrom>,
    /// URL a redirect must lead to, in order; repeatable. Implies --follow-redirects.
    #[arg(long, value_name = "URL", help_heading = EXPECTED)]
    expect_redirect: Vec<String>,
    /// Host that must answer after all redirects. Implies --follow-redirects.
    #[arg(long, value_name = "HOST", help_heading = EXPECTED)]
    expect_final_host: Option<String>,
    /// Minimum days until the first certificate expires. Includes the certificates of redirect targets and authorities,
    /// in every sample.
    #[arg(long, value_name = "DAYS", help_heading = EXPECTED)]
    min_certificate_days: Option<u32>,
    /// Warn if good responses are slower than this; repeatable: median=200ms, p95=500ms.
    #[arg(long, value_name = "LIMIT", help_heading = EXPECTED)]
    warn_latency: Vec<LatencyLimit>,
    /// Fail if good responses are slower than this; repeatable: median=1s, p95=2s.
    #[arg(long, value_name = "LIMIT", help_heading = EXPECTED)]
    max_latency: Vec<LatencyLimit>,

    /// Total time allowed to become healthy, for each probe [default: 60s]. --all-within limits all of them together.
    #[arg(long, value_name = "TIME", help_heading = PATIENCE)]
    within: Option<TimeSpan>,
    /// Statuses to retry until --within is over: any of 401, 403, 405 and 410. By default, three of these in a row, over
    /// at least 2s, end the probe, because waiting rarely changes them.
    #[arg(long, value_name = "LIST", help_heading = PATIENCE)]
    retry_on_status: Option<StatusSet>,
    /// Time between two attempts, at least 10ms [default: 1s]. Retry-After extends it (with --steady or --watch by at most
    /// three intervals), and the end of --within shortens it.
    #[arg(long, value_name = "TIME", help_heading = PATIENCE)]
    interval: Option<TimeSpan>,
    /// Time allowed for one connection [default: 5s].
    #[arg(long, value_name = "TIME", help_heading = PATIENCE)]
    connect_timeout: Option<TimeSpan>,
    /// Time allowed for one attempt, from the first byte sent to the last byte read; never longer than the rest of
    /// --within [default: 10s]. smoke reads 1 MiB of a body, or 64 KiB if no option checks the body.
    #[arg(long, value_name = "TIME", help_heading = PATIENCE)]
    timeout: Option<TimeSpan>,

    /// After the first good response, require good responses for this long without a break. A failure within the limits
    /// below restarts this time; the window may then take up to --within longer.
    #[arg(long, value_name = "TIME", conflicts_with = "watch", help_heading = WINDOW)]
    steady: Option<TimeSpan>,
    /// After the first good response, keep probing for this long. Failures within the limits below are a warning. A gap
    /// of three intervals (at least 1s) without a sample is inconclusive, as with --steady.
    #[arg(long, value_name = "TIME", help_heading = WINDOW)]
    watch: Option<TimeSpan>,
    /// Number of bad responses in a row that end the window [default: 3].
    #[arg(long, value_name = "N", help_heading = WINDOW)]
    max_failures: Option<u32>,
    /// Number of attempts in a row without a response that end the window [default: 5].
    #[arg(long, value_name = "N", help_heading = WINDOW)]
    max_transport_errors: Option<u32>,
    /// Largest tolerated share of failed attempts, whether with a bad response or none [default: 5%].
    #[arg(long, value_name = "PERCENT", help_heading = WINDOW)]
    max_error_ratio: Option<Share>,
    /// Minimum sample size for --max-error-ratio; fewer attempts count as this many [default: 60].
    #[arg(long, value_name = "N", help_heading = WINDOW)]
    min_samples: Option<u32>,
    /// URL that is independent of the deployment, requested when a probe gets no response. If it fails as well, the
    /// failure is of class infra.
    #[arg(long, value_name = "URL", help_heading = WINDOW)]
    control: Option<String>,

    /// Address to use instead of looking the name up; repeatable.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = CONNECTION)]
    resolve: Vec<String>,
    /// Use IPv4 addresses only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "ipv6", help_heading = CONNECTION)]
    ipv4: Option<bool>,
    /// Use IPv6 addresses only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = CONNECTION)]
    ipv6: Option<bool>,
    /// HTTP version to use: 1.1 or 2 [default: what the server prefers].
    #[arg(long, value_name = "VERSION", help_heading = CONNECTION)]
    http_version: Option<String>,
    /// Proxy to use, or none [default: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY]. Never used to reach this
    /// machine.
    #[arg(long, value_name = "URL", help_heading = CONNECTION)]
    proxy: Option<String>,
    /// Certificate authorities to trust instead of the built-in ones, as PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = CONNECTION)]
    ca_file: Option<String>,
    /// Client certificate to send, as PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = CONNECTION)]
    client_cert: Option<String>,
    /// Key of the client certificate, as PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = CONNECTION)]
    client_key: Option<String>,
    /// Do not verify the server's certificate. Adds a warning to the report.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = CONNECTION)]
    insecure: Option<bool>,
}

/// One of several servers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Server")]
pub struct ServerOptions {
    /// Name in reports and in the log's file name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Command that starts it, split into words as a shell would, but run without a shell.
    pub start: String,
    /// When it counts as up: http://127.0.0.1:PORT/PATH (answers 2xx or 3xx), tcp:PORT (accepts connections) or
    /// log:REGEX (a line of its output). Without this key, the next server starts at once.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// Time allowed to become ready. Default: 60s.
    #[serde(default)]
    pub ready_within: Option<TimeSpan>,
    /// Time between SIGTERM and SIGKILL. Default: 4s.
    #[serde(default)]
    pub stop_grace: Option<TimeSpan>,
}

impl Or for Box<ProbeOptions> {
    fn or(self, _: Self) -> Self {
        self
    }
}
