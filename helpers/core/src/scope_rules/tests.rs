//! What entries allow and refuse, as a table.

use super::*;

fn kind_of(path: &[u8]) -> PathKind {
    match path {
        b"src" | b"app" | b"app/lib" | b"pages/[slug]" | b".github" => PathKind::Directory,
        b"src/a.txt" | b"src/b.txt" | b"odd[1].txt" => PathKind::File,
        _ => PathKind::Missing,
    }
}

fn rules_in(workdir: &str, entries: &[&str]) -> ScopeRules {
    let entries =
        entries.iter().map(|entry| ScopeEntry::parse(entry, workdir.as_bytes(), b"/r/repo").unwrap());
    ScopeRules::new(entries.collect(), kind_of)
}

#[test]
fn entries_allow_what_they_mean_and_nothing_beside_it() {
    let table: &[(&str, &str, &[&str], &[&str])] = &[
        ("", "src/", &["src", "src/a.txt", "src/deep/x"], &["src2/e", "src.txt", "SRC/a", "lib/src/a"]),
        ("", "./src//./", &["src/a.txt"], &["lib/x"]),
        ("", "src", &["src", "src/n"], &["src2", "src.txt"]),
        ("", "/r/repo/src/", &["src/a.txt"], &["lib/x"]),
        ("app", "/r/repo/src/", &["src/a.txt"], &["app/src/a.txt"]),
        ("", "/r/repo", &["anything"], &[".git/config", ".codex-dispatch/x"]),
        ("", "src/a.txt", &["src/a.txt"], &["src/a.txt/deep.py", "src/a.txt2", "src/b.txt", "src"]),
        ("", "src/a.txt/", &["src/a.txt"], &["src/a.txt/deep.py"]),
        ("", "new", &["new", "new/x/y"], &["new2"]),
        ("", "src/*.txt", &["src/a.txt", "src/café.txt"], &["src/deep/a.txt", "src/a.rs", "lib/a.txt"]),
        ("", "src/**/*.rs", &["src/a.rs", "src/x/y/a.rs"], &["lib/a.rs"]),
        ("", "**", &["a", "a/b"], &[".git/x", "a/.git/hooks/x", ".codex-dispatch/p"]),
        ("", "src/{a,b}.txt", &["src/a.txt", "src/b.txt"], &["src/c.txt"]),
        ("", "gen*/", &["gen", "gen1/x/y"], &["ge/x"]),
        ("", "pages/[slug]/", &["pages/[slug]/x"], &["pages/s/x"]),
        ("", "odd[1].txt", &["odd[1].txt"], &["odd1.txt"]),
        ("", "new[1].txt", &["new[1].txt", "new1.txt"], &["new2.txt"]),
        (
            "",
            ".",
            &["a", ".github/w"],
            &[".git", ".git/config", ".GIT/config", ".codex-dispatch/p", "sub/.git"],
        ),
        ("", ".github/", &[".github/w"], &["github/w"]),
        ("app", "lib/", &["app/lib/k"], &["lib/k", "app/other.txt"]),
        ("app", ".", &["app", "app/x"], &["other", "apple"]),
        ("app", "*.txt", &["app/x.txt"], &["x.txt", "app/d/x.txt"]),
        ("a[b]", "*.txt", &["a[b]/x.txt"], &["ab/x.txt"]),
    ];
    for (workdir, entry, inside, outside) in table {
        let rules = rules_in(workdir, &[entry]);
        for path in *inside {
            assert!(rules.allows(path.as_bytes()), "{entry} in `{workdir}` should allow {path}");
        }
        for path in *outside {
            assert!(!rules.allows(path.as_bytes()), "{entry} in `{workdir}` should not allow {path}");
        }
    }
}

