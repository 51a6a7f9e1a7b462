//! Memory for the scrapes that are under way at the same time.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory that scrapes have together, beyond the little that each may always have. One may have as much of it as it
/// leaves to the others, so that those that take what they can get leave something to those that need less.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    total: usize,
    left: Mutex<usize>,
    /// Whether each must leave as much as it takes.
    is_fair: bool,
}

/// What one scrape has of it, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Share {
    /// None for one that is alone in the program.
    budget: Option<Arc<MemoryBudget>>,
    taken: usize,
}

impl MemoryBudget {
    /// One of which nothing is taken.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { total: TOGETHER, left: Mutex::new(TOGETHER), is_fair: true })
    }

    /// The one for external metrics pages, parsed and written: the first may take all of it.
    pub(crate) fn of_pages() -> Arc<Self> {
        Arc::new(Self { total: PAGES, left: Mutex::new(PAGES), is_fair: false })
    }

    /// A share, of nothing yet.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Some(self.clone()), taken: 0 }
    }

    /// No code that holds the lock can panic.
    fn left(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// The scrape has so many bytes now: more or fewer than before.
    ///
    /// # Errors
    /// A sentence. The share is as it was.
    pub fn set(&mut self, bytes: usize) -> io::Result<()> {
        let Some(budget) = &self.budget else { return Ok(()) };
        let wanted = bytes.saturating_sub(ALWAYS);
        if wanted == self.taken {
            return Ok(());
        }
        let mut left = budget.left();
        let others = (*left + self.taken).checked_sub(wanted);
        let is_enough = others.is_some_and(|others| !budget.is_fair || wanted <= others);
        let others = others.unwrap_or_default();
        if wanted > self.taken && !is_enough {
            let (left, total) = (*left, budget.total);
            let rule = if budget.is_fair { ": one may have as many as it leaves to the others" } else { "" };
            let sentence = format!(
                "it takes {bytes} bytes of memory, and all scrapes under way have {total} bytes, of which {left} are \
                 left{rule}"
            );
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, sentence));
        }
        (*left, self.taken) = (others, wanted);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            *budget.left() += self.taken;
        }
    }
}

/// Of all scrapes, in bytes. One that is alone may have half of it: a reply of the largest size (8 MiB), the most values
/// (6 MiB), and some samples.
const TOGETHER: usize = 32 << 20;
/// Of all external metrics pages and what is written of them, in bytes. A page of the largest size takes 7 MiB of it, and its
/// exposition 4. With what connections hold of responses that are on their way, it stays under 16 MiB.
const PAGES: usize = 12 << 20;
/// Of each without asking: twice as much as a Kamailio without long lists needs, so that none of these fails for others.
const ALWAYS: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_may_have_as_much_as_it_leaves_to_the_others() {
        let budget = MemoryBudget::new();
        let mut greedy: Vec<_> = (0..4).map(|_| budget.share()).collect();
        for (share, part) in greedy.iter_mut().zip([2, 4, 8, 16]) {
            let most = TOGETHER / part;
            let sentence = share.set(ALWAYS + most + 1).unwrap_err().to_string();
            assert!(sentence.starts_with(&format!("it takes {} bytes", ALWAYS + most + 1)), "{sentence}");
            share.set(ALWAYS + most).unwrap();
        }
        let mut modest = budget.share();
        modest.set(ALWAYS).unwrap();
        modest.set(ALWAYS + TOGETHER / 32).unwrap();
        assert_eq!(*budget.left(), TOGETHER / 32);
        greedy.clear();
        modest.set(ALWAYS + TOGETHER / 2).unwrap();
        drop(modest);
        assert_eq!(*budget.left(), TOGETHER);
    }

    #[test]
    fn the_first_page_may_have_all_of_the_memory_for_pages() {
        let budget = MemoryBudget::of_pages();
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(first.set(ALWAYS + PAGES + 1).is_err());
        first.set(ALWAYS + PAGES - 5).unwrap();
        assert!(second.set(ALWAYS + 6).is_err());
        second.set(ALWAYS + 5).unwrap();
        first.set(ALWAYS + PAGES / 2).unwrap();
        second.set(ALWAYS + PAGES / 2).unwrap();
        drop((first, second));
        assert_eq!(*budget.left(), PAGES);
    }

    #[test]
    fn less_is_always_possible_and_so_is_a_little() {
        let budget = MemoryBudget::new();
        let mut shares: Vec<_> = (0..60).map(|_| budget.share()).collect();
        for share in &mut shares {
            for step in (0..24).rev() {
                while share.set(ALWAYS + share.taken + (1 << step)).is_ok() {}
            }
        }
        let mut modest = budget.share();
        modest.set(ALWAYS).unwrap();
        for share in &mut shares {
            share.set(ALWAYS + share.taken / 2).unwrap();
        }
        drop((shares, modest));
        assert_eq!(*budget.left(), TOGETHER);
    }
}
