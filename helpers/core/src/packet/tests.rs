use proptest::prelude::*;

use crate::Network;

use super::*;

const FULL: &str = "MODE: worker\nWORKDIR: /r\nOBJECTIVE: o\nWRITE SCOPE:\n- src/\nNON-GOALS:\n- n\nVERIFICATION:\n- true\nDELIVERABLE:\n- d\n";

fn problems(packet: &str) -> Vec<(usize, String)> {
    let problems = Packet::parse(packet.as_bytes()).expect_err("this packet is to be refused");
    problems.iter().map(|p| (p.line.unwrap_or(0), p.what.clone())).collect()
}

fn texts(items: &[PacketItem]) -> Vec<&str> {
    items.iter().map(|item| item.text.as_str()).collect()
}

fn scope(written: &str) -> Vec<String> {
    let packet = FULL.replace("WRITE SCOPE:\n- src/\n", written);
    let packet = Packet::parse(packet.as_bytes()).unwrap_or_else(|problems| panic!("{written}: {problems}"));
    packet.write_scope.into_iter().map(|item| item.text).collect()
}

#[test]
fn a_full_packet_is_read() {
    let text = "\u{feff}NAME: Größe `prüfen`\r\nMODE: worker\r\nWORKDIR: `/tmp/my repo`\r\nTIER: deep\r\nOBJECTIVE:\r\n\r\nAdd slugs.\r\n```\r\nNOTE: no header\r\n```\r\nWRITE SCOPE: src/, `a, b.txt`\r\nCONTEXT: see docs\r\nNON-GOALS:\r\n* no API change\r\nVERIFICATION:\r\n- `cargo test`\r\n- by eye:\r\n  look at it\r\nDELIVERABLE: a report\r\nALLOW DIRTY OVERLAP: yes\r\nBY-PRODUCTS: coverage/\r\nMCP:\r\n- docs\r\nCOPY: .env, vendor/x\r\n";
    let item = |text: &str, line| PacketItem { text: text.into(), line };
    let wanted = Packet {
        text: text.into(),
        mode: Mode::Worker,
        workdir: item("/tmp/my repo", 3),
        objective: "Add slugs.\n```\nNOTE: no header\n```".into(),
        write_scope: vec![item("src/", 11), item("a, b.txt", 11)],
        non_goals: "* no API change".into(),
        verification: vec![item("`cargo test`", 16), item("by eye:\nlook at it", 17)],
        deliverable: "a report".into(),
        context: Some("see docs".into()),
        allow_dirty_overlap: Some(true),
        name: Some("Größe `prüfen`".into()),
        tier: Some(item("deep", 4)),
        by_products: vec![item("coverage/", 21)],
        mcp: vec![item("docs", 23)],
        allow_commit: false,
        network: Network::Off,
        deny_read: vec![],
        copy: vec![item(".env", 24), item("vendor/x", 24)],
    };
    assert_eq!(Packet::parse(text.as_bytes()), Ok(wanted));
}

#[test]
fn scope_lists_may_be_written_in_these_ways() {
    for (written, wanted) in [
        ("WRITE SCOPE:\n- src/\n- docs\n", vec!["src/", "docs"]),
        ("WRITE SCOPE:\n\n* src/  \n\t- docs\n-\tlib\n", vec!["src/", "docs", "lib"]),
        ("WRITE SCOPE: src/, docs,lib/*.{rs,toml}\n- x\n", vec!["src/", "docs", "lib/*.{rs,toml}", "x"]),
        ("WRITE SCOPE: `src/`, `a, b`\n", vec!["src/", "a, b"]),
        ("WRITE SCOPE:\n- `a (b)`\n- ``c``\n", vec!["a (b)", "c"]),
        ("WRITE SCOPE:\n```\nsrc/\nNOTE: x\n```\n", vec!["src/", "NOTE: x"]),
        ("WRITE SCOPE:\nsrc/\ndocs/\n", vec!["src/", "docs/"]),
        (
            "WRITE SCOPE : ./none, /r/src, .github/, $id.tsx, my file\n",
            vec!["./none", "/r/src", ".github/", "$id.tsx", "my file"],
        ),
        ("WRITE SCOPE: .\n", vec!["."]),
        ("WRITE SCOPE: `my file`\n- my other file\n", vec!["my file", "my other file"]),
    ] {
        assert_eq!(scope(written), wanted, "{written}");
    }
}

