//! Spreading independent work over all cores.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this cost memory and win nothing: the disk is the limit by then.
const MOST: usize = 12;

/// How many threads work at once.
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST)
}

/// `work` on every item, on all cores; answers in the order of the items. Each thread has a `scratch` of its own.
pub fn each<T: Sync, S, R: Send + Sync>(
    items: &[T],
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = count().min(items.len());
    let next = AtomicUsize::new(0);
    // A place for each answer: lists that grow would take several times the memory.
    let answers: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let share = || {
        let mut scratch = scratch();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((item, answer)) = items.get(index).zip(answers.get(index)) else {
                return;
            };
            answer.get_or_init(|| work(&mut scratch, item));
        }
    };
    thread::scope(|scope| {
        // Without a thread to be had, this one does it all.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..threads).filter_map(spawn).collect();
        share();
        for other in others {
            if let Err(panic) = other.join() {
                // The check that asked for this work turns it into its own error.
                std::panic::resume_unwind(panic);
            }
        }
    });
    answers.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled = each(&items, || (), |(), item| item * 2);
        assert_eq!(doubled, items.iter().map(|i| i * 2).collect::<Vec<_>>());
        assert!(each(&[] as &[u8], || (), |(), _| ()).is_empty());
    }
}
