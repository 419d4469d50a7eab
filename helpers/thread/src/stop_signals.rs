//! Ctrl-C and its like, as messages: to whoever waits for the server, too.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clodex_json_rpc::Waker;
use clodex_os::signals::{StopSignal, StopSignals};
use crossbeam_channel::{Receiver, Sender, at, never, select, unbounded};

use crate::trouble::{Kind, Trouble};

/// What comes as soon after another one of its kind says nothing more: timeout(1) tells the program, and then its whole
/// group. Nobody presses a key twice in that time.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The stop signals of this program.
#[derive(Debug, Clone)]
pub struct Stops {
    /// Each as it arrives.
    pub arrived: Receiver<StopSignal>,
    /// One for each Ctrl-C that was typed and that nobody has seen to.
    typed: (Sender<()>, Receiver<()>),
    wakes: Arc<Mutex<Option<Waker>>>,
}

impl Stops {
    /// Those of a program that has just begun, before anything else: whoever stops it is told how it ended. What its
    /// caller may have left to it is taken back as well.
    pub fn of_program() -> Result<Self, Trouble> {
        let stops = Self::catch();
        clodex_os::signals::settle();
        stops
    }

    fn catch() -> Result<Self, Trouble> {
        let mut signals = StopSignals::catch()
            .map_err(|error| Trouble::new(Kind::Output, format!("cannot catch signals: {error}")))?;
        let (sender, arrived) = unbounded();
        let wakes = Arc::new(Mutex::new(None::<Waker>));
        let to_wake = Arc::clone(&wakes);
        thread::spawn(move || {
            let mut counted = Counted::default();
            while let Ok(signal) = signals.wait() {
                if !counted.is_another(signal, Instant::now()) {
                    continue;
                }
                if sender.send(signal).is_err() {
                    return;
                }
                wake(&to_wake);
            }
        });
        Ok(Self { arrived, typed: unbounded(), wakes })
    }

    /// A stop that has arrived ends what was about to be done.
    pub fn heed(&self) -> Result<(), Trouble> {
        self.arrived.try_recv().map_or(Ok(()), |signal| Err(interrupted(signal)))
    }

    /// Wakes the session now, because somebody else than a signal wants to be heard.
    pub fn wake_now(&self) {
        wake(&self.wakes);
    }

    /// Ctrl-C was typed: whoever waits for the server hears of it now, everybody else when its turn among the lines comes.
    pub fn typed(&self) {
        // There is always somebody to receive: this.
        let _ = self.typed.0.send(());
    }

    /// A Ctrl-C that was typed has been seen to.
    pub fn seen_to(&self) {
        let _ = self.typed.1.try_recv();
    }

    /// Wakes the session that waits on this connection, instead of the one before it.
    pub fn wake(&self, waker: Waker) {
        *self.wakes.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }
}

/// The stop that was counted last, and when.
#[derive(Debug, Default)]
struct Counted(Option<(StopSignal, Instant)>);

impl Counted {
    /// Whether this is a stop of its own: then it is counted.
    fn is_another(&mut self, signal: StopSignal, now: Instant) -> bool {
        let is_echo = self.0.is_some_and(|(last, at)| last == signal && now < at + AT_ONCE);
        if !is_echo {
            self.0 = Some((signal, now));
        }
        !is_echo
    }
}

fn wake(waker: &Mutex<Option<Waker>>) {
    if let Some(waker) = &*waker.lock().unwrap_or_else(PoisonError::into_inner) {
        waker.wake();
    }
}

/// Waits, until a stop says that nobody wants to any more: then no further wait begins.
#[derive(Debug)]
pub struct Patience<'a> {
    stops: &'a Stops,
    ended_by: Cell<Option<StopSignal>>,
}

impl<'a> Patience<'a> {
    /// Nothing was waited for yet.
    pub const fn new(stops: &'a Stops) -> Self {
        Self { stops, ended_by: Cell::new(None) }
    }

    /// The stop that has ended it.
    pub const fn ended_by(&self) -> Option<StopSignal> {
        self.ended_by.get()
    }

    /// Waits that long.
    pub fn pause(&self, pause: Duration) -> ControlFlow<()> {
        match self.wait_for(&never::<()>(), Instant::now() + pause) {
            None if self.ended_by().is_some() => ControlFlow::Break(()),
            None | Some(()) => ControlFlow::Continue(()),
        }
    }

    /// Waits for something; none = not by then, or a stop came first.
    pub fn wait_for<T>(&self, what: &Receiver<T>, until: Instant) -> Option<T> {
        // First: of what has come together `select!` takes any.
        let typed = || self.stops.typed.1.try_recv().ok().map(|()| StopSignal::Interrupt);
        self.ended_by.set(self.ended_by().or_else(|| self.stops.arrived.try_recv().ok()).or_else(typed));
        if self.ended_by().is_some() {
            return None;
        }
        select! {
            recv(what) -> what => what.ok(),
            recv(self.stops.arrived) -> signal => {
                self.ended_by.set(signal.ok());
                None
            }
            recv(self.stops.typed.1) -> _ => {
                self.ended_by.set(Some(StopSignal::Interrupt));
                None
            }
            recv(at(until)) -> _ => None,
        }
    }
}

/// What a stop means here.
pub fn interrupted(signal: StopSignal) -> Trouble {
    let what = match signal {
        StopSignal::Interrupt => "interrupted by Ctrl-C",
        StopSignal::Terminate => "ended by SIGTERM",
        StopSignal::HangUp => "the terminal is gone",
    };
    Trouble::new(Kind::Interrupted, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_is_sent_twice_at_once_is_one_and_a_second_one_is_another() {
        use StopSignal::{Interrupt, Terminate};
        let (mut counted, begin) = (Counted::default(), Instant::now());
        let mut at = |ms, signal| counted.is_another(signal, begin + Duration::from_millis(ms));
        assert!(at(0, Interrupt) && !at(1, Interrupt) && !at(99, Interrupt));
        assert!(at(100, Interrupt), "an echo delays nothing");
        assert!(at(101, Terminate), "another kind of stop is never lost");
        assert!(!at(102, Terminate) && at(300, Terminate));
    }
}
