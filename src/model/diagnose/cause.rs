//! The kinds of causes, and who each belongs to.

use crate::model::Class;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:expr,)+) => {
        /// Why a job failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $($(#[$doc])* $variant,)+
        }

        impl Cause {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whose it is, where that follows.
            pub fn class(self) -> Option<Class> {
                match self { $(Self::$variant => $class,)+ }
            }
        }
    };
}

causes! {
    /// A secret that is not set, or not given to this kind of run.
    MissingSecret = "missing-secret", Some(Class::Infra),
    /// A variable, file or value that was never set.
    MissingConfig = "missing-config", Some(Class::Infra),
    /// The scope of a token, a registry, a role at a cloud.
    Permissions = "permissions", Some(Class::Infra),
    /// It ran where it never could work.
    WrongTrigger = "wrong-trigger", Some(Class::Infra),
    /// The YAML, a missing action or image.
    WorkflowConfig = "workflow-config", Some(Class::Infra),
    /// A rule of the project says no.
    PolicyGate = "policy-gate", Some(Class::App),
    /// Installation, resolution, versions that do not go together.
    Dependency = "dependency", Some(Class::App),
    CompileError = "compile-error", Some(Class::App),
    Lint = "lint", Some(Class::App),
    TestFailure = "test-failure", Some(Class::App),
    /// The project's own script.
    ScriptBug = "script-bug", Some(Class::App),
    /// Memory, disk, time.
    ResourceLimit = "resource-limit", Some(Class::Infra),
    /// Network, runner, registry, rate limit.
    FlakyInfra = "flaky-infra", Some(Class::Infra),
    /// What was deployed does not answer.
    HealthCheck = "health-check", Some(Class::App),
    Cancelled = "cancelled", Some(Class::Infra),
    /// Another job or step failed first.
    DerivedFailure = "derived-failure", None,
    Unknown = "unknown", None,
}

impl Cause {
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.as_str() == name)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure a diagnosis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    Unknown,
    Likely,
    Sure,
}

impl Confidence {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Likely => "likely",
            Self::Sure => "sure",
        }
    }
}
