//! Where the server is, and whose: one of our own over its standard streams, one of our own that others can reach as
//! well, or somebody else's. Knows processes and sockets; nothing of what is said.

mod own;

use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::CodexVersion;
use clodex_codex::app_server::Client;
use clodex_codex::app_server::call::ClientInfo;
use clodex_json_rpc::{Address, ConnectError, Connection, Greeting, Way, lines, web_socket};
use crossbeam_channel::bounded;

use crate::sandbox_leftovers::SandboxLeftovers;
use crate::stderr_notices::StderrNotices;
use crate::stop_signals::{Patience, Stops, interrupted};
use crate::trouble::{Kind, Trouble};
use own::Life;
pub use own::Own;

/// How often a server that is starting is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// Where no limit is wanted: longer than anybody waits.
pub const LONG: Duration = Duration::from_hours(24 * 365);

/// What to do about an address at which no socket can be.
const SHORTER_PATH: &str = "name a shorter path: that of a socket has at most 107 bytes";

/// Which server, and how it is reached.
#[derive(Debug, Clone)]
pub struct Server {
    /// Which.
    pub place: Place,
    /// Headers for it.
    pub greeting: Greeting,
    /// The codex program, where not the one on PATH.
    pub codex: Option<PathBuf>,
    /// Where our own is started.
    pub workdir: PathBuf,
    /// How long until it has answered; none = any time.
    pub limit: Option<Duration>,
    /// Where what our own complains about is shown; none = nowhere.
    pub complains: Option<StderrNotices>,
    /// What its sandboxes may leave in the tree.
    pub leftovers: SandboxLeftovers,
}

/// Which server.
#[derive(Debug, Clone)]
pub enum Place {
    /// Our own, over its standard streams.
    Stdio,
    /// Our own, listening there; none = at a socket of the session's own.
    Start(Option<Address>),
    /// One that runs.
    At(Address),
}

/// Hears every message of a connection.
pub type Listener = Arc<dyn Fn(Way, &str) + Send + Sync>;

/// A server that has answered.
#[derive(Debug)]
pub struct Connected<T> {
    /// The conversation.
    pub client: Client<T>,
    /// Which Codex it is.
    pub version: CodexVersion,
    /// Where it is, for people.
    pub shown: String,
    /// Ours, when it is.
    pub own: Option<Own>,
    /// Where it can be reached once more; none = the one connection is all there is.
    pub again: Option<Again>,
}

/// How one comes back to a server.
pub struct Again {
    address: Address,
    greeting: Greeting,
    listener: Option<Listener>,
    stops: Stops,
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Again {
    /// Connects once more by the deadline, or as long as somebody waits for it.
    pub fn dial(&self, deadline: Instant, patience: &Patience<'_>) -> Result<Connection, ConnectError> {
        let (address, greeting) = (self.address.clone(), self.greeting.clone());
        let (done, connected) = bounded(1);
        thread::spawn(move || done.send(web_socket(&address, &greeting, Some(deadline))));
        let late = || Err(ConnectError::Unreachable(io::ErrorKind::TimedOut.into()));
        let connection = patience.wait_for(&connected, deadline).unwrap_or_else(late)?;
        Ok(listened(connection, self.listener.as_ref(), &self.stops))
    }
}

/// Who talks.
pub const fn this_client() -> ClientInfo<'static> {
    ClientInfo { name: "clodex-thread", version: env!("CARGO_PKG_VERSION") }
}

fn listened(connection: Connection, listener: Option<&Listener>, stops: &Stops) -> Connection {
    stops.wake(connection.waker());
    match listener {
        Some(listener) => {
            let listener = Arc::clone(listener);
            connection.heard_by(move |way, text| listener(way, text))
        }
        None => connection,
    }
}

