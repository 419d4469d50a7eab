//! The account behind a login to ChatGPT, as far as Codex asks how much of its limits is used. Knows Codex's files and
//! pages for that; the login is one that nobody could use anywhere.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::http::Server;

/// An unsigned token of a made-up person, good until 2100.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDAsImVtYWlsIjoiYUBleGFtcGxlLm9yZyIsImh0dHBzOi8vYXBpLm9wZW5haS5jb20vYXV0aCI6eyJjaGF0Z3B0X3BsYW5fdHlwZSI6InBsdXMiLCJjaGF0Z3B0X2FjY291bnRfaWQiOiJhY2MiLCJjaGF0Z3B0X3VzZXJfaWQiOiJ1In19.eA";
const SHORT: Duration = Duration::from_hours(5);
const LONG: Duration = Duration::from_hours(7 * 24);

/// An account on the loopback interface. Dropping it makes it unreachable.
pub struct Account {
    server: Server,
    used: Arc<Used>,
}

#[derive(Default)]
struct Used {
    short: AtomicU8,
    long: AtomicU8,
    asked: AtomicUsize,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("port", &self.server.port()).finish_non_exhaustive()
    }
}

impl Account {
    /// One that has used so many percent of its short and of its long window, both of which begin anew in an hour.
    pub fn start(short: u8, long: u8) -> io::Result<Self> {
        let used = Arc::new(Used::default());
        let server = Server::listen(0, {
            let used = Arc::clone(&used);
            move |request, _, wire| {
                if !request.path.ends_with("/wham/usage") {
                    return wire.answer(404, &[].into(), "{}");
                }
                used.asked.fetch_add(1, Ordering::SeqCst);
                wire.answer(200, &[].into(), &used.page().to_string())
            }
        })?;
        let account = Self { server, used };
        account.has_used(short, long);
        Ok(account)
    }

    /// From now on it has used so many percent.
    pub fn has_used(&self, short: u8, long: u8) {
        self.used.short.store(short, Ordering::SeqCst);
        self.used.long.store(long, Ordering::SeqCst);
    }

    /// How often somebody asked how much is used.
    pub fn asked(&self) -> usize {
        self.used.asked.load(Ordering::SeqCst)
    }

    /// The lines at the top of a `config.toml` that make Codex ask here.
    pub fn config_lines(&self) -> String {
        format!("chatgpt_base_url = \"http://127.0.0.1:{}/backend-api\"", self.server.port())
    }
}

impl Used {
    fn page(&self) -> Value {
        let window = |used: &AtomicU8, length: Duration| {
            json!({ "used_percent": used.load(Ordering::SeqCst), "limit_window_seconds": length.as_secs(),
                    "reset_after_seconds": 3600, "reset_at": in_an_hour() })
        };
        json!({ "plan_type": "plus", "credits": null, "rate_limit": {
            "allowed": true, "limit_reached": false,
            "primary_window": window(&self.short, SHORT), "secondary_window": window(&self.long, LONG),
        } })
    }
}

/// The headers of a model's answer that tell the same.
pub fn limit_headers(short: u8, long: u8) -> Value {
    json!({
        "x-codex-primary-used-percent": short.to_string(),
        "x-codex-primary-window-minutes": (SHORT.as_secs() / 60).to_string(),
        "x-codex-primary-reset-at": in_an_hour().to_string(),
        "x-codex-secondary-used-percent": long.to_string(),
        "x-codex-secondary-window-minutes": (LONG.as_secs() / 60).to_string(),
        "x-codex-secondary-reset-at": in_an_hour().to_string(),
    })
}

/// Lets the Codex of this home believe that somebody is logged in to ChatGPT.
pub fn log_in(codex_home: &Path) -> io::Result<()> {
    let tokens =
        json!({ "id_token": TOKEN, "access_token": TOKEN, "refresh_token": "none", "account_id": "acc" });
    let login = json!({ "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "tokens": tokens,
                        "last_refresh": "2099-01-01T00:00:00Z" });
    std::fs::write(codex_home.join("auth.json"), login.to_string())
}

/// Lets it believe that it has an API key.
pub fn log_in_by_key(codex_home: &Path) -> io::Result<()> {
    let login = json!({ "auth_mode": "apikey", "OPENAI_API_KEY": "nobodys-key" });
    std::fs::write(codex_home.join("auth.json"), login.to_string())
}

fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() + 3600
}
