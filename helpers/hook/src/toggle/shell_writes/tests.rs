//! One row a command: what its text tells of what it writes.

use super::*;

fn told(command: &str) -> Vec<String> {
    let name = |written| match written {
        Written::Path(path) => path,
        Written::Somewhere(what) => format!("<{what}>"),
    };
    written_by(command).into_iter().map(name).collect()
}

#[test]
fn what_a_command_writes_is_read_from_its_text() {
    let mut wrong = Vec::new();
    for (command, wanted) in [
        // redirections
        ("echo x > a.rs", &["a.rs"][..]),
        ("echo x >> 'a b.rs'", &["a b.rs"]),
        ("echo x >|a.rs", &["a.rs"]),
        ("make &> log.txt", &["log.txt"]),
        ("make > out.txt 2> err.txt", &["err.txt", "out.txt"]),
        ("make 2>&1 >/dev/null", &[]),
        ("make >&2", &[]),
        ("cat < a.rs", &[]),
        ("{ echo a; echo b; } > both.rs", &["both.rs"]),
        ("(cd src && echo x > a.rs)", &["src/a.rs"]),
        ("cat > a.rs <<'EOF'\necho x > no.rs\nEOF", &["a.rs"]),
        ("echo '> no.rs'", &[]),
        ("echo \"$(echo x > inner.rs)\"", &["inner.rs"]),
        ("for f in a b; do echo x > one.rs; done", &["one.rs"]),
        ("if true; then echo > t.rs; else echo > e.rs; fi", &["e.rs", "t.rs"]),
        ("w() { echo > f.rs; }; w", &["f.rs"]),
        ("echo x > \"$UNKNOWN\"", &[]),
        ("[ 1 > 2 ] && [[ a > b ]]", &["2"]),
        // programs
        ("echo x | tee a.rs -a b.rs", &["a.rs", "b.rs"]),
        ("sed -i 's/a/b/' src/a.rs", &["src/a.rs"]),
        ("sed -i.bak -e s/a/b/ src/a.rs", &["src/a.rs"]),
        ("sed -ni p a.rs", &["a.rs"]),
        ("sed --in-place=.b s/a/b/ a.rs b.rs", &["a.rs", "b.rs"]),
        ("sed s/a/b/ a.rs", &[]),
        ("cp a.rs b.rs", &["b.rs"]),
        ("cp -r a.rs b.rs lib/", &["lib/a.rs", "lib/b.rs"]),
        ("cp -t lib a.rs", &["lib/a.rs"]),
        ("mv a.rs b.rs", &["a.rs", "b.rs"]),
        ("rm -rf src/old.rs", &["src/old.rs"]),
        ("rm -- -odd.rs", &["-odd.rs"]),
        ("touch a.rs", &["a.rs"]),
        ("dd if=/dev/zero of=a.rs", &["a.rs"]),
        ("patch -p1 < x.diff", &["<patch>"]),
        ("sudo env A=1 tee a.rs", &["a.rs"]),
        ("timeout 5 rm a.rs", &["a.rs"]),
        ("A=1 cp a.rs b.rs", &["b.rs"]),
        ("cd src; cd deep && rm a.rs", &["src/deep/a.rs"]),
        ("ls | xargs rm", &["<xargs>"]),
        ("find . -name '*.rs' -delete", &["<find>"]),
        ("find . -exec sed -i s/a/b/ {} +", &["<find>"]),
        ("find . -exec grep x {} +", &[]),
        ("prettier --write .", &["<a formatter>"]),
        // shells in shells, interpreters
        ("bash -c 'echo x > a.rs'", &["a.rs"]),
        ("bash -lc \"sh -c 'rm b.rs'\"", &["b.rs"]),
        ("bash <<'E'\nrm a.rs\nE", &["a.rs"]),
        ("eval 'rm a.rs'", &["a.rs"]),
        ("python3 -c \"open('a.py', 'w').write('x')\"", &["a.py"]),
        ("python3 - <<'E'\nfrom pathlib import Path\nPath('a.py').write_text('x')\nE", &["a.py"]),
        ("python3 -c \"print(open('a.py').read())\"", &[]),
        ("node -e \"fs.writeFileSync('a.js', '')\"", &["a.js"]),
        ("perl -pi -e s/a/b/ a.pl", &["a.pl"]),
        // git
        ("git apply x.diff", &["<git apply>"]),
        ("git apply --check x.diff", &[]),
        ("git checkout -- a.rs", &["a.rs"]),
        ("git checkout HEAD~1 -- src/a.rs", &["src/a.rs"]),
        ("git checkout -b topic", &[]),
        ("git restore a.rs", &["a.rs"]),
        ("git restore --staged a.rs", &[]),
        ("git -C sub reset --hard", &["<git reset --hard>"]),
        ("git status && git diff > d.diff", &["d.diff"]),
        // nothing at all
        ("cargo test && ls -la | grep x", &[]),
        ("", &[]),
        ("if then (", &[]),
    ] {
        let told = told(command);
        if told != wanted {
            wrong.push(format!("{command}: {told:?} instead of {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn any_text_is_read_in_the_end() {
    proptest::proptest!(|(text in r#"[a-z$(){}`'"<>|&; \n\\]{0,60}"#)| {
        written_by(&text);
    });
}
