//! Getting artifacts of a run again: this run's from the artifact service, which every action may ask, and those of any
//! run from the REST API, with a token.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::service::{Item, Service};
use super::{Artifacts, NotUploaded, Tenths, not_in_a_name, signed};
use crate::model::text::nearest;
use crate::world::files::{self, TemporaryFolder};
use crate::world::github::{ApiError, Artifact, GitHub, NoAccess, Why};
use crate::world::http::Http;
use crate::world::{World, scratch};

/// For all calls of the REST API about one artifact.
const TIME: Duration = Duration::from_secs(120);
/// Without a single byte.
const STALL: Duration = Duration::from_secs(60);
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// A matrix has no more jobs.
const MOST: usize = 256;
const LARGEST: u64 = 10 << 30;
/// Names that are listed where another one was wanted.
const MOST_NAMED: usize = 10;

/// Which artifacts are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names, in which `*` stands for anything.
    pub names: Vec<String>,
    /// This one, otherwise.
    pub run: Option<OfRun>,
    /// The variable that holds the token for the REST API.
    pub token_env: String,
}

#[derive(Clone, Debug)]
pub struct OfRun {
    /// `OWNER/NAME`; otherwise this one.
    pub repository: Option<String>,
    pub id: u64,
}

/// The zips, as long as this is held.
#[derive(Debug)]
pub struct Fetched {
    folder: TemporaryFolder,
    /// Sorted by their names.
    pub bundles: Vec<Bundle>,
}

impl Fetched {
    /// A folder of our own, in which the zips lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

#[derive(Debug)]
pub struct Bundle {
    pub name: String,
    pub zip: PathBuf,
    pub bytes: u64,
    pub sha256: String,
    /// GitHub recorded the same hash when it was uploaded. Some servers record none.
    pub compared: bool,
}

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

/// Whom to ask.
enum Source {
    Service(Service),
    Rest { github: GitHub, run: u64 },
}

/// An artifact that is there.
struct Offer {
    id: u64,
    name: String,
    bytes: u64,
    recorded: Option<String>,
    is_expired: bool,
    /// The service's own words for it, if that was asked.
    item: Option<Item>,
}

/// Gets all artifacts of these names. Each name must match at least one.
pub async fn fetch(wanted: &Wanted, world: &World) -> Result<Fetched, NotFetched> {
    let (source, http) = connect(wanted, world)?;
    let offers = choose(source.offers().await?, wanted, &source)?;
    let unwritable = |error| NotFetched::Unwritable(wanted.names.join(", "), error);
    let folder = scratch::folder(&world.env, &world.workspace).map_err(unwritable)?;
    let mut bundles = Vec::with_capacity(offers.len());
    for offer in &offers {
        let zip = folder.path().join(format!("{}.zip", offer.name));
        bundles.push(download(&source, &http, offer, zip, world).await?);
    }
    Ok(Fetched { folder, bundles })
}

fn connect(wanted: &Wanted, world: &World) -> Result<(Source, Http), NotFetched> {
    let env = &world.env;
    if wanted.run.is_none() && super::is_offered(env) {
        let Artifacts { service, http, .. } = Artifacts::connect(env)?;
        return Ok((Source::Service(service), http));
    }
    let (clock, progress) = (world.clock, world.progress.clone());
    let run = wanted.run.as_ref();
    let id = run.map(|run| run.id).or_else(|| world.runner.run_id());
    let github = match run.and_then(|run| run.repository.as_deref()) {
        Some(repository) => GitHub::connect_to(env, clock, progress, &wanted.token_env, repository),
        None => GitHub::connect(env, clock, progress, &wanted.token_env),
    }?;
    let run = id.ok_or(NotFetched::NoRun)?;
    let http = Http::for_another_client(env, super::CONNECT_TIMEOUT).map_err(NoAccess::NoClient)?;
    Ok((Source::Rest { github, run }, http))
}

impl Source {
    async fn offers(&self) -> Result<Vec<Offer>, NotFetched> {
        Ok(match self {
            Self::Service(service) => service.list(&json!({})).await?.into_iter().map(Offer::from).collect(),
            Self::Rest { github, run } => {
                let listed = github.within(TIME).artifacts(*run).await?;
                listed.items.into_iter().map(Offer::from).collect()
            }
        })
    }

    async fn address(&self, offer: &Offer) -> Result<String, NotFetched> {
        match (self, &offer.item) {
            (Self::Service(service), Some(item)) => Ok(service.address(item).await?),
            (Self::Rest { github, .. }, _) => match github.within(TIME).artifact_address(offer.id).await {
                Ok(address) => Ok(address.into()),
                Err(ApiError {
                    why: Why::Unexpected { status: 410, .. },
                    ..
                }) => Err(NotFetched::Expired(offer.name.clone())),
                Err(ApiError { why: Why::NotFound, .. }) => Err(NotFetched::Gone(offer.name.clone(), 404)),
                Err(error) => Err(error.into()),
            },
            // The service never lists one without an item.
            (Self::Service(_), None) => Err(NotFetched::Gone(offer.name.clone(), 404)),
        }
    }

    /// For sentences.
    fn run(&self) -> String {
        match self {
            Self::Service(_) => "this run".to_owned(),
            Self::Rest { github, run } => format!("run {run} of {}", github.repository()),
        }
    }
}

impl From<Item> for Offer {
    fn from(item: Item) -> Self {
        Self {
            id: item.database_id.number().unwrap_or(0),
            name: item.name.clone(),
            bytes: item.size.number().unwrap_or(0),
            recorded: item.digest.as_deref().and_then(sha256),
            is_expired: false,
            item: Some(item),
        }
    }
}

impl From<Artifact> for Offer {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id,
            recorded: artifact.digest.as_deref().and_then(sha256),
            name: artifact.name,
            bytes: artifact.size_in_bytes,
            is_expired: artifact.expired,
            item: None,
        }
    }
}