#[test]
fn none_is_how_read_only_modes_say_it() {
    for written in ["WRITE SCOPE: none\n", "WRITE SCOPE:\n- none\n", "WRITE SCOPE: None\n"] {
        for mode in ["verifier", "reviewer", "synthesizer"] {
            let packet = FULL.replace("WRITE SCOPE:\n- src/\n", written).replace("worker", mode);
            assert_eq!(Packet::parse(packet.as_bytes()).unwrap().write_scope, [], "{written}");
        }
    }
}

#[test]
fn broken_packets_are_refused_with_line_and_reason() {
    let full = |from: &str, to: &str| FULL.replacen(from, to, 1);
    for (packet, line, what) in [
        (full("MODE: worker\n", ""), 0, "MODE is missing"),
        (full("worker", "wizard"), 1, "MODE `wizard` is unknown"),
        (full("MODE: worker", "MODE:"), 1, "MODE is empty"),
        (
            full("MODE: worker", "MODE: worker\nverifier"),
            2,
            "MODE takes one line, this is another: `verifier`",
        ),
        (full("WORKDIR: /r\n", ""), 0, "WORKDIR is missing"),
        (full("/r", "."), 2, "WORKDIR `.` is not absolute"),
        (full("/r", "~/r"), 2, "WORKDIR `~/r` is not absolute"),
        (full("OBJECTIVE: o", "OBJECTIVE: \n \n"), 3, "OBJECTIVE is empty"),
        (full("- src/\n", ""), 4, "WRITE SCOPE is empty"),
        (full("- src/\n", "-\n"), 4, "WRITE SCOPE is empty"),
        (full("- src/", "- src/\n- "), 6, "WRITE SCOPE: an entry is empty"),
        (full(":\n- src/", ": src/,"), 4, "WRITE SCOPE: an entry is empty"),
        (full("- src/", "- none"), 4, "MODE worker has the WRITE SCOPE `none`"),
        (full("- src/", "- none\n- src/"), 5, "WRITE SCOPE says `none` and names `src/` too"),
        (full("worker", "verifier"), 5, "MODE verifier writes nothing, but WRITE SCOPE names `src/`"),
        (full("WRITE SCOPE", "WRTE SCOPE"), 4, "unknown field WRTE SCOPE"),
        (full("MODE: worker", "MODE: worker\nMODE: worker"), 2, "MODE is given twice, first on line 1"),
        (full("- src/\n", "- docs/\nNOTE: also\n- src/\n"), 6, "unknown field NOTE"),
        (full("- src/", "- ../"), 5, "WRITE SCOPE: `../` holds `..`"),
        (full("- src/", "- src/../lib"), 5, "WRITE SCOPE: `src/../lib` holds `..`"),
        (full("- src/", "- //"), 5, "WRITE SCOPE: `//` is outside the repository"),
        (
            full("- src/", "- .git/hooks"),
            5,
            "WRITE SCOPE: `.git/hooks` is in `.git`, which is never in scope",
        ),
        (full("- src/", "- sub/.GIT"), 5, "WRITE SCOPE: `sub/.GIT` is in `.git`, which is never in scope"),
        (
            full("- src/", "- src/[ab"),
            5,
            "WRITE SCOPE: `src/[ab` is not a valid glob: unclosed character class; missing ']'",
        ),
        (full("- src/", "- ~/x"), 5, "WRITE SCOPE: `~/x` is shell syntax, which nothing expands here"),
        (
            full("- src/", "- $HOME/x"),
            5,
            "WRITE SCOPE: `$HOME/x` is shell syntax, which nothing expands here",
        ),
        (full("- src/", "- !src/a"), 5, "WRITE SCOPE: `!src/a` takes something out, which a list cannot"),
        (full("- src/", "- src/ (tests only)"), 5, "WRITE SCOPE: `src/ (tests only)` is not one entry"),
        (full("- src/", "- src/, docs/"), 5, "WRITE SCOPE: `src/, docs/` is not one entry"),
        (full("- src/", "- `src/` and `docs/`"), 5, "WRITE SCOPE: ``src/` and `docs/`` is not one entry"),
        (full(":\n- src/", ": src lib"), 4, "WRITE SCOPE: `src lib` may be one entry or several"),
        (full("- src/", "1. src/"), 5, "WRITE SCOPE: `1. src/` is not one entry"),
        (full("- src/", "- [ ] src/"), 5, "WRITE SCOPE: `[ ] src/` is not one entry"),
        (full("- src/", "- \"src/\""), 5, "WRITE SCOPE: `\"src/\"` is not one entry"),
        (full("MODE", "# Task\n\nMODE"), 1, "there is text before the first field: `# Task`"),
        (full("- d", "- d\nALLOW COMMIT: maybe"), 12, "ALLOW COMMIT is `maybe`"),
        (full("- d", "- d\nNETWORK: true"), 12, "NETWORK `true` is neither `on`, `off` nor a domain"),
        (
            full("- d", "- d\nNETWORK: localhost"),
            12,
            "NETWORK `localhost` is neither `on`, `off` nor a domain",
        ),
        (full("- d", "- d\nNETWORK: on, a.b"), 12, "NETWORK `on` is neither `on`, `off` nor a domain"),
        (full("- d", "- d\nDENY READ: ../.env"), 12, "DENY READ: `../.env` holds `..`"),
        (
            full("- d", "- d\nDENY READ: ~/.ssh"),
            12,
            "DENY READ: `~/.ssh` is shell syntax, which nothing expands here",
        ),
        (full("- d", "- d\nDENY READ: **"), 12, "DENY READ: `**` leaves nothing to read"),
        (
            full("- d", "- d\n**NETWORK:** true"),
            12,
            "`**NETWORK:** true` looks like the field NETWORK but is none",
        ),
        (
            full("- d", "- d\nBY–PRODUCTS: x"),
            12,
            "`BY–PRODUCTS: x` looks like the field BY-PRODUCTS but is none",
        ),
        (
            full("- d", "- d\nCOPY: ../.env"),
            12,
            "COPY: `../.env` is not a plain path below the work directory",
        ),
        (full("- d", "- d\nCOPY: a/.git"), 12, "COPY: `a/.git` is not a plain path below the work directory"),
        (full("- d", "- d\nMCP\n- docs"), 12, "`MCP` looks like the field MCP but is none"),
        (full("- d", "- d\nMCP: a.b"), 12, "MCP `a.b` is not a server name"),
        (full("- d", "- d\nALLOW DIRTY OVERLAP: maybe"), 12, "ALLOW DIRTY OVERLAP is `maybe`"),
        (full("- d", "- d\nALLOW DIRTY OVERLAP:"), 12, "ALLOW DIRTY OVERLAP is empty"),
        (full("- d", "- d\nMCP: a b"), 12, "MCP: `a b` may be one entry or several"),
        (full("- d", "- d\nTIER: very deep"), 12, "TIER `very deep` is not one word"),
        (full("- d", "- d\nBY-PRODUCTS: ../x"), 12, "BY-PRODUCTS: `../x` holds `..`"),
        (full("- d", "- d\n```\nx"), 12, "the code fence that opens here is never closed"),
        (full("- d", "- d\0x"), 11, "there is a NUL byte at offset 110"),
        (String::new(), 0, "the packet is empty"),
        ("\u{feff}\n \n".into(), 0, "the packet is empty"),
        ("x".repeat(PACKET_MAX_BYTES + 1), 0, "1048577 bytes is more than the 1048576 a packet may have"),
    ] {
        is_refused(&packet, line, what);
    }
}