#[test]
fn what_can_never_be_granted_is_refused_with_its_reason() {
    let table = [
        ("", "empty"),
        ("  ", "empty"),
        ("..", "holds `..`"),
        ("../lib/", "holds `..`"),
        ("src/../lib", "holds `..`"),
        ("/r/repo/../x", "holds `..`"),
        ("/", "outside"),
        ("//", "outside"),
        ("/etc/", "outside"),
        ("/r/repo2/src", "outside"),
        (".git", "reserved-git"),
        ("./.git/hooks", "reserved-git"),
        ("src/.git", "reserved-git"),
        (".Git/x", "reserved-git"),
        ("/r/repo/.git", "reserved-git"),
        (".codex-dispatch/", "reserved-dispatch"),
        ("a\0b", "NUL"),
        ("src/[", "not a valid glob"),
    ];
    for (entry, want) in table {
        let error = ScopeEntry::parse(entry, b"", b"/r/repo").unwrap_err();
        let told = match &error {
            ScopeEntryError::Reserved { name: ".git", .. } => "reserved-git".to_owned(),
            ScopeEntryError::Reserved { .. } => "reserved-dispatch".to_owned(),
            other => other.to_string(),
        };
        assert!(told.contains(want), "`{entry}`: {error}");
    }
}

#[test]
fn files_are_counted_only_when_every_entry_is_a_file() {
    assert_eq!(rules_in("", &["src/a.txt", "src/b.txt"]).names_files(), Some(2));
    assert_eq!(rules_in("", &["src/a.txt", "src/"]).names_files(), None);
    assert_eq!(ScopeRules::default().names_files(), None);
}

#[test]
fn nothing_is_allowed_without_entries() {
    assert!(!ScopeRules::default().allows(b"src/a.txt"));
}

#[test]
fn directories_above_an_entry_lead_to_it() {
    let rules = rules_in("", &["a/b/c/", "x/*/y"]);
    assert!(rules.leads_to_entry(b"a") && rules.leads_to_entry(b"a/b") && rules.leads_to_entry(b"x"));
    assert!(!rules.leads_to_entry(b"a/c") && !rules.leads_to_entry(b"lib"));
}

#[test]
fn entries_are_shown_relative_to_the_repository() {
    assert_eq!(
        rules_in("app", &["lib", "new", "/r/repo/src/a.txt", "*.c"]).entries(),
        ["app/lib/", "app/new/", "src/a.txt", "app/*.c"]
    );
}

#[test]
fn rules_that_were_told_as_entries_allow_the_same() {
    for entries in [&["src", "docs/*.md", "a.txt"][..], &["."], &["odd[name"]] {
        let kind = |path: &[u8]| match path {
            b"src" => PathKind::Directory,
            b"a.txt" | b"odd[name" => PathKind::File,
            _ => PathKind::Missing,
        };
        let parsed = entries.iter().map(|entry| ScopeEntry::parse(entry, b"", b"/r"));
        let entries = parsed.filter_map(Result::ok).collect();
        let rules = ScopeRules::new(entries, kind);
        let told = ScopeRules::of_entries(&rules.entries());
        for path in
            ["src", "src/x/y", "srcs", "docs/a.md", "docs/a/b.md", "a.txt", "a.txt/b", "odd[name", ".git/x"]
        {
            assert_eq!(told.allows(path.as_bytes()), rules.allows(path.as_bytes()), "{path} {rules:?}");
        }
    }
}

#[test]
fn the_places_of_entries_tell_files_directories_and_globs_apart() {
    let rules = rules_in("", &["src", "new/", "new.rs", "src/a.txt", "lib/x/*.rs", "**/*.md"]);
    let top = |top: &str| Place::Matching { top: top.as_bytes().to_vec() };
    assert_eq!(
        rules.places().collect::<Vec<_>>(),
        [
            Place::Directory(b"src"),
            Place::Directory(b"new"),
            Place::Unborn(b"new.rs"),
            Place::File(b"src/a.txt"),
            top("lib/x"),
            top(""),
        ]
    );
    assert!(rules.allows(b"new.rs") && rules.allows(b"new.rs/x"), "a file or a directory may come");
}

#[test]
fn what_no_entry_reaches_below_is_known() {
    let rules = rules_in("", &["lib/x/*.rs", "src/a.txt", "src/*/t/**"]);
    for (directory, reaches) in [
        ("lib", true),
        ("lib/x", true),
        ("lib/x/y", false),
        ("lib/y", false),
        ("src/q/t/deep", true),
        ("", true),
    ] {
        assert_eq!(rules.reaches_below(directory.as_bytes()), reaches, "{directory}");
    }
}
