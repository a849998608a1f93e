//! Lets one host run at a time, from one exchange with a server to the next, and says what becomes of each exchange.
//! Owns the order of things; what is chosen, and when, is the director's (`world.rs`).

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex};

/// A host of a simulation; every start is another one.
pub(super) type HostId = usize;

/// What happens to one exchange between a host and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Fine,
    /// The server never hears of it; the host waits in vain.
    RequestLost,
    /// The server does it; the host waits in vain.
    AnswerLost,
    /// The host waits in vain, and the server does it some time later.
    Late,
    /// The host dies before it asks.
    Crash,
    /// The host dies, and the server does what it asked for some time later.
    CrashLate,
}

/// Every fate that is not fine.
pub(super) const FAULTS: [Fate; 5] =
    [Fate::RequestLost, Fate::AnswerLost, Fate::Late, Fate::Crash, Fate::CrashLate];

/// What unwinds the thread of a host that dies.
pub(super) struct Crashed;

/// Unwinds the thread of a host that dies.
pub(super) fn die_of(fate: Fate) {
    if matches!(fate, Fate::Crash | Fate::CrashLate) {
        resume_unwind(Box::new(Crashed));
    }
}

/// A request on its way that nobody waits for.
pub(super) type Request = Box<dyn FnOnce() + Send>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Runs,
    /// Before an exchange.
    Waits,
    Ended,
}

#[derive(Default)]
struct Inner {
    hosts: BTreeMap<HostId, (Phase, &'static str)>,
    turn: Option<(HostId, Fate)>,
    late: Vec<Request>,
}

/// Shared by the hosts and the director.
#[derive(Clone, Default)]
pub(super) struct Schedule(Arc<(Mutex<Inner>, Condvar)>);

impl Schedule {
    pub(super) fn add(&self, host: HostId) {
        self.0.0.lock().unwrap().hosts.insert(host, (Phase::Runs, "start"));
    }

    pub(super) fn end(&self, host: HostId) {
        self.0.0.lock().unwrap().hosts.insert(host, (Phase::Ended, "end"));
        self.0.1.notify_all();
    }

    /// A host is about to ask a server: waits for its turn.
    pub(super) fn turn(&self, host: HostId, what: &'static str) -> Fate {
        let (inner, changed) = &*self.0;
        let mut inner = inner.lock().unwrap();
        inner.hosts.insert(host, (Phase::Waits, what));
        changed.notify_all();
        let mut inner =
            changed.wait_while(inner, |inner| inner.turn.is_none_or(|(chosen, _)| chosen != host)).unwrap();
        let (_, fate) = inner.turn.take().unwrap();
        inner.hosts.insert(host, (Phase::Runs, what));
        fate
    }

    /// One exchange: `call` is what the server does, `lost` what the host sees when no answer comes. A request that
    /// can be carried out later is given as `late`.
    pub(super) fn exchange<T, E>(
        &self,
        host: HostId,
        what: &'static str,
        call: impl FnOnce() -> Result<T, E>,
        lost: impl Fn() -> E,
        late: impl FnOnce() -> Option<Request>,
    ) -> Result<T, E> {
        let fate = self.turn(host, what);
        let answer = match fate {
            Fate::Fine | Fate::AnswerLost => Some(call()),
            Fate::Late | Fate::CrashLate => {
                self.send(late());
                None
            }
            Fate::RequestLost | Fate::Crash => None,
        };
        die_of(fate);
        match (fate, answer) {
            (Fate::Fine, Some(answer)) => answer,
            (_, Some(Err(error))) => Err(error),
            _ => Err(lost()),
        }
    }

    /// A request is on its way, and nobody waits for its answer.
    pub(super) fn send(&self, request: Option<Request>) {
        self.0.0.lock().unwrap().late.extend(request);
    }

    /// Waits until every host is before an exchange or has ended; the former, with what they are about to do.
    pub(super) fn waiting(&self) -> Vec<(HostId, &'static str)> {
        let (inner, changed) = &*self.0;
        let inner = changed
            .wait_while(inner.lock().unwrap(), |inner| {
                inner.turn.is_some() || inner.hosts.values().any(|(phase, _)| *phase == Phase::Runs)
            })
            .unwrap();
        let waits = inner.hosts.iter().filter(|(_, (phase, _))| *phase == Phase::Waits);
        waits.map(|(&host, &(_, what))| (host, what)).collect()
    }

    /// Lets a waiting host go on with this fate, and waits until it has done so.
    pub(super) fn step(&self, host: HostId, fate: Fate) {
        self.0.0.lock().unwrap().turn = Some((host, fate));
        self.0.1.notify_all();
        self.waiting();
    }

    /// Requests on their way.
    pub(super) fn late(&self) -> usize {
        self.0.0.lock().unwrap().late.len()
    }

    /// A request on its way arrives.
    pub(super) fn arrive(&self, at: usize) {
        let request = self.0.0.lock().unwrap().late.remove(at);
        request();
    }
}
