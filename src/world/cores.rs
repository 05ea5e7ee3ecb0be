//! Spreading independent work over all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this cost memory and win nothing: the disk is the limit by then.
const MOST: usize = 12;

/// How many threads work at once.
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST)
}

/// `work` on every item, on all cores; answers in the order of the items. Each thread has a `scratch` of its own.
pub fn each<T: Sync, S, R: Send>(
    items: &[T],
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = count().min(items.len());
    let next = AtomicUsize::new(0);
    let share = || {
        let mut scratch = scratch();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, work(&mut scratch, item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        // Without a thread to be had, this one does it all.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..threads).filter_map(spawn).collect();
        let mut done = share();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                // The check that asked for this work turns it into its own error.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
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
