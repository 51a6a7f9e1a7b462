//! A value for each interval of the last hour.

/// The number of an interval, counted from 0 in the history's seconds (see [`History::time`](super::History::time)).
pub(crate) type Bucket = u64;

/// A ring of the newest values, one for each bucket. Buckets that were skipped are empty.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    newest: Bucket,
    empty: T,
    /// Allocated with the first value, because most servers have only some of the series.
    slots: Box<[T]>,
}

impl<T: Copy> Ring<T> {
    /// Creates a ring without values.
    pub(crate) fn new(empty: T) -> Self {
        Self { newest: 0, empty, slots: Box::default() }
    }

    /// Returns the slot of a bucket to write, in a ring of `buckets` buckets; `None` if the bucket is too old. A later bucket
    /// becomes the newest.
    pub(crate) fn slot(&mut self, bucket: Bucket, buckets: usize) -> Option<&mut T> {
        if self.slots.is_empty() {
            self.slots = vec![self.empty; buckets].into();
            self.newest = bucket;
        }
        let len = self.slots.len() as u64;
        for skipped in (self.newest + 1..=bucket).rev().take(self.slots.len()) {
            self.slots[(skipped % len) as usize] = self.empty;
        }
        self.newest = self.newest.max(bucket);
        (self.newest - bucket < len).then(|| &mut self.slots[(bucket % len) as usize])
    }

    /// Returns the value of a bucket; the empty value if it has none.
    pub(crate) fn at(&self, bucket: Bucket) -> T {
        let len = self.slots.len() as u64;
        if len == 0 || bucket > self.newest || self.newest - bucket >= len {
            return self.empty;
        }
        self.slots[(bucket % len) as usize]
    }

    /// Returns how many bytes the ring has allocated.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_buckets_are_empty_and_old_ones_are_forgotten() {
        let mut ring = Ring::new(0u8);
        assert_eq!((ring.at(0), ring.memory()), (0, 0));
        for (bucket, value) in [(5, 1), (6, 2), (8, 3)] {
            *ring.slot(bucket, 4).unwrap() = value;
        }
        assert_eq!([4, 5, 6, 7, 8, 9].map(|bucket| ring.at(bucket)), [0, 1, 2, 0, 3, 0]);
        *ring.slot(7, 4).unwrap() = 9;
        assert!(ring.slot(4, 4).is_none());
        *ring.slot(1_000_000_000_000, 4).unwrap() = 4;
        assert_eq!([7, 8, 999_999_999_999, 1_000_000_000_000].map(|bucket| ring.at(bucket)), [0, 0, 0, 4]);
    }
}