#[track_caller]
fn is_refused(packet: &str, line: usize, what: &str) {
    let found = problems(packet);
    assert!(found.contains(&(line, what.to_owned())), "wanted {line}: {what}\nfound {found:?}");
    let all = if what.starts_with("unknown field WRTE") { 2 } else { 1 };
    assert_eq!(found.len(), all, "{what}: {found:?}");
}

#[test]
fn bytes_that_are_no_text_are_told_by_offset_and_line() {
    let found = Packet::parse(b"MODE: worker\nOBJECTIVE: caf\xe9\n").unwrap_err();
    assert_eq!(
        found.to_string(),
        "line 2: byte 0xe9 at offset 27 is not UTF-8\n  hint: save the packet as UTF-8"
    );
}

#[test]
fn a_bullet_that_could_be_several_paths_or_none_is_refused() {
    let read = |entry: &str| Packet::parse(FULL.replace("- src/", &format!("- {entry}")).as_bytes());
    for (entry, wanted) in [
        ("src/ lib/", "`src/ lib/` may be one entry or several"),
        ("src/a.rs tests/**", "may be one entry or several"),
        ("Cargo.toml src/", "may be one entry or several"),
        ("[src](src/)", "`[src](src/)` is not one entry"),
        ("src/\u{200b}", "`src/\\u{200b}` holds a character that cannot be seen"),
    ] {
        let told = read(entry).unwrap_err().to_string();
        assert!(told.contains(wanted), "{entry}: {told}");
    }
    for entry in ["`src/ lib/`", "docs/My File.md", "src/sp ace.txt", "app/[slug]/(x)", "`src/\u{200b}`"] {
        assert!(read(entry).is_ok(), "{entry}: {:?}", read(entry));
    }
}

