//! Where a redirect leads, and what goes along (RFC 9110 15.4).

use bytes::Bytes;
use url::{Position, Url};

use super::failure::Failure;
use super::request::{Header, Method};
use super::response::Hop;
use super::settings::without_credentials;

/// As many as browsers follow at least; a chain longer than this is a loop.
const MOST: usize = 10;

/// The request that comes next.
pub struct Next<'a> {
    pub url: Url,
    pub method: Method,
    pub headers: Vec<&'a Header>,
    pub body: Option<&'a Bytes>,
    pub hops: Vec<Hop>,
}

/// A redirect that cannot be followed any more, in words.
pub struct Endless(pub String);

impl<'a> Next<'a> {
    pub fn first(url: &Url, method: &Method, headers: &'a [Header], body: Option<&'a Bytes>) -> Self {
        Self {
            url: url.clone(),
            method: method.clone(),
            headers: headers.iter().collect(),
            body,
            hops: Vec::new(),
        }
    }

    /// Where the answer to this request sends it; `None` if nowhere that could be asked, which makes it the answer.
    pub fn target(&self, status: u16, location: Option<&[u8]>) -> Option<Url> {
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let target = self.url.join(std::str::from_utf8(location?).ok()?.trim()).ok()?;
        if !matches!(target.scheme(), "http" | "https") {
            return None;
        }
        // A name and password in a URL are for its origin; and what somebody else wrote there is none of ours.
        let mut target = without_credentials(&target);
        if target.origin() == self.url.origin() {
            // Both fail only where there can be none.
            let _ = target.set_username(self.url.username());
            let _ = target.set_password(self.url.password());
        }
        Some(target)
    }

    /// Goes there.
    pub fn follow(&mut self, status: u16, target: Url) -> Result<(), Endless> {
        self.hops.push(Hop {
            status,
            from: without_credentials(&self.url),
            to: without_credentials(&target),
        });
        // Without cookies the same question gets the same answer.
        let asked_before = self
            .hops
            .iter()
            .any(|hop| same_document(&hop.from, &without_credentials(&target)));
        let becomes_get = changes_method(status, &self.method);
        if asked_before && !becomes_get {
            return Err(Endless(format!("redirect loop: {}", self.chain())));
        }
        if self.hops.len() > MOST {
            return Err(Endless(format!("more than {MOST} redirects: {}", self.chain())));
        }
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            self.headers.retain(|header| !header.describes_body());
        }
        if self.url.origin() != target.origin() {
            self.headers.retain(|header| !header.stays());
        }
        self.url = target;
        Ok(())
    }

    /// A failure says where it happened, if that is not where it was sent.
    pub fn after_redirects(&self, mut failure: Failure) -> Failure {
        if !self.hops.is_empty() {
            failure.detail = format!("{} (redirected: {})", failure.detail, self.chain());
        }
        failure
    }

    /// The URLs so far, shortened in the middle.
    fn chain(&self) -> String {
        let urls: Vec<&str> = self
            .hops
            .first()
            .map(|hop| hop.from.as_str())
            .into_iter()
            .chain(self.hops.iter().map(|hop| hop.to.as_str()))
            .collect();
        match urls.as_slice() {
            [first, second, .., last] if urls.len() > 4 => format!("{first} -> {second} -> ... -> {last}"),
            _ => urls.join(" -> "),
        }
    }
}

/// POST becomes GET as all clients do it, and with 303 whatever has a body does; 307 and 308 keep the method.
fn changes_method(status: u16, method: &Method) -> bool {
    match (status, method.as_str()) {
        (301..=303, "POST") => true,
        (303, "GET" | "HEAD") => false,
        (303, _) => true,
        _ => false,
    }
}

/// What stands after `#` is not sent.
fn same_document(one: &Url, other: &Url) -> bool {
    one[..Position::AfterQuery] == other[..Position::AfterQuery]
}
