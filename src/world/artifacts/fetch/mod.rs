//! Getting artifacts of a run again: this run's from the artifact service, which every action may ask, and those of any
//! run from the REST API, with a token.

mod choice;
mod error;
mod source;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{NotUploaded, Tenths, signed};
use crate::world::files::{self, TemporaryFolder};
use crate::world::http::Http;
use crate::world::{World, scratch};
pub use error::NotFetched;
use source::{Offer, Source};

/// Without a single byte.
const STALL: Duration = Duration::from_secs(60);
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// A matrix has no more jobs.
const MOST: usize = 256;
const LARGEST: u64 = 10 << 30;

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
