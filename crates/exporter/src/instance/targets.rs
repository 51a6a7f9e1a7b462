//! Exporters of Kamailios that those who ask choose, one for each.

use crate::instance::{Instance, Settings};
use crate::outbound::allow_list::AllowList;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::selection::Selection;
use exporter_toolkit::rate_limit::TokenBucket;
use kamailio_binrpc::Target;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The exporters of the targets that were asked for last. Each remembers its Kamailio, counts for itself, and shares
/// its runs.
pub(crate) struct Targets {
    allow: Arc<AllowList>,
    settings: Arc<Settings>,
    budget: Arc<MemoryBudget>,
    remembered: Mutex<Remembered>,
    /// Of lines in the log about any of the targets.
    lines: Arc<TokenBucket>,
}

#[derive(Default)]
struct Remembered {
    instances: HashMap<Target, Used>,
    /// How often one was asked for.
    uses: u64,
}

struct Used {
    instance: Arc<Instance>,
    last: u64,
}

impl Targets {
    /// A fleet whose targets are all scraped in the same way, but without a page of somebody else's metrics, which is
    /// of one Kamailio.
    pub(crate) fn new(allow: AllowList, settings: &Settings) -> Self {
        let selection = Arc::new(Selection::clone(&settings.selection).without_page());
        let settings = Settings { selection, ..settings.clone() };
        let lines = TokenBucket::new(Duration::from_secs(1), LINES_AT_ONCE);
        Self {
            allow: Arc::new(allow),
            settings: Arc::new(settings),
            budget: MemoryBudget::new(),
            remembered: Mutex::default(),
            lines: Arc::new(lines),
        }
    }

    /// The exporter of a target; `None` if no rule is for it.
    pub(crate) fn instance(&self, target: &Target) -> Option<Arc<Instance>> {
        if !self.allow.matches(target) {
            return None;
        }
        // No code that holds this lock can panic and leave it half changed.
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.uses += 1;
        let last = remembered.uses;
        if let Some(used) = remembered.instances.get_mut(target) {
            used.last = last;
            return Some(used.instance.clone());
        }
        remembered.make_room();
        let (allow, settings) = (self.allow.clone(), self.settings.clone());
        let (budget, lines) = (self.budget.clone(), self.lines.clone());
        let instance = Instance::of_allowed(allow, target.clone(), settings, budget, lines);
        let used = Used { instance: instance.clone(), last };
        remembered.instances.insert(target.clone(), used);
        Some(instance)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).instances.len()
    }
}

impl Remembered {
    /// Forgets who was not asked for the longest, of those that nobody uses now: a request and a run hold on to theirs.
    fn make_room(&mut self) {
        if self.instances.len() < MAX_TARGETS {
            return;
        }
        let idle = self.instances.iter().filter(|(_, used)| Arc::strong_count(&used.instance) == 1);
        if let Some(oldest) = idle.min_by_key(|(_, used)| used.last).map(|(target, _)| target.clone()) {
            self.instances.remove(&oldest);
        }
    }
}

/// What is remembered of a Kamailio takes some 6 KiB; twice as many as the largest fleet that was measured.
const MAX_TARGETS: usize = 2000;
/// And one more each second, of all targets together: whoever may probe can name as many that are down as the rules
/// allow, and those that are forgotten are new the next time.
const LINES_AT_ONCE: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(number: usize) -> Target {
        format!("unix:/nonexistent/{number}").parse().unwrap()
    }

    #[test]
    fn who_was_not_asked_for_the_longest_is_forgotten_unless_in_use() {
        let settings = Settings {
            selection: Arc::new(Selection::parse("auto").unwrap()),
            max_series: 10,
            set_names: Vec::new(),
        };
        let targets = Targets::new(AllowList::parse(["unix:/nonexistent/*"]).unwrap(), &settings);
        let in_use = targets.instance(&target(0)).unwrap();
        let second = Arc::downgrade(&targets.instance(&target(1)).unwrap());
        let third = Arc::downgrade(&targets.instance(&target(2)).unwrap());
        for number in 3..MAX_TARGETS {
            targets.instance(&target(number));
        }
        assert!(Arc::ptr_eq(&second.upgrade().unwrap(), &targets.instance(&target(1)).unwrap()));
        assert_eq!(targets.len(), MAX_TARGETS);
        targets.instance(&target(MAX_TARGETS));
        assert_eq!(targets.len(), MAX_TARGETS);
        assert!(third.upgrade().is_none() && second.upgrade().is_some());
        assert!(Arc::ptr_eq(&in_use, &targets.instance(&target(0)).unwrap()));
        assert!(targets.instance(&"unix:/elsewhere".parse().unwrap()).is_none());
        assert_eq!(targets.len(), MAX_TARGETS);
    }
}
