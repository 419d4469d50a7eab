//! Makes what a sandbox holds older than it is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::dispatched::json_file;
use crate::{Sandbox, run_with_timeout};

impl Sandbox {
    /// An ended run ended so many days ago.
    #[track_caller]
    pub fn ended_days_ago(&self, id: &str, days: u32) {
        let path = self.state().join("ended").join(format!("{id}.json"));
        let mut record = json_file(&path);
        let mut date = self.command("date");
        date.args(["-u", "-d", &format!("{days} days ago"), "+%Y-%m-%dT%H:%M:%S.000Z"]);
        let told = run_with_timeout(date, Duration::from_mins(1));
        let ended = String::from_utf8(told.stdout).expect("a date is text").trim().to_owned();
        record["ended"] = Value::String(ended);
        fs::write(&path, record.to_string()).expect("the record is ours");
        self.written_days_ago(&path, days);
    }

    /// What is done once a day was done so many days ago.
    #[track_caller]
    pub fn pruned_days_ago(&self, days: u32) {
        self.written_days_ago(&self.state().join("pruned"), days);
    }

    #[track_caller]
    fn written_days_ago(&self, path: &Path, days: u32) {
        let mut touch = self.command("touch");
        touch.args(["--no-create", "-d", &format!("{days} days ago")]).arg(path);
        assert!(run_with_timeout(touch, Duration::from_mins(1)).status.success());
    }
}
