use futures_util::FutureExt;
use kamailio_exporter::internals::{Flight, SingleFlight};
use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// A step of an interleaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A request of [`REQUESTS`] arrives.
    Arrive(usize),
    /// The client of a request disconnects.
    Abort(usize),
    /// Kamailio replies to the run that has this many later runs.
    Answer(usize),
    /// A second passes, and with it a deadline.
    Tick,
}

/// The requests: the selection of each, and the seconds that it waits.
const REQUESTS: [(u8, u64); 4] = [(1, 2), (1, 1), (1, 3), (2, 2)];
const STEPS: [Step; 11] = [
    Step::Arrive(0),
    Step::Arrive(1),
    Step::Arrive(2),
    Step::Arrive(3),
    Step::Abort(0),
    Step::Abort(1),
    Step::Abort(2),
    Step::Abort(3),
    Step::Answer(0),
    Step::Answer(1),
    Step::Tick,
];
/// Enough steps for each request to arrive, join a run, and end in each way beside the others.
const DEPTH: usize = 6;

/// The end of a run, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered(usize),
    TimedOut(usize),
}

/// The observable state after a step: the result of each request, and whether each run is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    results: [Option<Outcome>; REQUESTS.len()],
    runs: Vec<bool>,
}

/// The model: a table of the requests and the runs that they wait for.
#[derive(Clone, Default)]
struct Model {
    seen: Seen,
    now: u64,
    /// The selection and the deadline of each run.
    made: Vec<(u8, u64)>,
    /// The run that each request waits for.
    waits: [Option<usize>; REQUESTS.len()],
    arrived: [bool; REQUESTS.len()],
}

impl Model {
    /// Takes a step, or returns false if it is impossible now.
    fn step(&mut self, step: Step) -> bool {
        match step {
            Step::Arrive(request) if self.arrived[request] => return false,
            Step::Arrive(request) => {
                let (selection, seconds) = REQUESTS[request];
                let deadline = self.now + seconds;
                let mut runs = (0..self.made.len()).filter(|run| self.seen.runs[*run]);
                let run = runs.find(|run| {
                    let (of, end) = self.made[*run];
                    of == selection && end <= deadline && 2 * (end - self.now) >= seconds
                });
                let run = run.unwrap_or_else(|| {
                    self.made.push((selection, deadline));
                    self.seen.runs.push(true);
                    self.made.len() - 1
                });
                self.arrived[request] = true;
                self.waits[request] = Some(run);
            }
            Step::Abort(request) => {
                let Some(run) = self.waits[request].take() else { return false };
                if !self.waits.contains(&Some(run)) {
                    self.seen.runs[run] = false;
                }
            }
            Step::Answer(ago) => {
                let run = self.made.len().checked_sub(ago + 1).filter(|run| self.seen.runs[*run]);
                let Some(run) = run else { return false };
                self.end(run, Outcome::Answered(run));
            }
            Step::Tick => {
                self.now += 1;
                for run in 0..self.made.len() {
                    if self.seen.runs[run] && self.made[run].1 <= self.now {
                        self.end(run, Outcome::TimedOut(run));
                    }
                }
            }
        }
        true
    }

    fn end(&mut self, run: usize, outcome: Outcome) {
        self.seen.runs[run] = false;
        for request in 0..REQUESTS.len() {
            if self.waits[request].take_if(|waits| *waits == run).is_some() {
                self.seen.results[request] = Some(outcome);
            }
        }
    }
}

/// The real implementation: requests own their runs, and runs hold a connection until they end.
struct Real {
    runs: SingleFlight<u8, Outcome>,
    requests: [Option<Flight<Outcome>>; REQUESTS.len()],
    results: [Option<Outcome>; REQUESTS.len()],
    /// For each run: the sender that makes it answer, and whether its connection is open.
    made: RefCell<Vec<(Option<oneshot::Sender<()>>, Connection)>>,
}

#[derive(Clone)]
struct Connection(Arc<Mutex<bool>>);

/// A connection that is held by a run, and closed with it.
struct Open(Connection);

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = false;
    }
}

impl Real {
    fn new() -> Self {
        Self {
            runs: SingleFlight::default(),
            requests: [const { None }; REQUESTS.len()],
            results: Default::default(),
            made: RefCell::default(),
        }
    }

