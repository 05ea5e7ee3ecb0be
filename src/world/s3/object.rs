//! What is stored, and what the store says of it.

use std::path::Path;

use jiff::Timestamp;

use super::Place;

/// What is stored, and where.
pub struct Object<'a> {
    pub place: Place,
    pub file: &'a Path,
    /// What its bytes must hash to.
    pub sha256: &'a str,
    pub media_type: &'static str,
    pub lock: Option<Lock>,
}

/// For how long nobody may delete a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    pub mode: LockMode,
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// But those who have `s3:BypassGovernanceRetention`.
    Governance,
    /// Not even the owner of the account.
    Compliance,
}

impl LockMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

/// An object that is there.
#[derive(Debug)]
pub struct Stored {
    pub bytes: u64,
    pub etag: Option<String>,
    /// In a bucket that keeps versions.
    pub version: Option<String>,
    pub lock: LockState,
}

/// What the store says about the lock afterwards.
#[derive(Debug, PartialEq, Eq)]
pub enum LockState {
    /// The mode and the time, from the request or from what the bucket does by itself.
    Locked(String),
    /// Or not as it was asked for.
    NotLocked,
    /// These credentials may not read it.
    Unknown,
}

impl LockState {
    /// What the store says, if it is at least what was `asked` for.
    pub fn told(mode: &str, until: &str, asked: Option<Lock>) -> Self {
        let keeps = |lock: Lock| {
            let until: Option<Timestamp> = until.parse().ok();
            lock.mode.as_str() == mode && until.is_some_and(|until| until.as_second() >= lock.until.as_second())
        };
        match asked {
            Some(lock) if !keeps(lock) => Self::NotLocked,
            _ => Self::Locked(format!("{mode} until {until}")),
        }
    }

    pub fn is_locked(&self) -> Option<&str> {
        match self {
            Self::Locked(how) => Some(how),
            Self::NotLocked | Self::Unknown => None,
        }
    }
}
