//! Work on several threads whose results come in the order of the work.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` on each item, on at most `jobs` threads, the heaviest items first: one that is begun
/// last would be waited for alone. The results are in the order of the items, whatever thread had
/// them.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    jobs: NonZeroUsize,
    weight: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_cached_key(|at| std::cmp::Reverse(items.get(*at).map(&weight)));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let worker = || {
        while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(item) = items.get(at) {
                let result = work(item);
                results
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((at, result));
            }
        }
    };
    thread::scope(|scope| {
        // This thread is one of them.
        for _ in 1..jobs.get().min(items.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// As many threads as the machine runs at once.
pub fn usual_jobs() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_on_any_number_of_threads() {
        let items: Vec<u64> = (0..100).collect();
        for jobs in [1, 2, 7, 1_000] {
            let jobs = NonZeroUsize::new(jobs).unwrap();
            let doubled = map(&items, jobs, |item| item % 10, |item| item * 2);
            assert!(doubled.iter().copied().eq((0..100).map(|item| item * 2)));
        }
        assert!(map(&[0_u64; 0], NonZeroUsize::MIN, |_| 0, |item| *item).is_empty());
    }

    #[test]
    fn the_heaviest_item_is_begun_first() {
        let begun = Mutex::new(Vec::new());
        map(
            &[3, 9, 1],
            NonZeroUsize::MIN,
            |item| *item,
            |item| begun.lock().unwrap().push(*item),
        );
        assert_eq!(begun.into_inner().unwrap(), [9, 3, 1]);
    }
}
