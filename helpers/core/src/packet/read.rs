//! From bytes to fields: what is no packet, and fields that are unknown, double, missing, empty or disguised.
//! Does not know what a field's value means.

use super::field::Need;
use super::{Field, PACKET_MAX_BYTES, Packet, PacketProblem, PacketProblems};
use crate::sections::{Line, Place, Section, Sections};

pub(super) fn packet(bytes: &[u8]) -> Result<Packet, PacketProblems> {
    let text = text(bytes).map_err(PacketProblems::one)?;
    let sections =
        Sections::of(text.strip_prefix('\u{feff}').unwrap_or(text), |name| Field::from_name(name).is_some());
    let mut reader = Reader { found: Vec::new(), problems: Vec::new() };
    reader.check_frame(&sections);
    reader.sort_sections(&sections);
    reader.check_missing(&sections);
    let packet = reader.read(text);
    PacketProblems::check(reader.problems)?;
    Ok(packet.expect("a packet without problems has all its required fields"))
}

/// The packet as text, when it is one.
fn text(bytes: &[u8]) -> Result<&str, PacketProblem> {
    if bytes.len() > PACKET_MAX_BYTES {
        let what = format!("{} bytes is more than the {PACKET_MAX_BYTES} a packet may have", bytes.len());
        return Err(PacketProblem::of_packet(what, "name large material by its path and let Codex read it"));
    }
    let line_of = |offset: usize| bytes[..offset].split(|byte| *byte == b'\n').count();
    let text = str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let what = format!("byte {:#04x} at offset {offset} is not UTF-8", bytes[offset]);
        PacketProblem::at(line_of(offset), what, "save the packet as UTF-8")
    })?;
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        let what = format!("there is a NUL byte at offset {offset}");
        return Err(PacketProblem::at(line_of(offset), what, "save the packet as plain UTF-8 text"));
    }
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let hint = format!("a packet has the fields {}", names(Need::Required));
        return Err(PacketProblem::of_packet("the packet is empty", hint));
    }
    Ok(text)
}

fn names(need: Need) -> String {
    let names = Field::ALL.into_iter().filter(|field| field.need() == need).map(Field::as_str);
    names.collect::<Vec<_>>().join(", ")
}

pub(super) struct Reader<'a> {
    pub(super) found: Vec<(Field, Section<'a>)>,
    pub(super) problems: Vec<PacketProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn refuse(&mut self, line: usize, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(PacketProblem::at(line, what, hint));
    }

    /// Text before the first field, open fences, and field names that are written as something else.
    fn check_frame(&mut self, sections: &Sections<'_>) {
        if let Some(line) = sections.open_fence {
            let hint = "close it with a line of the same marks: until then every field below is part of it";
            self.refuse(line, "the code fence that opens here is never closed", hint);
        }
        let stray = sections.preamble.iter().find(|line| !line.text.trim().is_empty());
        if let Some(line) = stray.filter(|line| !is_disguised(line)) {
            let what = format!("there is text before the first field: `{}`", shortened(line.text));
            let hint = "begin with a field such as `MODE: worker`, at the start of its line and in capitals; explanations go into CONTEXT";
            self.refuse(line.number, what, hint);
        }
        let lines = sections.preamble.iter().chain(sections.named.iter().flat_map(|s| &s.lines));
        for line in lines.filter(|line| is_disguised(line)) {
            if let Some(field) = Field::lookalike(line.text) {
                let what = format!("`{}` looks like the field {field} but is none", shortened(line.text));
                let hint = format!(
                    "write `{field}:` at the start of the line without any marks, or indent the line if it is text"
                );
                self.refuse(line.number, what, hint);
            }
        }
    }

    /// Sorts out unknown, duplicate, empty and not yet supported fields.
    fn sort_sections(&mut self, sections: &Sections<'a>) {
        for section in &sections.named {
            let Some(field) = Field::from_name(section.name) else {
                self.refuse(
                    section.line,
                    format!("unknown field {}", shortened(section.name)),
                    unknown_hint(section.name),
                );
                continue;
            };
            let first = self.found.iter().find(|(known, _)| *known == field).map(|(_, first)| first.line);
            if let Some(first) = first {
                let what = format!("{field} is given twice, first on line {first}");
                self.refuse(section.line, what, "make one field of the two");
            } else if section.is_empty() {
                self.refuse(section.line, format!("{field} is empty"), format!("write {}", field.example()));
            }
            if first.is_none() {
                self.found.push((field, section.clone()));
            }
        }
    }

    fn check_missing(&mut self, sections: &Sections<'_>) {
        let lines = || sections.preamble.iter().chain(sections.named.iter().flat_map(|s| &s.lines));
        for field in Field::ALL.into_iter().filter(|field| field.need() == Need::Required) {
            if self.found.iter().any(|(found, _)| *found == field) {
                continue;
            }
            let meant =
                |line: &&Line<'_>| line.place == Place::Body && Field::lookalike(line.text) == Some(field);
            let hint = match lines().find(meant) {
                Some(line) => format!(
                    "line {} may mean it: write `{field}:` at the start of the line, in capitals",
                    line.number
                ),
                None => format!("add {}", field.example()),
            };
            self.problems.push(PacketProblem::of_packet(format!("{field} is missing"), hint));
        }
    }
}

/// A line that begins with a field's name in capitals, dressed up so that it is no header.
fn is_disguised(line: &Line<'_>) -> bool {
    let is_marked = line.text.starts_with(['#', '*', '_']) && !line.text.starts_with("* ");
    let begins_plainly = line.text.starts_with(char::is_alphanumeric);
    let name = line.text.split([':', '：']).next().unwrap_or_default();
    line.place == Place::Body
        && (is_marked || begins_plainly)
        && !name.contains(char::is_lowercase)
        && Field::lookalike(line.text).is_some()
}

fn unknown_hint(name: &str) -> String {
    match Field::meant_by(name) {
        Some(field) => {
            format!("did you mean {field}? a line of text that begins like this is indented or made a bullet")
        }
        None => format!(
            "if the line is text, indent it or make it a bullet; the fields are {}, {}",
            names(Need::Required),
            names(Need::Optional)
        ),
    }
}

pub(super) fn shortened(text: &str) -> String {
    let text = text.trim();
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
