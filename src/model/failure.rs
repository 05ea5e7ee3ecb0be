//! Who a failure belongs to, and what exactly went wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The deployment is at fault.
    App,
    /// The platform, the network or our own access is at fault, by independent evidence.
    Infra,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Infra => "infra",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// Why one sample of a probe failed. Each failed sample has exactly one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Reason {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Reason {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    /// The host name has no address, or no resolver answered.
    Dns = "dns",
    /// Nothing listens on the port.
    Refused = "refused",
    /// No connection within the connect timeout, or no route to the host.
    ConnectTimeout = "connect-timeout",
    /// The connection ended before a complete response: reset, closed, empty or not HTTP.
    Reset = "reset",
    /// The TLS handshake failed: certificate not trusted, expired, for another name, or no TLS at all.
    Tls = "tls",
    /// Connected, but no complete response within the attempt's timeout.
    Timeout = "timeout",
    /// A redirect that was not expected, loops, or has no usable target.
    Redirect = "redirect",
    /// 401 or 403: the server requires authentication.
    AuthWall = "auth-wall",
    /// Another status from 400 to 499.
    Status4xx = "status-4xx",
    /// 500, or another status from 505 to 599.
    Status5xx = "status-5xx",
    /// 502, 503 or 504: a proxy in front of the application, or the application itself, is unavailable.
    Gateway5xx = "gateway-5xx",
    /// The status was as expected, the body was not.
    Body = "body",
    /// A header was not as expected.
    Header = "header",
    /// A good response, but slower than allowed.
    Latency = "latency",
    /// Another version than the deployed one answers.
    WrongVersion = "wrong-version",
    /// The server that stageproof started has exited.
    ProcessExit = "process-exit",
    /// An unexpected status outside 400 to 599, such as 204 instead of 200.
    StatusOther = "status-other",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_and_a_reason_read_as_they_are_written_down() {
        for class in [Class::App, Class::Infra] {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
            assert_eq!(class.to_string(), class.as_str());
        }
        for reason in [Reason::Dns, Reason::Status4xx, Reason::Gateway5xx, Reason::WrongVersion] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(reason.to_string(), reason.as_str());
        }
    }
}
