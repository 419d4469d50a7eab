//! What counts as the user's uncommitted work in scope: what git would say, and what only a filter could tell.

#[expect(dead_code, reason = "the program is asked, not the library: it has a home of its own")]
mod support;

use std::process::Command;

use support::World;

/// A case: what it shows, what the user did, and whether git's own status is empty.
struct Case(&'static str, &'static str, Status);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Nothing is uncommitted.
    Clean,
    /// `src/a.txt` is.
    Dirty,
    /// It is for us, as git would run a program to tell.
    Unknown,
}

/// The paths in `src/` that keep a run from starting.
fn overlap(world: &World) -> Vec<String> {
    let dir = world.repo().parent().expect("a directory around it").to_owned();
    let scope = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-scope"));
        command.args(arguments).current_dir(world.repo()).env_clear().env("PATH", "/usr/bin:/bin");
        let done = command.env("HOME", dir.join("home")).output().expect("the program under test");
        assert!(done.status.success(), "{done:?}");
        done.stdout
    };
    scope(&["snapshot", "--scope", "src/", "-o", "../snap"]);
    let answer: serde_json::Value =
        serde_json::from_slice(&scope(&["compare", "--json", "../snap"])).expect("JSON");
    let paths = answer["dirty_overlap"].as_array().expect("a list").iter();
    paths.map(|path| path.as_str().expect("text").to_owned()).collect()
}

