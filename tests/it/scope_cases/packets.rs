//! Packets that must be refused before anything runs, each with its reason; and those that only look wrong.

use super::row::{Row, refused, row};

fn without(field: &str) -> impl Fn(String) -> Vec<u8> {
    move |text| {
        let at = text.find(field).expect("every packet has its fields");
        let end = text[at..].find("\n\n").map_or(text.len(), |end| at + end + 2);
        (text[..at].to_owned() + &text[end..]).into_bytes()
    }
}

fn with(from: &'static str, to: &'static str) -> impl Fn(String) -> Vec<u8> {
    move |text| {
        assert!(text.contains(from), "every packet has `{from}`");
        text.replacen(from, to, 1).into_bytes()
    }
}

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    refused("no MODE", "MODE is missing", |text| with("MODE: worker\n", "")(text)),
    refused("an unknown MODE", "wizard", |text| with("worker", "wizard")(text)),
    refused("two MODEs", "MODE is given twice", |text| with("MODE: worker", "MODE: worker\nMODE: verifier")(text)),
    refused("no WORKDIR", "WORKDIR is missing", |text| with("WORKDIR: ", "NAME: ")(text)),
    refused("a relative WORKDIR", "is not absolute", |text| with("WORKDIR: /", "WORKDIR: ")(text)),
    refused("a WORKDIR that is not there", "WORKDIR", |text| with("\nOBJECTIVE", "/nowhere\nOBJECTIVE")(text)),
    refused("a WORKDIR that is a file", "WORKDIR", |text| with("\nOBJECTIVE", "/README.md\nOBJECTIVE")(text)),
    refused("a WORKDIR in no repository", "WORKDIR", |text| with("OBJECTIVE", "\nOBJECTIVE")(text.replace("WORKDIR: /", "WORKDIR: /usr\nCONTEXT: /"))),
    refused("a WORKDIR that is the git directory", "WORKDIR", |text| with("\nOBJECTIVE", "/.git\nOBJECTIVE")(text)),
    refused("an empty OBJECTIVE", "OBJECTIVE is empty", |text| with("do the work", "")(text)),
    refused("no OBJECTIVE", "OBJECTIVE is missing", |text| without("OBJECTIVE")(text)),
    refused("no WRITE SCOPE", "WRITE SCOPE is missing", |text| without("WRITE SCOPE")(text)),
    refused("an empty WRITE SCOPE", "WRITE SCOPE", |text| with("- src/\n", "")(text)),
    refused("a worker with nothing to write", "WRITE SCOPE", |text| with("WRITE SCOPE:\n- src/", "WRITE SCOPE: none")(text)),
    refused("a verifier with something to write", "verifier", |text| with("worker", "verifier")(text)),
    refused("a reviewer with something to write", "reviewer", |text| with("worker", "reviewer")(text)),
    refused("no NON-GOALS", "NON-GOALS is missing", |text| without("NON-GOALS")(text)),
    refused("no VERIFICATION", "VERIFICATION is missing", |text| without("VERIFICATION")(text)),
    refused("no DELIVERABLE", "DELIVERABLE is missing", |text| without("DELIVERABLE")(text)),
    refused("a misspelt field", "WRTE SCOPE", |text| with("WRITE SCOPE", "WRTE SCOPE")(text)),
    refused("a field in the middle of the scope", "NOTE", |text| with("- src/\n", "- docs/\nNOTE: this too\n- src/\n")(text)),
    refused("a leave that is neither yes nor no", "ALLOW DIRTY OVERLAP", |text| (text + "\nALLOW DIRTY OVERLAP: perhaps\n").into_bytes()),
    refused("nothing", "empty", |_| Vec::new()),
    refused("nothing but space", "", |_| b"\n \n\t\n".to_vec()),
    refused("a NUL", "NUL", |text| with("a short report", "a\0b")(text)),
    refused("no UTF-8", "UTF-8", |text| [text.as_bytes(), b"\xe9\n"].concat()),
    refused("more than anybody writes", "", |text| (text + &"x".repeat(1100 * 1024)).into_bytes()),
    row("a packet from Windows", "echo x >> src/a.txt").packet(|text| text.replace('\n', "\r\n").into_bytes()).harm("grep -q x src/a.txt"),
    row("a packet with a byte order mark", "echo x >> src/a.txt").packet(|text| [b"\xef\xbb\xbf", text.as_bytes()].concat()).harm("grep -q x src/a.txt"),
    row("a packet with stars for bullets", "echo x >> src/a.txt").packet(|text| text.replace("\n- ", "\n* ").into_bytes()).harm("grep -q x src/a.txt"),
    row("a packet with backticks around its paths", "echo x >> src/a.txt").scope(&["`src/`"]).harm("grep -q x src/a.txt"),
    row("a packet without a last line end", "echo x >> src/a.txt").packet(|text| text.trim_end().as_bytes().to_vec()).harm("grep -q x src/a.txt"),
];
