//! From fields to values: what each field may say, and what fits together.

use super::list::{List, copy_refusal, deny_refusal, list, scope_refusal};
use super::read::{Reader, shortened};
use super::{Field, Packet, PacketItem};
use crate::sections::{Place, Section, without_bullet};
use crate::{Mode, Network};

const NAME_MAX_CHARS: usize = 100;

impl<'a> Reader<'a> {
    fn section(&self, field: Field) -> Option<Section<'a>> {
        self.found
            .iter()
            .find(|(found, section)| *found == field && !section.is_empty())
            .map(|(_, s)| s.clone())
    }

    fn body(&self, field: Field) -> Option<String> {
        self.section(field).map(|section| section.body())
    }

    /// None exactly when a required field could not be read, which has been told then.
    pub(super) fn read(&mut self, text: &str) -> Option<Packet> {
        let mode = self.mode();
        let workdir = self.workdir();
        let write_scope = self.write_scope(mode);
        let allow_dirty_overlap = self.yes_or_no(Field::AllowDirtyOverlap);
        let name = self.name();
        let tier = self.word(Field::Tier);
        let by_products = self.paths(Field::ByProducts);
        let mcp = self.servers();
        let allow_commit = self.allow_commit(mode);
        let network = self.network();
        let deny_read = self.paths_to_deny();
        let copy = self.copies();
        Some(Packet {
            text: text.to_owned(),
            mode: mode?,
            workdir: workdir?,
            objective: self.body(Field::Objective)?,
            write_scope,
            non_goals: self.body(Field::NonGoals)?,
            verification: self.section(Field::Verification).map(|section| checks(&section))?,
            deliverable: self.body(Field::Deliverable)?,
            context: self.body(Field::Context),
            allow_dirty_overlap,
            name,
            tier,
            by_products,
            mcp,
            allow_commit,
            network,
            deny_read,
            copy,
        })
    }

    /// The one line of a field that takes one.
    fn line(&mut self, field: Field) -> Option<PacketItem> {
        let section = self.section(field)?;
        let mut lines = section.lines.iter().filter(|line| line.place != Place::Fence);
        let mut next = || lines.find(|line| !without_bullet(line.text).is_empty());
        let (first, second) = (next()?, next());
        if let Some(second) = second {
            let what = format!("{field} takes one line, this is another: `{}`", shortened(second.text));
            self.refuse(second.number, what, format!("write {}", field.example()));
            return None;
        }
        let text = without_bullet(first.text);
        let quoted = text.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
        let text = quoted.unwrap_or(text).trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            let what = format!("{field}: `{}` cannot be read", text.escape_debug());
            self.refuse(first.number, what, format!("write {}", field.example()));
            return None;
        }
        Some(PacketItem { text: text.to_owned(), line: first.number })
    }

    fn mode(&mut self) -> Option<Mode> {
        let item = self.line(Field::Mode)?;
        let mode = Mode::from_word(&item.text);
        if mode.is_none() {
            let what = format!("MODE `{}` is unknown", shortened(&item.text));
            let hint = format!("the modes are {}", Mode::ALL.map(Mode::as_str).join(", "));
            self.refuse(item.line, what, hint);
        }
        mode
    }

    fn workdir(&mut self) -> Option<PacketItem> {
        let item = self.line(Field::Workdir)?;
        if item.text.starts_with('/') {
            return Some(item);
        }
        let what = format!("WORKDIR `{}` is not absolute", shortened(&item.text));
        let hint = "write the whole path from `/`; `~` and variables are not expanded";
        self.refuse(item.line, what, hint);
        None
    }

    fn write_scope(&mut self, mode: Option<Mode>) -> Vec<PacketItem> {
        let Some(section) = self.section(Field::WriteScope) else { return Vec::new() };
        let items = match list(Field::WriteScope, &section, &mut self.problems) {
            List::Items(items) => items,
            List::None if mode == Some(Mode::Worker) => {
                let hint = "name the paths the worker may change, or choose a mode that writes nothing";
                self.refuse(section.line, "MODE worker has the WRITE SCOPE `none`", hint);
                return Vec::new();
            }
            List::None => return Vec::new(),
        };
        if let (Some(mode), Some(first)) = (mode.filter(|mode| !mode.writes()), items.first()) {
            let what = format!("MODE {mode} writes nothing, but WRITE SCOPE names `{}`", first.text);
            self.refuse(first.line, what, "write `WRITE SCOPE: none`, or `MODE: worker`");
        }
        self.check_paths(Field::WriteScope, &items);
        items
    }

    fn paths(&mut self, field: Field) -> Vec<PacketItem> {
        let items = self.items(field);
        self.check_paths(field, &items);
        items
    }

    fn items(&mut self, field: Field) -> Vec<PacketItem> {
        let Some(section) = self.section(field) else { return Vec::new() };
        match list(field, &section, &mut self.problems) {
            List::Items(items) => items,
            List::None => Vec::new(),
        }
    }

    fn check_paths(&mut self, field: Field, items: &[PacketItem]) {
        for item in items {
            if let Some((why, hint)) = scope_refusal(&item.text) {
                self.refuse(item.line, format!("{field}: {why}"), hint);
            }
        }
    }

    fn servers(&mut self) -> Vec<PacketItem> {
        let items = self.items(Field::Mcp);
        for item in &items {
            if !is_word(&item.text) || item.text.contains('.') {
                let what = format!("MCP `{}` is not a server name", shortened(&item.text));
                self.refuse(
                    item.line,
                    what,
                    "write the names under `mcp_servers` of your Codex configuration",
                );
            }
        }
        items
    }

    fn allow_commit(&mut self, mode: Option<Mode>) -> bool {
        let allow = self.yes_or_no(Field::AllowCommit).unwrap_or(false);
        let line = self.section(Field::AllowCommit).map_or(0, |section| section.line);
        if let (true, Some(mode)) = (allow, mode.filter(|mode| !mode.writes())) {
            let what = format!("MODE {mode} writes nothing, but ALLOW COMMIT is true");
            self.refuse(line, what, "take the field away, or write `MODE: worker`");
        }
        allow
    }

    fn network(&mut self) -> Network {
        let items = self.items(Field::Network);
        let words: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
        Network::from_words(&words).unwrap_or_else(|bad| {
            let line = items.iter().find(|item| item.text == bad).map_or(0, |item| item.line);
            let what = format!("NETWORK `{}` is neither `on`, `off` nor a domain", shortened(bad));
            self.refuse(
                line,
                what,
                "write `on`, `off`, or public domains such as `crates.io` or `*.npmjs.org`",
            );
            Network::Off
        })
    }

    fn paths_to_deny(&mut self) -> Vec<PacketItem> {
        let items = self.items(Field::DenyRead);
        for item in &items {
            if let Some((why, hint)) = deny_refusal(&item.text) {
                self.refuse(item.line, format!("DENY READ: {why}"), hint);
            }
        }
        items
    }

    fn copies(&mut self) -> Vec<PacketItem> {
        let items = self.items(Field::Copy);
        for item in &items {
            if let Some((why, hint)) = copy_refusal(&item.text) {
                self.refuse(item.line, format!("{}: {why}", Field::Copy), hint);
            }
        }
        items
    }

    fn yes_or_no(&mut self, field: Field) -> Option<bool> {
        let item = self.line(field)?;
        match item.text.as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => {
                let what = format!("{field} is `{}`", shortened(&item.text));
                self.refuse(item.line, what, "write `true` or `false` (`yes` and `no` are understood)");
                None
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let item = self.line(Field::Name)?;
        if item.text.chars().count() > NAME_MAX_CHARS {
            let what = format!("NAME is longer than {NAME_MAX_CHARS} characters");
            self.refuse(item.line, what, "a few words are enough; the rest belongs into OBJECTIVE");
        }
        Some(item.text)
    }

    fn word(&mut self, field: Field) -> Option<PacketItem> {
        let item = self.line(field)?;
        if !is_word(&item.text) {
            let what = format!("{field} `{}` is not one word", shortened(&item.text));
            self.refuse(item.line, what, format!("write {}", field.example()));
        }
        Some(item)
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// VERIFICATION, one item for each bullet; what stands below a bullet belongs to it.
fn checks(section: &Section<'_>) -> Vec<PacketItem> {
    let mut items: Vec<PacketItem> = Vec::new();
    let mut seen_bullet = false;
    for line in &section.lines {
        let text = without_bullet(line.text);
        let begins_item = line.place == Place::Body && text.len() < line.text.trim().len();
        match items.last_mut() {
            _ if text.is_empty() || line.place == Place::Fence => {}
            Some(item) if seen_bullet && !begins_item => {
                item.text.push('\n');
                item.text.push_str(text);
            }
            Some(_) | None => items.push(PacketItem { text: text.to_owned(), line: line.number }),
        }
        seen_bullet = seen_bullet || begins_item;
    }
    items
}
