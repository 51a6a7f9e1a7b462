//! A limit on the memory of all scrapes that run at the same time.

use exporter_toolkit::sync::LockUnpoisoned as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The memory that all scrapes share, beyond the small amount that each may use without a reservation. A scrape may
/// reserve at most half of what is free, so that large scrapes always leave memory to small ones.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    total: usize,
    free: Mutex<usize>,
    /// Whether a reservation must leave as much as it takes.
    is_fair: bool,
}

/// The memory that one scrape has reserved. Dropping it frees the memory.
#[derive(Debug, Default)]
pub struct Reservation {
    /// `None` without a limit.
    budget: Option<Arc<MemoryBudget>>,
    reserved: usize,
}

impl MemoryBudget {
    /// Creates a budget without reservations.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { total: TOTAL, free: Mutex::new(TOTAL), is_fair: true })
    }

    /// Creates the budget of external metrics pages, parsed and written: the first page may reserve all of it.
    pub(crate) fn of_pages() -> Arc<Self> {
        Arc::new(Self { total: PAGES, free: Mutex::new(PAGES), is_fair: false })
    }

    /// Creates the budget of pages that are passed on without being parsed.
    pub(crate) fn of_passed_on_pages() -> Arc<Self> {
        Arc::new(Self { total: PASSED_ON, free: Mutex::new(PASSED_ON), is_fair: false })
    }

    /// A reservation, of nothing yet.
    pub(crate) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { budget: Some(self.clone()), reserved: 0 }
    }

    /// Locks the number of free bytes. No code that holds the lock can panic.
    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock_unpoisoned()
    }
}

impl Reservation {
    /// Changes the reservation to `bytes`, which may be more or fewer than before.
    ///
    /// # Errors
    /// A human-readable message. The reservation is unchanged.
    pub fn resize(&mut self, bytes: usize) -> io::Result<()> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let wanted = bytes.saturating_sub(UNRESERVED);
        if wanted == self.reserved {
            return Ok(());
        }
        let mut free = budget.free();
        let remaining = (*free + self.reserved).checked_sub(wanted);
        let is_enough = remaining.is_some_and(|remaining| !budget.is_fair || wanted <= remaining);
        if wanted > self.reserved && !is_enough {
            let (free, total) = (*free, budget.total);
            let message = if budget.is_fair {
                format!(
                    "the scrape needs {bytes} bytes of memory; all scrapes share {total} bytes, of which {free} are free, \
                     and one may take at most half of that"
                )
            } else {
                format!(
                    "the page needs {bytes} bytes of memory; all pages share {total} bytes, of which {free} are free"
                )
            };
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        (*free, self.reserved) = (remaining.unwrap_or_default(), wanted);
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            *budget.free() += self.reserved;
        }
    }
}

/// Maximum number of bytes of all reservations. A scrape that runs alone is limited to half of them: a reply of the largest
/// size (8 MiB), the most values (6 MiB), and some samples.
const TOTAL: usize = 32 << 20;
/// Bytes of all external metrics pages and of what is written from them, until it is sent. A page of the largest size takes
/// 7 MiB, and its exposition 4 MiB. Together with what connections take, this stays under 16 MiB.
const PAGES: usize = 12 << 20;
/// Bytes of all pages that are being fetched to be passed on: one of the largest size, or many of the usual size. Once a page
/// is fetched, it counts among the unread responses, which the server limits to the same number.
const PASSED_ON: usize = 8 << 20;
/// Bytes of each scrape without a reservation: twice what a Kamailio without long lists needs, so that its scrapes never
/// fail because of other scrapes.
const UNRESERVED: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_may_reserve_half_of_what_is_free() {
        let budget = MemoryBudget::new();
        let mut greedy: Vec<_> = (0..4).map(|_| budget.reservation()).collect();
        for (reservation, part) in greedy.iter_mut().zip([2, 4, 8, 16]) {
            let most = TOTAL / part;
            let message = reservation.resize(UNRESERVED + most + 1).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("the scrape needs {} bytes", UNRESERVED + most + 1)),
                "{message}"
            );
            reservation.resize(UNRESERVED + most).unwrap();
        }
        let mut modest = budget.reservation();
        modest.resize(UNRESERVED).unwrap();
        modest.resize(UNRESERVED + TOTAL / 32).unwrap();
        assert_eq!(*budget.free(), TOTAL / 32);
        greedy.clear();
        modest.resize(UNRESERVED + TOTAL / 2).unwrap();
        drop(modest);
        assert_eq!(*budget.free(), TOTAL);
    }

    #[test]
    fn the_first_page_may_reserve_all_of_the_memory_for_pages() {
        let budget = MemoryBudget::of_pages();
        let (mut first, mut second) = (budget.reservation(), budget.reservation());
        let message = first.resize(UNRESERVED + PAGES + 1).unwrap_err().to_string();
        assert!(message.starts_with("the page needs "), "{message}");
        first.resize(UNRESERVED + PAGES - 5).unwrap();
        assert!(second.resize(UNRESERVED + 6).is_err());
        second.resize(UNRESERVED + 5).unwrap();
        first.resize(UNRESERVED + PAGES / 2).unwrap();
        second.resize(UNRESERVED + PAGES / 2).unwrap();
        drop((first, second));
        assert_eq!(*budget.free(), PAGES);
    }

    #[test]
    fn shrinking_and_small_scrapes_never_fail() {
        let budget = MemoryBudget::new();
        let mut reservations: Vec<_> = (0..60).map(|_| budget.reservation()).collect();
        for reservation in &mut reservations {
            for step in (0..24).rev() {
                while reservation.resize(UNRESERVED + reservation.reserved + (1 << step)).is_ok() {}
            }
        }
        let mut modest = budget.reservation();
        modest.resize(UNRESERVED).unwrap();
        for reservation in &mut reservations {
            reservation.resize(UNRESERVED + reservation.reserved.saturating_sub(1)).unwrap();
            reservation.resize(UNRESERVED + reservation.reserved / 2).unwrap();
        }
        drop((reservations, modest));
        assert_eq!(*budget.free(), TOTAL);
    }

    #[test]
    fn the_largest_reply_and_the_largest_page_have_room_when_alone() {
        // A reply of 8 MiB with 262,144 values of 24 bytes.
        MemoryBudget::new().reservation().resize((8 << 20) + (6 << 20)).unwrap();
        // The samples of a page of 4 MiB, and their exposition.
        MemoryBudget::of_pages().reservation().resize((7 << 20) + (4 << 20)).unwrap();
        MemoryBudget::of_passed_on_pages().reservation().resize(4 << 20).unwrap();
    }
}
