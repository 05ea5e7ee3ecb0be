//! What is known of a panic, for the report: its text, and its place, which only a panic hook is told.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinError;

/// More than can be under way at once.
const KEPT: usize = 64;

/// Texts and places of the last panics.
static SEEN: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());

/// Keeps the place of every panic from now on, and prints nothing: what catches it puts it into the report.
pub fn keep_places() {
    std::panic::set_hook(Box::new(keep));
}

fn keep(panic: &PanicHookInfo<'_>) {
    let Some(place) = panic.location() else { return };
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() == KEPT {
        seen.pop_front();
    }
    seen.push_back((text(panic.payload()), format!("{}:{}", place.file(), place.line())));
}

/// A caught panic in words.
pub fn internal_error(payload: &(dyn Any + Send)) -> String {
    let text = text(payload);
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have been caught on another thread, with others on their way: the text tells which one it was.
    let place = seen.iter().rev().find(|(seen, _)| *seen == text);
    let place = place.map(|(_, place)| format!(" at {place}")).unwrap_or_default();
    format!("internal error{place}: {text}")
}

/// Why a task has no result, in words.
pub fn no_result(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => internal_error(&*payload),
        Err(error) => error.to_string(),
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_with_its_place_wherever_it_is_caught() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            keep(panic);
            before(panic);
        }));
        let first = tokio::spawn(async { panic!("seven of {}", 9) });
        let line = line!() - 1;
        let second = tokio::task::spawn_blocking(|| panic!("eight"));
        let (first, second) = (first.await.unwrap_err(), second.await.unwrap_err());
        assert_eq!(
            no_result(second),
            format!("internal error at {}:{}: eight", file!(), line + 2)
        );
        assert_eq!(
            no_result(first),
            format!("internal error at {}:{line}: seven of 9", file!())
        );
        let odd = std::panic::catch_unwind(|| std::panic::panic_any(7)).unwrap_err();
        assert!(internal_error(&*odd).ends_with(": a panic without a text"));
    }

    #[tokio::test]
    async fn a_task_that_was_ended_is_no_internal_error() {
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        assert!(no_result(task.await.unwrap_err()).contains("was cancelled"));
    }
}
