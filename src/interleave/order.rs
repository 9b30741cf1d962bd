//! One order: what stands before, the requests, and each of their steps as the search chooses it. After each step it waits
//! until every session either asks for its next one, has ended, or is seen waiting for another's lock.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::case::{Case, Operation};
use super::footprint::{Footprint, Transaction};
use super::gate::{Gate, News, Signal};
use super::lane::{EXPIRE, Lane, STUCK_AFTER};
use super::ran::{Line, Ran, TIME_PASSES};
use super::search::{Next, Search, Taken};
use super::session::{ASKS_FOR_LEASE, Session, Stage, is_own, rows, said};
use super::situation::{HOLDER, OWNER, Request, Situation, exchange};
use super::statement::{self, touch};
use crate::harness::recorder::{self, Epoch};
use crate::harness::targets::Call;

/// What passes when time passes: longer than any hold lasts, extended or not.
pub const LATER: Duration = Duration::from_hours(1);
/// How long to listen to the gates before asking the database who waits.
const LISTEN: Duration = Duration::from_millis(1);
/// Steps of an order at most.
const STEPS_MAX: usize = 60;

/// Everything that one order needs.
pub struct Runner<'a> {
    lane: &'a mut Lane,
    sessions: Vec<Session>,
    /// What is still to be sent, by session.
    requests: Vec<Option<Request>>,
    calls: JoinSet<(usize, recorder::Operation)>,
    epoch: Epoch,
    passed: Duration,
    ran: Ran,
}

impl<'a> Runner<'a> {
    /// Puts the lane back to the beginning, and makes what stands before; `number` makes users and keys that nobody had
    /// before.
    pub async fn begin(lane: &'a mut Lane, case: &Case, number: u64) -> anyhow::Result<Self> {
        let user = |place| Uuid::from_u64_pair(number, place);
        lane.bystanders = lane.control.reset(user(HOLDER), user(OWNER)).await?;
        // An order that was given up may have let a round go.
        lane.rounds().await?;
        // Those of an order that was not judged are nobody's.
        drop(lane.new_calls());
        let epoch = Epoch::begin();
        let situation = Situation::make(lane, case, (number, epoch)).await?;
        let history = situation.history.clone();
        let mut runner = Self {
            lane,
            sessions: Vec::new(),
            requests: Vec::new(),
            calls: JoinSet::new(),
            epoch,
            passed: Duration::ZERO,
            ran: Ran { steps: Vec::new(), lines: Vec::new(), history },
        };
        let expire_gate = runner.lane.sessions() + EXPIRE;
        let mut server = 0;
        for (place, operation) in case.operations.iter().enumerate() {
            let request = situation.request(runner.lane, case, place).await?;
            let gate = match operation {
                Operation::Expire => expire_gate,
                _ => server,
            };
            server += usize::from(request.is_some());
            runner.requests.push(request);
            runner.sessions.push(Session {
                operation: *operation,
                gate,
                rows: rows(case, place),
                stage: Stage::Runs,
                transaction: Transaction::default(),
                answered: false,
                waits_with: Footprint::default(),
                last_step: 0,
            });
        }
        Ok(runner)
    }

    /// Runs it to its end; none where the search says that it is another order's equal (it is ended all the same).
    pub async fn run(mut self, search: &mut Search) -> anyhow::Result<Option<Ran>> {
        self.lane.shut();
        self.send_all();
        // Whether the search has no use for the rest of the order, which is run all the same: the next one begins at rest.
        let mut is_redundant = false;
        let mut diverged = None;
        loop {
            tokio::time::timeout(STUCK_AFTER, self.settle()).await.with_context(|| {
                format!("stuck after {} steps: {}", self.ran.steps.len(), self.standing())
            })??;
            let ready = self.ready();
            let Some((first, _)) = ready.first() else { break };
            anyhow::ensure!(self.ran.steps.len() < STEPS_MAX, "more than {STEPS_MAX} steps");
            let (depth, mut session) = (self.ran.steps.len(), *first);
            if !is_redundant {
                match search.choose(depth, ready) {
                    Ok(Next::Step(chosen)) => session = chosen,
                    Ok(Next::Redundant) => is_redundant = true,
                    Err(error) => (is_redundant, diverged) = (true, Some(error)),
                }
            }
            self.step(session).await?;
            if !is_redundant {
                search.took(depth, self.ran.steps[depth].footprint.clone());
            }
        }
        self.lane.let_through();
        if let Some(diverged) = diverged {
            return Err(diverged.into());
        }
        Ok((!is_redundant).then_some(self.ran))
    }

