//! What a core promises, and what of it has come.

/// The messages that a core promises, directly and by its indexes: first whole documents, then for each
/// document that is too large an index and its chunks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promise {
    wholes: u32,
    /// Chunks that each index promises beside itself.
    indexes: Box<[u32]>,
}

/// Which of them are here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Arrivals {
    /// One behind the last that came.
    next: u32,
    /// Those before it that did not: few, because messages rarely overtake each other.
    missing: Vec<u32>,
}

impl Promise {
    /// A promise of whole documents, and of indexes with so many chunks each.
    pub fn new(wholes: u32, indexes: Vec<u32>) -> Self {
        Self {
            wholes,
            indexes: indexes.into_boxed_slice(),
        }
    }

    /// How many messages are promised in all.
    pub fn total(&self) -> u32 {
        self.indexes
            .iter()
            .fold(self.wholes, |sum, chunks| sum + 1 + chunks)
    }

    /// What the core alone promises.
    fn by_core(&self) -> u32 {
        self.wholes + u32::try_from(self.indexes.len()).unwrap_or(u32::MAX)
    }

    /// The places of indexes, with the number of chunks of each.
    fn indexes(&self) -> impl Iterator<Item = (u32, u32)> {
        self.indexes.iter().scan(self.wholes, |next, chunks| {
            let at = *next;
            *next += 1 + chunks;
            Some((at, *chunks))
        })
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.indexes)
    }
}

impl Arrivals {
    /// One comes.
    pub(super) fn take(&mut self, place: u32) {
        if place >= self.next {
            self.missing.extend(self.next..place);
            self.next = place + 1;
        } else {
            self.missing.retain(|missing| *missing != place);
        }
    }

    /// All that is promised is here.
    pub(super) fn are_all_of(&self, total: u32) -> bool {
        self.next >= total && self.missing.is_empty()
    }

    /// Promised by the core and by the indexes that are here: the N of LM04.
    pub(super) fn promised(&self, promise: &Promise) -> u32 {
        let here = promise.indexes().filter(|(at, _)| self.has(*at));
        here.fold(promise.by_core(), |sum, (_, chunks)| sum + chunks)
    }

    /// Bytes on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.missing.capacity() * size_of::<u32>()
    }

    fn has(&self, place: u32) -> bool {
        place < self.next && !self.missing.contains(&place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn promises() -> impl Strategy<Value = Promise> {
        (0_u32..6, prop::collection::vec(1_u32..5, 0..4))
            .prop_map(|(wholes, indexes)| Promise::new(wholes, indexes))
    }

    proptest! {
        #[test]
        fn arrivals_are_a_set_whatever_their_order(
            promise in promises(),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let total = promise.total();
            prop_assume!(total > 0);
            let (mut arrivals, mut plain) = (Arrivals::default(), BTreeSet::new());
            for place in order {
                let place = u32::try_from(place.index(total as usize)).unwrap();
                arrivals.take(place);
                plain.insert(place);
                prop_assert_eq!(arrivals.are_all_of(total), plain.len() == total as usize);
                let listed: u32 = promise
                    .indexes()
                    .filter(|(at, _)| plain.contains(at))
                    .map(|(_, chunks)| chunks)
                    .sum();
                prop_assert_eq!(arrivals.promised(&promise), promise.by_core() + listed);
            }
        }
    }

    #[test]
    fn a_core_that_promises_nothing_is_all_there_is() {
        assert!(Arrivals::default().are_all_of(Promise::default().total()));
    }
}