fn sha256(digest: &str) -> Option<String> {
    let digits = digest.strip_prefix("sha256:")?.to_ascii_lowercase();
    (digits.len() == 64).then_some(digits)
}

/// Those that are wanted, once each: of one name the newest.
fn choose(mut offers: Vec<Offer>, wanted: &Wanted, source: &Source) -> Result<Vec<Offer>, NotFetched> {
    offers.sort_by(|a, b| (&a.name, b.id).cmp(&(&b.name, a.id)));
    offers.dedup_by(|later, first| later.name == first.name);
    let mut is_wanted = vec![false; offers.len()];
    for name in &wanted.names {
        let mut is_there = false;
        for (offer, is_wanted) in offers.iter().zip(&mut is_wanted) {
            if is_match(name, &offer.name) {
                (*is_wanted, is_there) = (true, true);
            }
        }
        if !is_there {
            return Err(NotFetched::NotFound {
                run: source.run(),
                name: name.clone(),
                there: offers.into_iter().map(|offer| offer.name).collect(),
            });
        }
    }
    let mut wanted = is_wanted.into_iter();
    offers.retain(|_| wanted.next() == Some(true));
    if offers.len() > MOST {
        return Err(NotFetched::TooMany(offers.len()));
    }
    for offer in &offers {
        let is_odd = |c: char| c.is_control() || not_in_a_name(&String::from(c)).is_some();
        if matches!(offer.name.as_str(), "" | "." | "..") || offer.name.contains(is_odd) {
            return Err(NotFetched::OddName(offer.name.clone()));
        }
        if offer.is_expired {
            return Err(NotFetched::Expired(offer.name.clone()));
        }
        if offer.bytes > LARGEST {
            return Err(NotFetched::TooLarge(offer.name.clone()));
        }
    }
    Ok(offers)
}

/// Names have no `*`, which is the only sign of a pattern here.
fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|left| {
            let mut ends = (0..=left.len()).filter_map(|at| left.get(at..));
            ends.any(|end| is_match(after, end))
        }),
    }
}

async fn download(
    source: &Source,
    http: &Http,
    offer: &Offer,
    zip: PathBuf,
    world: &World,
) -> Result<Bundle, NotFetched> {
    let mut pauses = PAUSES.into_iter();
    loop {
        // Each address is valid for a short time only.
        let address = source.address(offer).await?;
        let why = match once(http, &address, offer, &zip, world).await? {
            Ok(bundle) => return Ok(bundle),
            Err(why) => why,
        };
        let Some(pause) = pauses.next() else {
            let name = offer.name.clone();
            return Err(NotFetched::Unanswered { name, why });
        };
        tokio::time::sleep(pause).await;
    }
}

/// The inner error is one that another try may not have.
async fn once(
    http: &Http,
    address: &str,
    offer: &Offer,
    zip: &Path,
    world: &World,
) -> Result<Result<Bundle, String>, NotFetched> {
    let name = &offer.name;
    let url = signed(address).ok_or(NotUploaded::Address("the download address"))?;
    let mut pieces = match http.get_in_pieces(&url, STALL).await {
        Ok(pieces) => pieces,
        Err(failure) => return Ok(Err(failure.detail)),
    };
    match pieces.status {
        200 => {}
        status @ (404 | 410) => return Err(NotFetched::Gone(name.clone(), status)),
        status => return Ok(Err(format!("status {status}"))),
    }
    let unwritable = |error: anyhow::Error| NotFetched::Unwritable(name.clone(), error);
    files::remove_file(zip).map_err(unwritable)?;
    let mut file = files::create(zip, 0o600).map_err(|error| unwritable(error.into()))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut tenths = Tenths::new(&format!("downloading {name}"), offer.bytes, &world.progress);
    loop {
        let piece = match pieces.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(failure) => return Ok(Err(failure.detail)),
        };
        bytes += piece.len() as u64;
        if bytes > LARGEST {
            return Err(NotFetched::TooLarge(name.clone()));
        }
        hash.update(&piece);
        file.write_all(&piece).map_err(|error| unwritable(error.into()))?;
        tenths.at(bytes);
    }
    let found = hex::encode(hash.finalize());
    match &offer.recorded {
        Some(recorded) if *recorded != found => Err(NotFetched::Damaged {
            name: name.clone(),
            found,
            recorded: recorded.clone(),
        }),
        recorded => Ok(Ok(Bundle {
            name: name.clone(),
            zip: zip.to_owned(),
            bytes,
            sha256: found,
            compared: recorded.is_some(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_the_only_sign_in_a_name() {
        for (name, there, matches) in [
            ("proof", "proof", true),
            ("proof", "proof-2", false),
            ("proof-*", "proof-", true),
            ("*-eu-*", "proof-eu-1", true),
            ("*", "anything {a,b} [x]", true),
            ("a{b,c}", "ab", false),
            ("a[bc]", "ab", false),
            ("a[bc]*", "a[bc]-1", true),
            ("a!b", "a!b", true),
        ] {
            assert_eq!(is_match(name, there), matches, "{name} {there}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_so_does_its_beginning_with_a_star(name in "[^/*\\\\:\"<>|?\r\n]{1,20}") {
            prop_assert!(is_match(&name, &name));
            let (pattern, longer) = (format!("{name}*"), format!("{name} and more"));
            prop_assert!(is_match(&pattern, &longer) && !is_match(&name, &longer));
        }
    }
}
