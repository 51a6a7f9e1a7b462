//! The instances of the Kamailios that clients choose, one per target.

use crate::instance::{Instance, Settings};
use crate::outbound::Target;
use crate::outbound::allow_list::AllowList;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::selection::Selection;
use exporter_toolkit::rate_limit::TokenBucket;
use exporter_toolkit::sync::LockUnpoisoned as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The instances of the most recently requested targets. Each has its own state, counters and shared runs.
pub(crate) struct Targets {
    allow: Arc<AllowList>,
    settings: Arc<Settings>,
    budget: Arc<MemoryBudget>,
    kept: Mutex<KeptInstances>,
    /// Limits the log lines about all targets together.
    line_limit: Arc<TokenBucket>,
}

#[derive(Default)]
struct KeptInstances {
    instances: HashMap<Target, KeptInstance>,
    /// Number of requests for an instance so far.
    requests: u64,
}

struct KeptInstance {
    instance: Arc<Instance>,
    /// The number of the last request for the instance.
    last_request: u64,
}

impl Targets {
    /// Keeps instances that share these settings, apart from the external metrics page and the certificate files, which belong
    /// to one Kamailio.
    pub(crate) fn new(allow: AllowList, settings: &Settings) -> Self {
        let selection = Arc::new(Selection::clone(&settings.selection).without_page_and_files());
        let settings = Settings { selection, ..settings.clone() };
        Self {
            allow: Arc::new(allow),
            settings: Arc::new(settings),
            budget: MemoryBudget::new(),
            kept: Mutex::default(),
            line_limit: Arc::new(TokenBucket::new(LINE_INTERVAL, LINE_BURST)),
        }
    }

    /// Returns the instance of a target; `None` if no rule allows it.
    pub(crate) fn instance(&self, target: &Target) -> Option<Arc<Instance>> {
        let authorized = self.allow.authorize(target)?;
        // No code that holds this lock can panic and leave it half changed.
        let mut kept = self.kept.lock_unpoisoned();
        kept.requests += 1;
        let last_request = kept.requests;
        if let Some(known) = kept.instances.get_mut(target) {
            known.last_request = last_request;
            return Some(known.instance.clone());
        }
        kept.evict_oldest();
        let (allow, settings) = (self.allow.clone(), self.settings.clone());
        let (budget, line_limit) = (self.budget.clone(), self.line_limit.clone());
        let instance = Instance::of_allowed(allow, authorized, settings, budget, line_limit);
        kept.instances.insert(target.clone(), KeptInstance { instance: instance.clone(), last_request });
        Some(instance)
    }

    /// Returns the instances that are kept.
    pub(crate) fn all(&self) -> Vec<Arc<Instance>> {
        self.kept.lock_unpoisoned().instances.values().map(|kept| kept.instance.clone()).collect()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.kept.lock_unpoisoned().instances.len()
    }
}

impl KeptInstances {
    /// If the limit is reached, drops the instance that was not requested for the longest time and that no request or run
    /// holds.
    fn evict_oldest(&mut self) {
        if self.instances.len() < MAX_TARGETS {
            return;
        }
        let idle = self.instances.iter().filter(|(_, kept)| Arc::strong_count(&kept.instance) == 1);
        if let Some(oldest) = idle.min_by_key(|(_, kept)| kept.last_request).map(|(target, _)| target.clone())
        {
            self.instances.remove(&oldest);
        }
    }
}

/// Maximum number of instances, of some 6 KiB each. The largest fleet that was measured has half as many.
const MAX_TARGETS: usize = 2000;
/// Lines about all targets together: a client can name as many targets that are down as the rules allow, and a target whose
/// instance was dropped is logged again.
const LINE_BURST: u32 = 100;
const LINE_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn target(number: usize) -> Target {
        format!("unix:/nonexistent/{number}").parse().unwrap()
    }

    #[test]
    fn the_instance_that_is_unused_for_longest_is_dropped() {
        let settings = Settings {
            selection: Arc::new(Selection::parse("auto").unwrap()),
            max_series: 10,
            dispatcher_set_names: Vec::new(),
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