    /// Sends the requests, each of which then waits with its first statement; but for those that ask for a lease before, which
    /// is a step, too.
    fn send_all(&mut self) {
        for number in 0..self.sessions.len() {
            match self.sessions[number].operation {
                Operation::Expire => {
                    self.sessions[number].stage = Stage::Asks(TIME_PASSES.to_owned());
                }
                Operation::Hold if self.lane.takes_leases => {
                    self.sessions[number].stage = Stage::Asks(ASKS_FOR_LEASE.to_owned());
                }
                _ => self.send(number),
            }
        }
    }

    fn send(&mut self, number: usize) {
        let Some(Request { buyer, key, order }) = self.requests[number].take() else { return };
        let (target, event, epoch) = (Arc::clone(&self.lane.target), self.lane.event, self.epoch);
        let (server, passed) = (self.sessions[number].gate, self.passed);
        self.calls.spawn(async move {
            let key = key.as_deref();
            let timeout = STUCK_AFTER * 2;
            let call = Call { buyer: &buyer, event, server, key, timeout };
            let mut operation = exchange(&*target, &call, &order, epoch).await;
            operation.invoked_us += recorder::epoch::micros(passed);
            operation.intended_us = operation.invoked_us;
            (number, operation)
        });
    }

    /// The sessions that have a step to take, and its name.
    fn ready(&self) -> Vec<(usize, String)> {
        let asks = |(number, session): (usize, &Session)| match &session.stage {
            Stage::Asks(text) if is_own(text) => Some((number, text.clone())),
            Stage::Asks(text) => Some((number, statement::name(text))),
            Stage::Runs | Stage::Waits | Stage::WasAnswered | Stage::Ended => None,
        };
        self.sessions.iter().enumerate().filter_map(asks).collect()
    }

    fn standing(&self) -> String {
        let each = |session: &Session| format!("{} {:?}", session.operation.name(), session.stage);
        self.sessions.iter().map(each).collect::<Vec<_>>().join(", ")
    }

    /// Lets a session take its step, and waits until all have come to rest.
    async fn step(&mut self, number: usize) -> anyhow::Result<()> {
        let users = self.sessions.len();
        let session = &mut self.sessions[number];
        let Stage::Asks(text) = std::mem::replace(&mut session.stage, Stage::Runs) else {
            bail!("session {number} has no step to take");
        };
        let depth = self.ran.steps.len();
        let mut footprint = match text.as_str() {
            TIME_PASSES => Footprint::of_clock(),
            ASKS_FOR_LEASE => Footprint::default(),
            _ => session.transaction.step(&touch(&text), (session.rows, users)),
        };
        if self.lane.takes_leases && session.operation == Operation::Hold {
            footprint.add(&Footprint::of_lease());
        }
        let name = if is_own(&text) { text.clone() } else { statement::name(&text) };
        session.waits_with = footprint.clone();
        session.last_step = depth;
        self.ran.lines.push(Line::Step { session: number, name, waits: false });
        let line = self.ran.lines.len() - 1;
        self.let_go(number, &text).await?;
        let waited: Vec<usize> = self.waiting();
        tokio::time::timeout(STUCK_AFTER, self.settle())
            .await
            .with_context(|| format!("stuck in step {depth}: {}", self.standing()))??;
        if let Line::Step { waits, .. } = &mut self.ran.lines[line] {
            *waits = self.sessions[number].stage == Stage::Waits;
        }
        self.ran.steps.push(Taken {
            session: number,
            footprint: Footprint::default(),
            freed_by: None,
        });
        for other in waited {
            if self.sessions[other].stage != Stage::Waits {
                footprint.add(&self.sessions[other].waits_with);
                self.ran.steps[self.sessions[other].last_step].freed_by = Some(depth);
            }
        }
        self.ran.steps[depth].footprint = footprint;
        Ok(())
    }

    /// Does what a step is for: lets a statement go, or what is no statement.
    async fn let_go(&mut self, number: usize, text: &str) -> anyhow::Result<()> {
        match text {
            TIME_PASSES => {
                self.lane.control.pass(LATER).await?;
                self.passed = LATER;
                let waiting = self.lane.jobs[EXPIRE].waiting.clone().context("no round waits")?;
                self.sessions[number].stage = Stage::Asks(waiting);
            }
            ASKS_FOR_LEASE => self.send(number),
            _ => {
                let gate = self.sessions[number].gate;
                if let Some(job) = gate.checked_sub(self.lane.sessions()) {
                    self.lane.jobs[job].waiting = None;
                }
                anyhow::ensure!(self.lane.gates[gate].let_go(), "nothing waits at the gate");
            }
        }
        Ok(())
    }

    fn waiting(&self) -> Vec<usize> {
        let waits = |(_, session): &(usize, &Session)| session.stage == Stage::Waits;
        self.sessions.iter().enumerate().filter(waits).map(|(number, _)| number).collect()
    }

