//! A batch of commands to the servers that have their slots, in one round trip, and again where an answer says that
//! nothing was done.
//!
//! * All servers are written to before any is read from.
//! * What was not done (scripts missing, slot moved, still loading) or may be done twice (everything but `raise`) is
//!   sent again, with a wait that grows, until the time of one answer has passed. After that the error is the caller's.
//! * Where replicas are waited for, an answer counts once enough of them have what it says; else it is asked for again.
//! * A connection with trouble is closed; one that answered everything is kept.

use std::thread;
use std::time::{Duration, Instant};

use redis::{ServerError, Value};

use super::batch::Batch;
use super::error::{Problem, Remedy};
use super::link::{Address, Link};
use super::nodes::{Map, Nodes};
use crate::state::Error;

/// Waits before a batch is sent again.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// What is known of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// For errors.
    pub(super) action: &'static str,
    /// Replicas are waited for.
    pub(super) writes: bool,
    /// It may be sent again when it is not known whether it was done.
    pub(super) repeats: bool,
}

impl Call {
    pub(super) fn read(action: &'static str) -> Self {
        Self { action, writes: false, repeats: true }
    }

    pub(super) fn write(action: &'static str) -> Self {
        Self { action, writes: true, repeats: true }
    }
}

/// What stands in the way of the commands without an answer.
struct Again {
    problem: Problem,
    /// It may be gone at once.
    at_once: bool,
}

/// Commands of one server, in order.
struct Part<'a> {
    address: &'a Address,
    commands: Vec<usize>,
}

