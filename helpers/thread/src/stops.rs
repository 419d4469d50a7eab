//! Ctrl-C and its like, as messages: to whoever waits for the server, too.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clodex_json_rpc::Waker;
use clodex_os::signals::{StopSignal, StopSignals};
use crossbeam_channel::{Receiver, unbounded};

use crate::trouble::{Kind, Trouble};

/// The stop signals of this program.
#[derive(Debug, Clone)]
pub struct Stops {
    /// Each as it arrives.
    pub arrived: Receiver<StopSignal>,
    wakes: Arc<Mutex<Option<Waker>>>,
}

impl Stops {
    /// Catches them from now on.
    pub fn catch() -> Result<Self, Trouble> {
        let mut signals = StopSignals::catch()
            .map_err(|error| Trouble::new(Kind::Output, format!("cannot catch signals: {error}")))?;
        let (sender, arrived) = unbounded();
        let wakes = Arc::new(Mutex::new(None::<Waker>));
        let to_wake = Arc::clone(&wakes);
        thread::spawn(move || {
            while let Ok(signal) = signals.wait() {
                if sender.send(signal).is_err() {
                    return;
                }
                wake(&to_wake);
            }
        });
        Ok(Self { arrived, wakes })
    }

    /// Wakes the session now, because somebody else than a signal wants to be heard.
    pub fn wake_now(&self) {
        wake(&self.wakes);
    }

    /// Wakes the session that waits on this connection, instead of the one before it.
    pub fn wake(&self, waker: Waker) {
        *self.wakes.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }
}

fn wake(waker: &Mutex<Option<Waker>>) {
    if let Some(waker) = &*waker.lock().unwrap_or_else(PoisonError::into_inner) {
        waker.wake();
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