#[test]
fn hints_lead_to_the_repair() {
    let hint =
        |packet: &str| Packet::parse(packet.as_bytes()).unwrap_err().iter().next().unwrap().hint.clone();
    for (packet, wanted) in [
        (FULL.replace("MODE", "Mode"), "begin with a field such as `MODE: worker`"),
        (FULL.replace("NON-GOALS:", "Non-goals:"), "line 6 may mean it: write `NON-GOALS:`"),
        (FULL.replace("WRITE SCOPE", "WRTE SCOPE"), "did you mean WRITE SCOPE?"),
        (FULL.replace("- d", "- d\nNOTE: x"), "if the line is text, indent it or make it a bullet"),
        (FULL.replace("worker", "verifier"), "write `WRITE SCOPE: none`"),
    ] {
        assert!(hint(&packet).contains(wanted), "{wanted}\n{}", hint(&packet));
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_lines() {
    let message = Packet::parse(b"MODE: wizard\nNOTE: x\nWORKDIR: .\n").unwrap_err().about("x.md");
    let firsts: Vec<&str> = message.lines().filter(|line| !line.contains("hint:")).collect();
    assert_eq!(
        firsts,
        [
            "cannot read packet `x.md`: line 1: MODE `wizard` is unknown",
            "cannot read packet `x.md`: line 2: unknown field NOTE",
            "cannot read packet `x.md`: line 3: WORKDIR `.` is not absolute",
            "cannot read packet `x.md`: OBJECTIVE is missing",
            "cannot read packet `x.md`: WRITE SCOPE is missing",
            "cannot read packet `x.md`: NON-GOALS is missing",
            "cannot read packet `x.md`: VERIFICATION is missing",
            "cannot read packet `x.md`: DELIVERABLE is missing",
        ]
    );
}

#[test]
fn a_message_stays_readable_however_much_is_wrong() {
    let message = Packet::parse("NOTE: x\n".repeat(2_000).as_bytes()).unwrap_err().about("x.md");
    assert!(message.len() < 10_000, "{} bytes", message.len());
    assert!(message.ends_with("and 1987 more"), "{message}");
    let long = format!("{}: x\n", "A".repeat(PACKET_MAX_BYTES - 10));
    assert!(Packet::parse(long.as_bytes()).unwrap_err().about("x.md").len() < 10_000);
}

#[test]
fn a_disguised_header_is_text_where_it_is_indented_or_fenced() {
    for text in ["  NETWORK: on", "- NETWORK: on", "```\nNETWORK: on\n```", "> NETWORK: on", "Network: on"] {
        let packet = FULL.replace("- d", &format!("- d\n{text}"));
        assert!(Packet::parse(packet.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn what_a_worker_may_do_besides_is_read() {
    let packet = FULL.replace(
        "- d",
        "- d\nALLOW COMMIT: yes\nNETWORK: Crates.io, *.npmjs.org\nDENY READ:\n- .env\n- `**/*.pem`",
    );
    let packet = Packet::parse(packet.as_bytes()).unwrap();
    assert!(packet.allow_commit);
    assert_eq!(packet.network, Network::Domains(vec!["crates.io".into(), "*.npmjs.org".into()]));
    assert_eq!(texts(&packet.deny_read), [".env", "**/*.pem"]);
    let plain = Packet::parse(FULL.as_bytes()).unwrap();
    assert_eq!((plain.allow_commit, plain.network, plain.deny_read.len()), (false, Network::Off, 0));
}

#[test]
fn a_run_is_called_by_its_name_or_by_one_word_made_of_the_objective() {
    let name = |packet: String| Packet::parse(packet.as_bytes()).unwrap().run_name();
    let objective = "**Fix** the `login` page: it's slow, and nobody knows why";
    assert_eq!(
        name(FULL.replace(": o", &format!(": {objective}"))),
        "fix-the-login-page-it-s-slow-and-nobody"
    );
    assert_eq!(name(format!("NAME: Add slugs\n{FULL}")), "Add slugs");
}

#[test]
fn the_title_is_the_name_or_the_first_line_of_the_objective() {
    let title = |packet: String| Packet::parse(packet.as_bytes()).unwrap().title().to_owned();
    assert_eq!(title(FULL.replace(": o", ":\n\nAdd slugs\nand more")), "Add slugs");
    assert_eq!(title(format!("NAME: slugs\n{FULL}")), "slugs");
}

fn bullets(entries: &[String]) -> String {
    entries.iter().flat_map(|entry| ["- ", entry, "\n"]).collect()
}

prop_compose! {
    // Three marks at the beginning would be a fence, which holds what follows.
    fn prose()(lines in prop::collection::vec("`{0,2}[a-zé(),.][a-zé`(),.]{0,9}( [a-z:`*]{1,6}){0,3}", 1..4)) -> String {
        bullets(&lines)
    }
}

proptest! {
    #[test]
    fn parse_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Packet::parse(&bytes);
    }

    #[test]
    fn parse_never_panics_on_what_is_nearly_a_packet(
        lines in prop::collection::vec("(MODE|WORKDIR|WRITE SCOPE|NON-GOALS|NAME|MCP|NOTE|TIER| - |```|~~~|\\* )?:?[ `,{}~$!/.\\-é\r\t]{0,6}(none|worker|/r|src)?", 0..12)
    ) {
        let _ = Packet::parse(lines.join("\n").as_bytes());
    }

    #[test]
    fn what_is_written_is_read_back(
        objective in prose(), non_goals in prose(), verification in prose(), deliverable in prose(),
        paths in prop::collection::vec("[a-zé]{1,8}(/[a-z]{1,4}[.][a-z]{2}){0,2}/?", 1..5),
        crlf in any::<bool>(),
    ) {
        prop_assume!(!paths.iter().any(|path| path == "none"));
        let scope = bullets(&paths);
        let text = format!("MODE: worker\nWORKDIR: /r\nOBJECTIVE:\n{objective}WRITE SCOPE:\n{scope}NON-GOALS:\n{non_goals}VERIFICATION:\n{verification}DELIVERABLE:\n{deliverable}");
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let packet = Packet::parse(text.as_bytes()).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(texts(&packet.write_scope), paths);
        prop_assert_eq!(packet.objective, objective.trim_end());
        prop_assert_eq!(packet.non_goals, non_goals.trim_end());
        prop_assert_eq!(packet.verification.len(), verification.lines().count());
        prop_assert_eq!(packet.deliverable, deliverable.trim_end());
        prop_assert_eq!(packet.text, text);
    }
}

const REFERENCE: &str = include_str!("../../../../skills/clodex/references/task-packet.md");

#[test]
fn every_packet_of_the_reference_is_read() {
    let examples: Vec<&str> =
        REFERENCE.split("````markdown\n").skip(1).filter_map(|rest| rest.split("````\n").next()).collect();
    assert_eq!(examples.len(), REFERENCE.matches("MODE: ").count());
    let packets =
        examples.iter().map(|text| Packet::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}")));
    let modes: Vec<Mode> = packets.map(|packet| packet.mode).collect();
    assert_eq!(modes, [Mode::Worker, Mode::Reviewer]);
}

#[test]
fn the_reference_explains_every_field() {
    for field in Field::ALL {
        let row = |line: &str| {
            line.starts_with("| `")
                && line.split(" | ").next().is_some_and(|names| names.contains(&format!("`{field}`")))
        };
        assert!(REFERENCE.lines().any(row), "{field}");
    }
}