fn run_all(cases: &[Case]) {
    let failed: Vec<String> = std::thread::scope(|threads| {
        let run = |Case(title, setup, status): &Case| {
            let world = World::new();
            world.sh(setup);
            let wanted: &[&str] = if *status == Status::Clean { &[] } else { &["src/a.txt"] };
            // First ours: git's own writes the index anew.
            let found = overlap(&world);
            let gits =
                if world.sh("git status --porcelain").is_empty() { Status::Clean } else { Status::Dirty };
            let right = found == wanted && (*status == Status::Unknown || gits == *status);
            (!right).then(|| format!("{title}: want {status:?}, git has {gits:?}, got {found:?}"))
        };
        let running: Vec<_> = cases.iter().map(|case| threads.spawn(move || run(case))).collect();
        running
            .into_iter()
            .filter_map(|running| running.join().expect("its script failed, see above"))
            .collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A filter that makes letters large, so that a file is as long as its blob; the index knows its files.
macro_rules! with_up {
    ($rest:literal) => {
        concat!(
            "git config filter.up.clean 'tr a-z A-Z'; git config filter.up.smudge 'tr A-Z a-z'\n",
            $rest,
            "\ngit add -A; git add --renormalize .; git commit -q --allow-empty -m f; rm -r src; git checkout -q .
            git cat-file -p HEAD:src/a.txt | grep -qx A; touch -d 2024-01-01 src/*; git update-index -q --refresh"
        )
    };
}

#[test]
#[rustfmt::skip]
fn an_edit_of_the_same_size_shows_under_a_conversion() {
    run_all(&[
        Case("a filter without a program", "echo '*.txt filter=x' > .gitattributes; git add -A; git commit -qm f; printf 'Z\\n' > src/a.txt", Status::Dirty),
        Case("a filter", concat!(with_up!("echo '*.txt filter=up' > .gitattributes"), "; printf 'z\\n' > src/a.txt"), Status::Dirty),
        Case("ident", "echo '*.txt ident' > .gitattributes; git add -A; git commit -qm f; printf 'Z\\n' > src/a.txt", Status::Dirty),
        Case("an encoding", "echo 'src/a.txt working-tree-encoding=UTF-16LE' > .gitattributes; printf 'a\\0\\n\\0' > src/a.txt; git add -A; git commit -qm f; printf 'Z\\0\\n\\0' > src/a.txt", Status::Dirty),
        Case("line ends", "echo '*.txt eol=crlf' > .gitattributes; printf 'a\\r\\n' > src/a.txt; git add -A; git commit -qm f; printf 'Z\\r\\n' > src/a.txt", Status::Dirty),
        Case("line ends that nobody converts", "printf 'a\\r\\n' > src/a.txt", Status::Dirty),
        Case("what only a filter could tell", concat!(with_up!("echo '*.txt filter=up' > .gitattributes"), "; touch src/a.txt"), Status::Unknown),
        Case("a large file by its pointer", "echo '*.txt filter=lfs' > .gitattributes; git config filter.lfs.clean cat
            printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 2\\n' 7 > src/a.txt; git add -A; git commit -qm f; printf 'big\\n' > src/a.txt", Status::Dirty),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_a_conversion_makes_is_no_work_of_the_users() {
    run_all(&[
        Case("a filter without a program", "echo '*.txt filter=x' > .gitattributes; git add -A; git commit -qm f; touch src/a.txt", Status::Clean),
        Case("a filter", with_up!("echo '*.txt filter=up' > .gitattributes"), Status::Clean),
        Case("ident", "echo '*.txt ident' > .gitattributes; printf '$Id$\\n' > src/a.txt; git add -A; git commit -qm f; rm src/a.txt; git checkout -q src; grep -q 'Id: ' src/a.txt; touch src/a.txt", Status::Clean),
        Case("an encoding", "echo 'src/a.txt working-tree-encoding=UTF-16LE' > .gitattributes; printf 'a\\0\\n\\0' > src/a.txt; git add -A; git commit -qm f; touch src/a.txt", Status::Clean),
        Case("line ends", "echo '*.txt eol=crlf' > .gitattributes; git add -A; git commit -qm f; rm src/a.txt; git checkout -q src; grep -q $'\\r' src/a.txt; touch src/a.txt", Status::Clean),
        Case("line ends by the configuration", "git config core.autocrlf true; rm src/a.txt; git checkout -q src; grep -q $'\\r' src/a.txt; touch src/a.txt", Status::Clean),
        Case("a large file by its pointer", "echo '*.txt filter=lfs' > .gitattributes; printf 'big\\n' > big
            git config filter.lfs.clean \"sh -c 'sha256sum | sed \\\"s/\\\\([0-9a-f]*\\\\).*/oid sha256:\\\\1/; 1iversion https:\\/\\/git-lfs.github.com\\/spec\\/v1\\\"'\"
            mv big src/a.txt; git add -A; git commit -qm f; git cat-file -p HEAD:src/a.txt | grep -q '^oid sha256:[0-9a-f]'; touch src/a.txt", Status::Clean),
    ]);
}

#[test]
#[rustfmt::skip]
fn attributes_are_read_wherever_git_reads_them() {
    run_all(&[
        Case("macros", with_up!("printf '[attr]enc filter=up\\n*.txt enc\\n' > .gitattributes"), Status::Clean),
        Case("in quotes", with_up!("printf '\"src/a.txt\" filter=up\\n' > .gitattributes"), Status::Clean),
        Case("of the user", with_up!("mkdir -p $HOME/.config/git; echo '*.txt filter=up' > $HOME/.config/git/attributes"), Status::Clean),
        Case("where the user wants them", with_up!("git config --global core.attributesFile '~/attributes'; echo '*.txt filter=up' > $HOME/attributes"), Status::Clean),
        Case("of the repository", with_up!("mkdir -p .git/info; echo '*.txt filter=up' > .git/info/attributes"), Status::Clean),
        Case("in quotes, without a program", "printf '\"src/a.txt\" eol=crlf\\n' > .gitattributes; git add -A; git commit -qm f; printf 'a\\r\\n' > src/a.txt; git add src", Status::Clean),
        Case("macros, the same size", "printf '[attr]enc filter=x\\n*.txt enc\\n' > .gitattributes; git add -A; git commit -qm f; printf 'Z\\n' > src/a.txt", Status::Dirty),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_configuration_says_what_counts() {
    run_all(&[
        Case("modes that mean nothing", "git config core.fileMode false; chmod +x src/a.txt", Status::Clean),
        Case("modes that mean something", "chmod +x src/a.txt", Status::Dirty),
        Case("an edit where modes mean nothing", "git config core.fileMode false; chmod +x src/a.txt; echo x > src/a.txt", Status::Dirty),
        Case("symlinks as files", "ln -s b.txt src/l; git add -A; git commit -qm l; git config core.symlinks false; rm src/l; printf b.txt > src/l", Status::Clean),
        Case("a symlink as a file, changed", "ln -sf b.txt src/a.txt; git add -A; git commit -qm l; git config core.symlinks false; rm src/a.txt; printf c.txt > src/a.txt", Status::Dirty),
        Case("a file for a symlink", "ln -sf b.txt src/a.txt; git add -A; git commit -qm l; rm src/a.txt; printf b.txt > src/a.txt", Status::Dirty),
        Case("ignored by what is included", "printf '[include]\\n path = ~/inc\\n' >> $HOME/.gitconfig; printf '[core]\\n excludesFile = ~/.gi\\n' > $HOME/inc; echo '*.swp' > $HOME/.gi; touch src/.a.swp", Status::Clean),
        Case("ignored by what is included here", "printf '[includeIf \"gitdir:%s/\"]\\n path = inc\\n' $REPO >> $HOME/.gitconfig; printf '[core]\\n excludesFile = ~/.gi\\n' > $HOME/inc; echo '*.swp' > $HOME/.gi; touch src/.a.swp", Status::Clean),
        Case("a byte order mark", "printf '\\357\\273\\277*.swp\\n' > .gitignore; git commit -qam b; rm -rf .env build secret; touch src/.a.swp", Status::Clean),
    ]);
}

#[test]
#[rustfmt::skip]
fn work_in_repositories_in_scope_counts_staged_or_not() {
    const SUB: &str = "git init -q ../sub; (cd ../sub; echo s > a.txt; git add -A; git commit -qm s)
        git rm -qr src; git submodule --quiet add ../sub src >/dev/null; git commit -qm sub; ";
    const NESTED: &str = "git rm -qr --cached src; echo /src/ >> .git/info/exclude; git commit -qm out; git -C src init -q; cd src; git add -A; git commit -qm n; ";
    for (top, kind) in [(SUB, "a submodule"), (NESTED, "a nested repository")] {
        for (action, wanted) in [
            ("true", &[][..]),
            ("echo u >> src/a.txt", &["src/a.txt"]),
            ("echo u >> src/a.txt; git -C src add a.txt", &["src/a.txt"]),
            ("git -C src rm -q --cached a.txt; echo a.txt >> $(git -C src rev-parse --git-path info/exclude)", &["src/a.txt"]),
            ("echo u > src/n; git -C src add n", &["src/n"]),
        ] {
            let world = World::new();
            world.sh(top);
            world.sh(action);
            assert_eq!(overlap(&world), wanted, "{kind}: {action}");
        }
    }
}