    /// Waits until every session asks, waits or has ended. Those that waited for a step of another's go on after it, in the order
    /// of their numbers, so that what they do without PostgreSQL comes in one order, too.
    async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            self.look()?;
            let moving: Vec<usize> = self.moving();
            let is_at_rest = moving.is_empty()
                || (moving.iter().all(|number| self.gate_of(*number).in_flight())
                    && self.all_wait(&moving).await?);
            if is_at_rest && !self.next_goes_on()? {
                return Ok(());
            }
            if is_at_rest {
                continue;
            }
            tokio::select! {
                biased;
                signal = self.lane.signals.recv() => {
                    let signal = signal.context("the gates are gone")?;
                    self.hear(&signal);
                }
                Some(call) = self.calls.join_next(), if !self.calls.is_empty() => self.answered(call?),
                () = tokio::time::sleep(LISTEN) => {}
            }
        }
    }

    /// Lets the first session know whose statement waited that it was answered; false where there is none.
    fn next_goes_on(&mut self) -> anyhow::Result<bool> {
        let answered = |session: &Session| session.stage == Stage::WasAnswered;
        let Some(number) = self.sessions.iter().position(answered) else { return Ok(false) };
        self.ran.lines.push(Line::GoesOn { session: number });
        self.sessions[number].stage = Stage::Runs;
        if self.sessions[number].gate >= self.lane.sessions() {
            self.round_is_over(number);
        }
        anyhow::ensure!(self.gate_of(number).deliver(), "no answer is kept at the gate");
        Ok(true)
    }

    fn round_is_over(&mut self, number: usize) {
        self.sessions[number].stage = Stage::Ended;
        let text = "its round is over".to_owned();
        self.ran.lines.push(Line::Answer { session: number, text });
    }

    /// Takes in what has happened so far, without waiting.
    fn look(&mut self) -> anyhow::Result<()> {
        while let Ok(signal) = self.lane.signals.try_recv() {
            self.hear(&signal);
        }
        while let Some(call) = self.calls.try_join_next() {
            self.answered(call?);
        }
        for number in 0..self.sessions.len() {
            let is_busy = self.gate_of(number).is_busy();
            let session = &mut self.sessions[number];
            if session.answered && !is_busy {
                session.stage = Stage::Ended;
            }
        }
        Ok(())
    }

    fn gate_of(&self, number: usize) -> &Gate {
        &self.lane.gates[self.sessions[number].gate]
    }

    /// Sessions that are neither at rest nor known to wait; those that waited may go on by now.
    fn moving(&self) -> Vec<usize> {
        let moves = |session: &Session| matches!(session.stage, Stage::Runs | Stage::Waits);
        (0..self.sessions.len()).filter(|number| moves(&self.sessions[*number])).collect()
    }

    /// Whether all of these wait for locks, now that nobody else works.
    async fn all_wait(&mut self, moving: &[usize]) -> anyhow::Result<bool> {
        let processes: Vec<i32> =
            moving.iter().map(|number| self.gate_of(*number).process()).collect();
        let waiting = self.lane.control.waiting(&processes).await?;
        // Whoever waits for nobody but itself would wait for ever: somebody has to be at rest.
        let somebody_rests = self
            .sessions
            .iter()
            .any(|session| matches!(session.stage, Stage::Asks(_) | Stage::WasAnswered));
        if waiting.len() < moving.len() || !somebody_rests {
            return Ok(false);
        }
        for number in moving {
            self.sessions[*number].stage = Stage::Waits;
            self.gate_of(*number).keep_answer();
        }
        Ok(true)
    }

    fn hear(&mut self, signal: &Signal) {
        let is_job = self.lane.note_job(signal);
        let Some(number) = self.sessions.iter().position(|session| session.gate == signal.session)
        else {
            return;
        };
        let session = &mut self.sessions[number];
        if session.stage == Stage::Waits {
            session.stage = Stage::WasAnswered;
            return;
        }
        match &signal.news {
            // The next round of a job is not this order's.
            News::Asks(_) if is_job => {}
            News::Asks(text) => session.stage = Stage::Asks(text.clone()),
            News::Answered if is_job => self.round_is_over(number),
            News::Answered => {}
        }
    }

    fn answered(&mut self, (number, mut operation): (usize, recorder::Operation)) {
        // The clients' clock moves with the database's; what was under way meanwhile took as long.
        operation.completed_us += recorder::epoch::micros(self.passed);
        self.sessions[number].answered = true;
        let text = said(&operation);
        self.ran.lines.push(Line::Answer { session: number, text });
        self.ran.history.push(operation);
    }
}
