//! Why an artifact could not be got, and what to do.

use super::super::NotUploaded;
use super::{LARGEST, MOST};
use crate::model::text::nearest;
use crate::world::github::{ApiError, NoAccess, Why};

/// Names that are listed where another one was wanted.
const MOST_NAMED: usize = 10;

/// Why there are no zips.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    #[error("{run} has no artifact `{name}`")]
    NotFound {
        run: String,
        name: String,
        there: Vec<String>,
    },
    #[error("the artifact `{0}` has expired, and GitHub deleted it")]
    Expired(String),
    #[error("the artifact `{0}` is listed, but its zip is gone ({1})")]
    Gone(String, u16),
    #[error("the artifact `{0}` is larger than {limit} GiB", limit = LARGEST >> 30)]
    TooLarge(String),
    #[error("the names match {0} artifacts, more than {MOST}")]
    TooMany(usize),
    #[error("an artifact has a name that no file may have: {0:?}")]
    OddName(String),
    #[error("the artifact `{name}` is damaged: its SHA-256 is {found}, and GitHub recorded {recorded}")]
    Damaged {
        name: String,
        found: String,
        recorded: String,
    },
    #[error("the artifact `{name}` could not be downloaded: {why}")]
    Unanswered { name: String, why: String },
    #[error("the artifacts cannot be asked for: GITHUB_RUN_ID is not set")]
    NoRun,
    #[error("the artifact `{0}` cannot be stored: {1:#}")]
    Unwritable(String, anyhow::Error),
    #[error(transparent)]
    Service(#[from] NotUploaded),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    NoAccess(#[from] NoAccess),
}

impl NotFetched {
    /// The code of what is wrong with the artifacts. `None`: that could not be found out.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some("no-artifact"),
            Self::Expired(_) | Self::Gone(..) => Some("artifact-expired"),
            Self::TooLarge(_) | Self::TooMany(_) => Some("artifact-too-large"),
            Self::OddName(_) | Self::Damaged { .. } => Some("artifact-damaged"),
            _ => None,
        }
    }

    /// The next step.
    pub fn help(&self) -> String {
        match self {
            Self::NotFound { there, .. } if there.is_empty() => {
                "it has no artifacts at all: check that the job that uploads them ran before this one (needs)"
                    .to_owned()
            }
            Self::NotFound { name, there, .. } => {
                match nearest(name, there.iter().map(String::as_str).filter(|_| !name.contains('*'))) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let mut shown = there.clone();
                        if there.len() > MOST_NAMED {
                            shown.truncate(MOST_NAMED);
                            shown.push(format!("{} more", there.len() - MOST_NAMED));
                        }
                        format!("it has {}", shown.join(", "))
                    }
                }
            }
            Self::Expired(_) | Self::Gone(..) => {
                "run the job that uploads it again, or keep it for longer with --retention-days".to_owned()
            }
            Self::TooLarge(_) => "download it another way, and give the path of the zip".to_owned(),
            Self::TooMany(_) => "give narrower names".to_owned(),
            Self::OddName(_) => "upload it again under another name".to_owned(),
            Self::Damaged { .. } | Self::Unanswered { .. } => {
                "run it again; https://www.githubstatus.com lists outages".to_owned()
            }
            Self::NoRun => "name the run with --run, by its id or its address".to_owned(),
            Self::Unwritable(..) => "free some space in the temporary folder".to_owned(),
            Self::Service(_) => "run it again, or give the action `run` and a token, to use the REST API".to_owned(),
            Self::Api(ApiError { why: Why::NotFound, .. }) => {
                "check the id of the run, and that the token may read the repository (actions: read)".to_owned()
            }
            Self::Api(error) => error.help(),
            Self::NoAccess(error) => error.help(),
        }
    }
}
