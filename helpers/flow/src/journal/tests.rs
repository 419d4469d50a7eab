//! What a journal keeps, and what it makes of what is not its own.

use super::*;

fn skipped(step: &str) -> Entry {
    Entry::Skipped { step: step.to_owned(), why: "no".to_owned() }
}

#[test]
fn what_is_written_is_read_and_a_torn_end_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path).unwrap();
    assert!(Journal::create(&path).is_err(), "a journal has one beginning");
    let lines = [journal.append(skipped("a")).unwrap(), journal.append(skipped("b")).unwrap()];
    let whole = std::fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in first..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(read(&path).unwrap(), lines[..1], "cut at {cut}");
        let (mut journal, found) = Journal::reopen(&path).unwrap();
        assert_eq!(found, lines[..1]);
        journal.append(skipped("c")).unwrap();
        let entries: Vec<Entry> = read(&path).unwrap().into_iter().map(|line| line.entry).collect();
        assert_eq!(entries, [skipped("a"), skipped("c")], "cut at {cut}");
    }
}

#[test]
fn damage_in_the_middle_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path).unwrap();
    journal.append(skipped("a")).unwrap();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{}\n").unwrap();
    let told = Journal::reopen(&path).unwrap_err().to_string();
    assert!(told.contains("line 2: missing field"), "{told}");
    assert!(read(&folder.path().join("none")).is_err());
}

#[test]
fn a_journal_that_is_newer_or_too_long_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, "{\"entry\":\"begun\",\"version\":2}\n{\"entry\":\"new\"}\n").unwrap();
    let told = Journal::reopen(&path).unwrap_err().to_string();
    assert!(told.contains("it is of version 2, and this clodex knows 1\nhint: update clodex"), "{told}");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap();
    assert!(Journal::reopen(&path).is_err());
    assert_eq!(file.metadata().unwrap().len(), MAX_BYTES + 1);
}

#[test]
fn a_journal_of_version_1_is_read() {
    let text = concat!(
        r#"{"at":"2026-01-21T01:02:03.000Z","entry":"begun","version":1,"flow":"f","name":"split","title":"x","#,
        r#""workdir":"/w","process":{"pid":3,"start_ticks":4},"steps":["a","b"],"#,
        r#""needs":{"b":["a"]},"on_failure":"finish"}"#,
        "\n",
        r#"{"at":"2026-01-21T01:02:04.000Z","entry":"run","step":"a","run":"20260121T010203Z-worker-x-aaaa"}"#,
        "\n",
        r#"{"at":"2026-01-21T01:02:05.000Z","entry":"finished","end":"out-of-time","exit_code":4}"#,
        "\n"
    );
    let (lines, whole) = parse(Path::new("j"), text.as_bytes()).unwrap();
    assert_eq!((lines.len(), whole), (3, text.len()));
    assert_eq!(lines[2].entry, Entry::Finished { end: EndReason::OutOfTime, exit_code: 4 });
    let again: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    assert_eq!(again, text);
}
