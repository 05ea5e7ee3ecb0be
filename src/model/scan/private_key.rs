//! A private key in a text: its lines, whatever a log, a program or an escape puts around each of them.

use std::ops::Range;

use memchr::memmem;

/// Between two lines of a key: what comes behind the first, and what a log puts before the second.
const BETWEEN: usize = 160;
/// Headers of RFC 1421, as in `DEK-Info: AES-128-CBC,…`.
const HEADERS: usize = 640;
/// Between the last whole line and the END: a short line, with the same around it.
const BEFORE_END: usize = 256;
/// A line that is base64 and no word, path or hash.
const LINE: usize = 40;

/// What is a key of a text from a BEGIN up to an END, where one of both may be missing. If nothing is, how much to pass over.
pub fn place(text: &[u8]) -> Result<Range<usize>, usize> {
    let behind_begin = || Some(10 + memmem::find(text.get(10..)?, b"-----")? + 5);
    let begin = text.starts_with(b"-----BEGIN").then(behind_begin).flatten();
    let from = begin.unwrap_or(0);
    let end = memmem::rfind(&text[from..], b"-----END").map(|at| from + at);
    let body = &text[from..end.unwrap_or(text.len())];
    if begin.is_some() && end.is_some() && body.len() >= 32 && body.iter().all(|byte| is_plain(*byte)) {
        return Ok(0..text.len());
    }
    let first = match memmem::find(&body[..body.len().min(HEADERS)], b"DEK-Info:") {
        Some(_) => HEADERS,
        None => BETWEEN,
    };
    // The lines that follow the BEGIN, or those before the END.
    let (mut lines, mut gap): (Option<Range<usize>>, usize) = (None, 0);
    for run in runs(body).filter(|run| is_line(&body[run.clone()])) {
        lines = match lines {
            Some(lines) if run.start - lines.end <= BETWEEN => {
                gap = run.start - lines.end;
                Some(lines.start..run.end)
            }
            None if begin.is_some() && run.start > first => break,
            Some(_) if begin.is_some() => break,
            _ => Some(run),
        };
    }
    let Some(lines) = lines else {
        return Err(begin.unwrap_or(text.len()));
    };
    let start = if begin.is_some() { 0 } else { lines.start };
    match end {
        Some(end) if end - from - lines.end <= BEFORE_END => Ok(start..text.len()),
        _ if begin.is_none() => Err(text.len()),
        _ => {
            // The line in which the key is cut.
            let rest = lines.end + gap;
            let cut = runs(body).find(|run| run.contains(&rest) && gap > 0);
            let cut = cut.filter(|run| is_mixed(&body[rest..run.end])).map(|run| run.end);
            Ok(start..from + cut.unwrap_or(lines.end))
        }
    }
}

/// What a key without anything around its lines is made of, with its headers.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=:,.\\-".contains(&byte)
}

/// Where there is nothing but digits of base64, also as they are escaped in URLs and JSON.
fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=%\\".contains(byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.iter().position(is_digit)?;
        let length = text[start..].iter().position(|byte| !is_digit(byte));
        at = length.map_or(text.len(), |length| start + length);
        Some(start..at)
    })
}

fn is_line(run: &[u8]) -> bool {
    let separators = run.iter().filter(|byte| **byte == b'/').count();
    run.len() >= LINE && separators * 8 <= run.len() && is_mixed(run)
}

fn is_mixed(run: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| run.iter().any(is);
    run.len() >= 8 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