impl Nodes {
    /// The answers in the order of the commands; none is an error.
    pub(super) fn run(&self, call: Call, batch: &Batch) -> Result<Vec<Value>, Error> {
        let began = Instant::now();
        let mut answers: Vec<Option<Value>> = (0..batch.len()).map(|_| None).collect();
        let (mut wait, mut first) = (FIRST_WAIT, true);
        loop {
            let again =
                self.round(call, batch, &mut answers).map_err(|problem| problem.into_error(call.action))?;
            let Some(again) = again else { return Ok(answers.into_iter().flatten().collect()) };
            if began.elapsed() + wait > self.options.response_timeout {
                return Err(again.problem.into_error(call.action));
            }
            if !(first && again.at_once) {
                thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            first = false;
        }
    }

    /// Sends what has no answer yet. `None` = all have one.
    fn round(
        &self,
        call: Call,
        batch: &Batch,
        answers: &mut [Option<Value>],
    ) -> Result<Option<Again>, Problem> {
        let map = self.map();
        let (parts, mut again) = plan(&map, batch, answers);
        let mut sent = Vec::with_capacity(parts.len());
        for part in &parts {
            match self.send(call, batch, part) {
                Ok(link) => sent.push((link, part)),
                Err(problem) => again = Some(self.lost(call, part.address, problem)?),
            }
        }
        for (link, part) in sent {
            if let Some(trouble) = self.receive(call, batch, part, link, answers)? {
                again = Some(trouble);
            }
        }
        if again.is_some()
            && let Err(problem) = self.look_again()
        {
            again = Some(self.worse(problem)?);
        }
        Ok(again)
    }

    fn send(&self, call: Call, batch: &Batch, part: &Part<'_>) -> Result<Link, Problem> {
        let mut link = self.link(part.address)?;
        for piece in batch.pieces(&part.commands) {
            link.send(piece)?;
        }
        self.send_wait(call, &mut link).map(|()| link)
    }

    fn send_wait(&self, call: Call, link: &mut Link) -> Result<(), Problem> {
        if !self.waits(call) {
            return Ok(());
        }
        // Answered before this side gives up waiting.
        let longest = (self.options.response_timeout / 2).as_millis() as u64;
        let mut command = redis::cmd("WAIT");
        command.arg(self.options.wait_replicas).arg(longest);
        link.send(&command.get_packed_command())
    }

    fn waits(&self, call: Call) -> bool {
        call.writes && self.options.wait_replicas > 0
    }

    fn receive(
        &self,
        call: Call,
        batch: &Batch,
        part: &Part<'_>,
        mut link: Link,
        answers: &mut [Option<Value>],
    ) -> Result<Option<Again>, Problem> {
        let (mut again, mut keep, mut load) = (None, true, false);
        for &command in &part.commands {
            let answer = match link.receive() {
                Ok(Value::ServerError(error)) => {
                    match self.remedy(call, &error, part.address, batch.bytes(command))? {
                        Cure::Answer(answer) => Some(answer),
                        Cure::Load => {
                            load = true;
                            None
                        }
                        Cure::Again(trouble) => {
                            keep = false;
                            again = Some(trouble);
                            None
                        }
                    }
                }
                Ok(answer) => Some(answer),
                Err(problem) => return self.cut_off(call, part, problem, answers),
            };
            if let Some(place) = answers.get_mut(command) {
                *place = answer;
            }
        }
        if self.waits(call) {
            match link.receive() {
                Ok(answer) => self.enough(&link, &answer)?,
                Err(problem) => return self.cut_off(call, part, problem, answers),
            }
        }
        if load {
            link.load_scripts()?;
            let problem =
                Problem::NotNow { server: part.address.to_string(), why: "its scripts were gone".into() };
            again = again.or(Some(Again { problem, at_once: true }));
        }
        if keep {
            self.give_back(link);
        } else {
            self.forget(part.address);
        }
        Ok(again)
    }

    fn enough(&self, link: &Link, answer: &Value) -> Result<(), Problem> {
        let wanted = self.options.wait_replicas;
        match answer {
            Value::Int(found) if *found >= i64::from(wanted) => Ok(()),
            Value::Int(found) => {
                let server = link.address.to_string();
                Err(Problem::TooFewReplicas { server, wanted, found: *found })
            }
            other => Err(link.unexpected(other)),
        }
    }

    fn remedy(
        &self,
        call: Call,
        error: &ServerError,
        address: &Address,
        command: &[u8],
    ) -> Result<Cure, Problem> {
        let again = |problem, at_once| Ok(Cure::Again(Again { problem, at_once }));
        match Remedy::of(error, &address.to_string(), &self.options.prefix) {
            Remedy::LoadScripts => Ok(Cure::Load),
            Remedy::LookAgain(problem) => again(problem, true),
            Remedy::Wait(problem) => again(problem, false),
            Remedy::None(problem) => Err(problem),
            Remedy::Ask(text) => {
                let Some(to) = Address::read(&text, address) else {
                    let (server, why) = (address.to_string(), format!("ASK {text}"));
                    return again(Problem::NotNow { server, why }, false);
                };
                let mut link = self.link(&to)?;
                link.ask(&redis::cmd("ASKING"))?;
                link.send(command)?;
                self.send_wait(call, &mut link)?;
                let answer = link.receive()?;
                if self.waits(call) {
                    let found = link.receive()?;
                    self.enough(&link, &found)?;
                }
                match answer {
                    // The slot is on its way: some of its keys are here and some are there.
                    Value::ServerError(error) => {
                        let (server, why) = (link.address.to_string(), error.to_string());
                        again(Problem::NotNow { server, why }, false)
                    }
                    answer => {
                        self.give_back(link);
                        Ok(Cure::Answer(answer))
                    }
                }
            }
        }
    }

    /// The connection broke before all was answered. Where replicas are waited for, nobody knows which have what was.
    fn cut_off(
        &self,
        call: Call,
        part: &Part<'_>,
        problem: Problem,
        answers: &mut [Option<Value>],
    ) -> Result<Option<Again>, Problem> {
        if self.waits(call) {
            for &command in &part.commands {
                answers.get_mut(command).into_iter().for_each(|answer| *answer = None);
            }
        }
        self.lost(call, part.address, problem).map(Some)
    }

    /// The connection is gone, or could not be made.
    fn lost(&self, call: Call, address: &Address, problem: Problem) -> Result<Again, Problem> {
        self.forget(address);
        if call.repeats { self.worse(problem) } else { Err(problem) }
    }

    /// Goes on where waiting can help. A server that was a primary and is none may be on its way to be one again, or
    /// another is.
    fn worse(&self, problem: Problem) -> Result<Again, Problem> {
        match problem {
            Problem::Replica { server } => {
                let why = "it has become a replica".into();
                Ok(Again { problem: Problem::NotNow { server, why }, at_once: false })
            }
            problem if problem.is_retryable() => Ok(Again { problem, at_once: true }),
            problem => Err(problem),
        }
    }
}

/// What came of an answer that was an error.
enum Cure {
    Answer(Value),
    Load,
    Again(Again),
}

/// Commands without an answer, by server.
fn plan<'a>(map: &'a Map, batch: &Batch, answers: &[Option<Value>]) -> (Vec<Part<'a>>, Option<Again>) {
    let (mut parts, mut again) = (Vec::<Part<'a>>::with_capacity(map.primaries.len()), None);
    let open = answers.iter().enumerate().filter(|(_, answer)| answer.is_none());
    for (command, _) in open {
        let slot = batch.slot(command);
        let Some(address) = map.primary(slot).and_then(|primary| map.primaries.get(primary)) else {
            again = Some(Again { problem: Problem::NoNode { slot }, at_once: false });
            continue;
        };
        match parts.iter_mut().find(|part| std::ptr::eq(part.address, address)) {
            Some(part) => part.commands.push(command),
            None => parts.push(Part { address, commands: vec![command] }),
        }
    }
    (parts, again)
}

#[cfg(test)]
mod tests;
