//! Getting artifacts of a run again: this run's from the artifact service, which every action may ask, and those of any
//! run from the REST API, with a token.

mod choice;
mod error;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{NotUploaded, signed};
use crate::world::download::{NotSaved, Tenths, save};
use crate::world::files::TemporaryFolder;
use crate::world::http::Http;
use crate::world::{World, scratch};
pub use error::NotFetched;
use source::{Offer, Source};

/// Without a single byte.
pub const STALL: Duration = Duration::from_secs(60);
pub const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// A matrix has no more jobs.
const MOST: usize = 256;
pub const LARGEST: u64 = 10 << 30;

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
    pub folder: TemporaryFolder,
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
    /// The same hash was recorded when it was uploaded. Some servers record none.
    pub compared: bool,
}

/// Gets all artifacts of these names. Each name must match at least one.
pub async fn fetch(wanted: &Wanted, world: &World) -> Result<Fetched, NotFetched> {
    let (source, http) = source::connect(wanted, world)?;
    let offers = choice::choose(source.offers().await?, wanted, &source)?;
    let unwritable = |error| NotFetched::Unwritable(wanted.names.join(", "), error);
    let folder = scratch::folder(&world.env, &world.workspace).map_err(unwritable)?;
    let mut bundles = Vec::with_capacity(offers.len());
    for offer in &offers {
        let zip = folder.path().join(format!("{}.zip", offer.name));
        bundles.push(download(&source, &http, offer, zip, world).await?);
    }
    Ok(Fetched { folder, bundles })
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
        world
            .progress
            .pause(&format!("{} is not downloaded yet: {why}", offer.name), pause)
            .await;
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
    let mut pieces = match http.get_in_pieces(&url, &[], STALL).await {
        Ok(pieces) => pieces,
        Err(failure) => return Ok(Err(failure.detail)),
    };
    match pieces.status {
        200 => {}
        status @ (404 | 410) => return Err(NotFetched::Gone(name.clone(), status)),
        status => return Ok(Err(format!("status {status}"))),
    }
    let mut tenths = Tenths::new(&format!("downloading {name}"), offer.bytes, &world.progress);
    let saved = match save(&mut pieces, zip, LARGEST, &mut tenths).await {
        Ok(saved) => saved,
        Err(NotSaved::Broken(failure)) => return Ok(Err(failure.detail)),
        Err(NotSaved::TooLarge) => return Err(NotFetched::TooLarge(name.clone())),
        Err(NotSaved::Unwritable(error)) => return Err(NotFetched::Unwritable(name.clone(), error)),
    };
    let found = hex::encode(saved.sha256);
    match &offer.recorded {
        Some(recorded) if *recorded != found => Err(NotFetched::Damaged {
            name: name.clone(),
            found,
            recorded: recorded.clone(),
        }),
        recorded => Ok(Ok(Bundle {
            name: name.clone(),
            zip: zip.to_owned(),
            bytes: saved.size,
            sha256: found,
            compared: recorded.is_some(),
        })),
    }
}