impl Server {
    /// Starts it where that is wanted, connects, and shakes hands; a stop signal ends the waiting.
    pub fn connect<T: Send + 'static>(
        &self,
        stops: &Stops,
        listener: Option<Listener>,
    ) -> Result<Connected<T>, Trouble> {
        let deadline = Instant::now() + self.limit.unwrap_or(LONG);
        let (mut own, reach) = self.reach()?;
        let shown = reach.shown();
        let again = reach.again(&self.greeting, listener.as_ref(), stops);
        let greeting = self.greeting.clone();
        let waking = stops.clone();
        let (done, greeted) = bounded(1);
        // In a thread of its own: a server that does not answer must not keep us from hearing Ctrl-C.
        thread::spawn(move || {
            let greeted = reach.connect(&greeting, deadline).and_then(|connection| {
                let connection = listened(connection, listener.as_ref(), &waking);
                Ok(Client::greet(connection, this_client(), deadline)?)
            });
            // Whoever has been interrupted does not want to know.
            let _ = done.send(greeted);
        });
        let patience = Patience::new(stops);
        // A name may take its time to be found, and a server may send its greeting byte by byte.
        let late = || {
            Err(patience.ended_by().map_or_else(|| not_reached(&"it did not answer in time"), interrupted))
        };
        let greeted = patience.wait_for(&greeted, deadline).unwrap_or_else(late);
        match greeted {
            Ok((client, version)) => Ok(Connected { client, version, shown, own, again }),
            Err(trouble) => {
                let is_late = Instant::now() >= deadline;
                Err(self.explained(trouble, is_late, &shown, own.as_mut()))
            }
        }
    }

    fn reach(&self) -> Result<(Option<Own>, Reach), Trouble> {
        match &self.place {
            Place::Stdio => {
                let (own, stdout, stdin) = Own::over_streams(self)?;
                Ok((Some(own), Reach::Streams(lines(stdout, stdin))))
            }
            Place::Start(address) => {
                let (own, address, life) = Own::listening(self, address.as_ref())?;
                Ok((Some(own), Reach::Starting(address, life)))
            }
            Place::At(address) => Ok((None, Reach::Running(address.clone()))),
        }
    }

    /// What is known besides: where it was, and what a server of ours has said before it ended.
    fn explained(&self, mut trouble: Trouble, is_late: bool, shown: &str, own: Option<&mut Own>) -> Trouble {
        if matches!(trouble.kind, Kind::Interrupted | Kind::Usage) {
            return trouble;
        }
        if trouble.kind == Kind::Timeout || trouble.kind == Kind::ConnectionLost {
            trouble.kind = Kind::Unreachable;
        }
        let said = own.map(Own::last_words).filter(|said| !said.is_empty());
        let said = said.map_or_else(String::new, |said| format!("; it said: {said}"));
        let hint = match (&self.place, trouble.code) {
            _ if is_late && trouble.code.is_none() => "--connect-timeout sets the limit, 0 takes it away",
            (Place::At(address), _) if is_too_long(address) => SHORTER_PATH,
            (Place::Stdio | Place::Start(_), _) => {
                "run `codex app-server` by hand; is `codex --version` 0.124 or later?"
            }
            (Place::At(_), Some(401 | 403)) => {
                "name the variable that holds its token: --header-env Authorization=VARIABLE"
            }
            (Place::At(_), _) => {
                "is it running? start it with `codex app-server --listen`, or leave --uri out"
            }
        };
        trouble.message =
            format!("cannot reach the app-server ({shown}): {}{said}\nhint: {hint}", trouble.message);
        trouble
    }
}

/// A server that may not have answered yet.
enum Reach {
    Streams(Connection),
    Starting(Address, Life),
    Running(Address),
}

impl Reach {
    fn shown(&self) -> String {
        match self {
            Self::Streams(_) => "our own, over stdio".to_owned(),
            Self::Starting(address, _) => format!("our own, at {address}"),
            Self::Running(address) => address.to_string(),
        }
    }

    fn again(&self, greeting: &Greeting, listener: Option<&Listener>, stops: &Stops) -> Option<Again> {
        let address = match self {
            // A server of ours that is gone does not come back.
            Self::Streams(_) | Self::Starting(..) => return None,
            Self::Running(address) => address.clone(),
        };
        Some(Again { address, greeting: greeting.clone(), listener: listener.cloned(), stops: stops.clone() })
    }

    fn connect(self, greeting: &Greeting, deadline: Instant) -> Result<Connection, Trouble> {
        let (address, life) = match self {
            Self::Streams(connection) => return Ok(connection),
            Self::Starting(address, life) => (address, Some(life)),
            Self::Running(address) => (address, None),
        };
        loop {
            // Looked at first: what ends after it has listened is found there, or refused.
            let may_come = life.as_ref().is_some_and(|life| !life.is_over());
            match web_socket(&address, greeting, Some(deadline)) {
                Ok(connection) => return Ok(connection),
                Err(ConnectError::Unreachable(error))
                    if may_come && is_absent(&error) && Instant::now() < deadline =>
                {
                    thread::sleep(AGAIN);
                }
                Err(ConnectError::Unreachable(error)) if life.is_some() && !may_come && is_absent(&error) => {
                    return Err(not_reached(&"it ended before anybody could connect"));
                }
                Err(error) => return Err(refused(&error)),
            }
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Whether no socket can be there.
fn is_too_long(address: &Address) -> bool {
    match address {
        Address::Tcp { .. } => false,
        Address::Unix(path) => SocketAddr::from_pathname(path).is_err(),
    }
}

fn refused(error: &ConnectError) -> Trouble {
    let code = match error {
        ConnectError::Refused { status, .. } => Some(i64::from(*status)),
        ConnectError::Unreachable(_) | ConnectError::NoWebSocket(_) => None,
    };
    Trouble { code, ..not_reached(error) }
}

fn not_reached(why: &dyn fmt::Display) -> Trouble {
    Trouble::new(Kind::Unreachable, why.to_string())
}
