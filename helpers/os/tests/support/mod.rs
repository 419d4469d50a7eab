//! What the tests of this crate share: the wrapper's path, users, a nasty command, and who of it lives.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub const WRAPPER: &str = env!("CARGO_BIN_EXE_clodex-contain");

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// On whose behalf a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Caller,
    /// Uid 1000; the caller again where the caller is not root, or where that user cannot reach what was built.
    Ordinary,
}

const AS_ORDINARY: [&str; 5] = ["--reuid", "1000", "--regid", "1000", "--clear-groups"];

impl User {
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self == Self::Caller || !*ORDINARY_IS_POSSIBLE {
            Command::new(program)
        } else {
            let mut command = Command::new("setpriv");
            command.args(AS_ORDINARY).arg(program);
            command
        };
        with_default_signals(&mut command);
        command
    }
}

/// A shell in between, because `setpriv` itself still has the caller's rights.
static ORDINARY_IS_POSSIBLE: LazyLock<bool> = LazyLock::new(|| {
    let mut reach = Command::new("setpriv");
    reach.args(AS_ORDINARY).args(["sh", "-c", "test -x \"$0\"", WRAPPER]);
    let is_possible = reach.status().is_ok_and(|status| status.success());
    if !is_possible {
        // The harness hides what is printed, but not what is written.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: containment as an ordinary user: there is none who reaches {WRAPPER}"
        );
    }
    is_possible
});

/// A number that no other process has among its arguments: a good length for a sleep.
pub fn marker() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("7{:07}{count:03}", std::process::id())
}

/// Everything that people do to get away, then `ready` on stdout, then a long sleep. All carry the marker.
pub fn nasty(marker: &str) -> String {
    format!(
        "setsid sleep {marker} &
         nohup sleep {marker} >/dev/null 2>&1 &
         (setsid sh -c 'sleep {marker} & sleep {marker}; :' &)
         env -i setsid sh -c 'trap \"\" TERM HUP INT; (setsid sleep {marker} &); sleep {marker}; :' &
         sh -c 'trap \"\" TERM; sh -c \"sleep {marker}; :\"; :' &
         echo ready; sleep {marker}; :"
    )
}

/// The processes that live and have the marker among their arguments.
pub fn alive(marker: &str) -> Vec<String> {
    clodex_os::process::descendants(1)
        .into_iter()
        .filter(|entry| !entry.is_zombie())
        .map(|entry| format!("{} {}", entry.id.pid, clodex_os::process::command_line(entry.id.pid)))
        .filter(|shown| shown.contains(marker))
        .collect()
}

/// Waits until `condition` gives something.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        // Looking takes the time of the very processes that are looked at.
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Signals do what they do by default, however the tests were started: a shell's background jobs ignore SIGINT, and
/// what is ignored is inherited.
#[expect(unsafe_code, reason = "a signal's disposition is set between fork and exec")]
fn with_default_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    use nix::sys::signal::{SigHandler, Signal, signal};
    let restore = || {
        for name in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM] {
            // SAFETY: the default is no handler of ours.
            unsafe { signal(name, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: only system calls that may be made between fork and exec; nothing allocates.
    unsafe { command.pre_exec(restore) };
}