    fn join(&self, selection: u8, deadline: Instant) -> Flight<Outcome> {
        let run = self.runs.join(selection, deadline.into_std(), |_| {
            let (answer, answered) = oneshot::channel();
            let connection = Connection(Arc::new(Mutex::new(true)));
            self.made.borrow_mut().push((Some(answer), connection.clone()));
            let (number, open) = (self.made.borrow().len() - 1, Open(connection));
            Ok::<_, Infallible>(async move {
                let _open = open;
                tokio::select! {
                    Ok(()) = answered => Outcome::Answered(number),
                    () = sleep_until(deadline) => Outcome::TimedOut(number),
                }
            })
        });
        run.unwrap()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Arrive(request) => {
                let (selection, seconds) = REQUESTS[request];
                let run = self.join(selection, Instant::now() + Duration::from_secs(seconds));
                self.requests[request] = Some(run);
            }
            Step::Abort(request) => self.requests[request] = None,
            Step::Answer(ago) => {
                let mut made = self.made.borrow_mut();
                let run = made.len() - 1 - ago;
                let _ = made[run].0.take().map(|answer| answer.send(()));
            }
            Step::Tick => tokio::time::advance(Duration::from_secs(1)).await,
        }
        for (request, result) in self.requests.iter_mut().zip(&mut self.results) {
            if let Some(outcome) = request.as_mut().and_then(FutureExt::now_or_never) {
                (*request, *result) = (None, Some(outcome));
            }
        }
    }

    fn seen(&self) -> Seen {
        let made = self.made.borrow();
        let runs = made.iter().map(|(_, connection)| *connection.0.lock().unwrap()).collect();
        Seen { results: self.results, runs }
    }
}

/// Takes the steps, and compares the implementation with the model after each of them.
fn check(runtime: &Runtime, steps: &[Step]) {
    runtime.block_on(async {
        let (mut model, mut real) = (Model::default(), Real::new());
        for (place, step) in steps.iter().enumerate() {
            assert!(model.step(*step));
            real.step(*step).await;
            assert_eq!(real.seen(), model.seen, "after {:?}", &steps[..=place]);
            if matches!(step, Step::Arrive(_)) {
                let going_on = model.seen.runs.iter().filter(|run| **run).count();
                assert_eq!(real.runs.active(), going_on, "after {:?}", &steps[..=place]);
            }
        }
        // After all clients are gone, no connection is left, and the next request finds no run to join.
        real.requests.fill(None);
        assert!(real.seen().runs.iter().all(|open| !open), "a connection is left open after {steps:?}");
        let made = real.made.borrow().len();
        let next = real.join(1, Instant::now() + Duration::from_secs(9));
        assert_eq!((real.made.borrow().len(), real.runs.active()), (made + 1, 1), "{steps:?}");
        assert_eq!(next.now_or_never(), None);
    });
}

/// Visits all possible sequences of the full length; shorter ones are their beginnings.
fn explore(model: &Model, steps: &mut Vec<Step>, visit: &mut impl FnMut(&[Step])) {
    if steps.len() == DEPTH {
        return visit(steps);
    }
    for step in STEPS {
        let mut next = model.clone();
        if next.step(step) {
            steps.push(step);
            explore(&next, steps, visit);
            steps.pop();
        }
    }
}

#[test]
fn every_interleaving_of_requests_aborts_answers_and_deadlines_is_as_in_the_model() {
    let (mut checked, mut shared, mut late) = (0_u32, 0_u32, 0_u32);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    explore(&Model::default(), &mut Vec::new(), &mut |steps| {
        check(&runtime, steps);
        checked += 1;
        let mut model = Model::default();
        assert!(steps.iter().all(|step| model.step(*step)));
        let arrived = model.arrived.iter().filter(|arrived| **arrived).count();
        shared += u32::from(arrived > model.made.len());
        late += u32::from(
            model.seen.results.iter().flatten().any(|result| matches!(result, Outcome::TimedOut(_))),
        );
    });
    let figures =
        format!("{checked} interleavings, {shared} with a shared run, {late} with a missed deadline");
    assert!(checked > 10_000 && shared > 1_000 && late > 1_000, "{figures}");
    println!("{figures}");
}

#[test]
fn a_run_that_has_ended_is_not_joined_before_all_requests_have_its_result() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut real = Real::new();
        real.step(Step::Arrive(0)).await;
        let slow = real.requests[0].clone();
        real.step(Step::Answer(0)).await;
        assert_eq!(real.results[0], Some(Outcome::Answered(0)));
        let next = real.join(1, Instant::now() + Duration::from_secs(REQUESTS[0].1));
        assert_eq!((real.made.borrow().len(), next.now_or_never()), (2, None));
        assert_eq!(slow.and_then(FutureExt::now_or_never), Some(Outcome::Answered(0)));
    });
}
