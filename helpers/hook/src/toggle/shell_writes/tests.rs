//! One row a command: what its text tells of what it writes. `a/+b` is `b` in `a`, or `a` where that is no directory;
//! `<what>` is whatever `what` takes from elsewhere.

use super::*;

fn told(command: &str) -> Vec<String> {
    let name = |written| match written {
        Written::Path(path) => path,
        Written::Into(directory, name) => format!("{directory}/+{name}"),
        Written::Somewhere(what, directory) if directory.is_empty() => format!("<{what}>"),
        Written::Somewhere(what, directory) => format!("<{what} in {directory}>"),
    };
    written_by(command, &[("HOME", "/h"), ("PWD", "/p"), ("CLAUDE_PROJECT_DIR", "/p")])
        .into_iter()
        .map(name)
        .collect()
}

#[track_caller]
fn assert_told(rows: &[(&str, &[&str])]) {
    let wrong = rows.iter().filter(|(command, wanted)| told(command) != *wanted);
    let wrong: Vec<_> = wrong
        .map(|(command, wanted)| format!("{command}: {:?} instead of {wanted:?}", told(command)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_shell_itself_opens() {
    assert_told(&[
        ("echo x > a.rs", &["a.rs"]),
        ("echo x>a.rs", &["a.rs"]),
        ("> a.rs", &["a.rs"]),
        (": >| a.rs", &["a.rs"]),
        ("echo x >> 'a b.rs'", &["a b.rs"]),
        ("echo x >a\\ b.rs", &["a b.rs"]),
        ("make &> log.txt", &["log.txt"]),
        ("make &>> log.txt", &["log.txt"]),
        ("make >& log.txt", &["log.txt"]),
        ("make > out.txt 2> err.txt", &["err.txt", "out.txt"]),
        ("exec 3<> a.rs", &["a.rs"]),
        ("{ echo a; echo b; } > both.rs", &["both.rs"]),
        ("while read x; do echo; done < in > out.rs", &["out.rs"]),
        ("for f in a b; do echo x > one.rs; done", &["one.rs"]),
        ("if true; then echo > t.rs; else echo > e.rs; fi", &["e.rs", "t.rs"]),
        ("case $1 in a|b) echo > a.rs ;; *) echo > b.rs ;; esac > c.rs", &["a.rs", "b.rs", "c.rs"]),
        ("w() { echo > f.rs; }; w", &["f.rs"]),
        ("function w { echo > f.rs; }", &["f.rs"]),
        ("cat > a.rs <<'EOF'\necho x > no.rs\nEOF\necho > b.rs", &["a.rs", "b.rs"]),
        ("cat <<-EOF > a.rs\n\techo\n\tEOF\nrm b.rs", &["a.rs", "b.rs"]),
        ("cat <<A > a.rs; cat <<B > b.rs\nA text\nA\nB > no.rs\nB\n", &["a.rs", "b.rs"]),
        ("echo \"$(echo x > inner.rs)\"", &["inner.rs"]),
        ("echo `echo x > inner.rs`", &["inner.rs"]),
        ("cat <<E\n$(rm inner.rs)\nE", &["inner.rs"]),
        ("make > >(cat > a.rs)", &["a.rs"]),
        ("make | tee >(cat > a.rs)", &["a.rs"]),
        ("(cd src && echo x > a.rs); echo > b.rs", &["b.rs", "src/a.rs"]),
        ("cd src; cd deep && rm a.rs; cd - && rm b.rs", &["src/b.rs", "src/deep/a.rs"]),
        ("cd && rm a.rs", &["/h/a.rs"]),
        ("cd \"$(mktemp -d)\" && echo > a.rs", &[]),
        ("echo x > ~/a.rs; echo > $HOME/b.rs; echo > \"${PWD}/c.rs\"", &["/h/a.rs", "/h/b.rs", "/p/c.rs"]),
        ("echo x > \"$(git rev-parse --show-toplevel)/a.rs\"", &["/p/a.rs"]),
        ("F=src/a.rs; echo x > \"$F\"", &["src/a.rs"]),
        ("export F=src/a.rs && echo x > ${F}", &["src/a.rs"]),
        ("for f in a.rs b.rs; do sed -i s/a/b/ \"$f\"; done", &["a.rs", "b.rs"]),
        ("files=(a.rs b.rs)\nrm \"${files[@]}\"", &["a.rs", "b.rs"]),
        ("echo x > src/{a,b}.rs", &["src/a.rs", "src/b.rs"]),
        ("echo x > $'a\\x2ers'", &["a.rs"]),
        ("echo x > \"$UNKNOWN\"", &[]),
        ("echo x > a.rs &", &["a.rs"]),
        ("echo x \\\n > a.rs", &["a.rs"]),
    ]);
}

#[test]
fn what_programs_do() {
    assert_told(&[
        ("echo x | tee a.rs -a b.rs", &["a.rs", "b.rs"]),
        ("echo x | /usr/bin/tee a.rs", &["a.rs"]),
        ("echo x | 'te''e' a.rs", &["a.rs"]),
        ("sed -i 's/a/b/' src/a.rs", &["src/a.rs"]),
        ("sed -i '' 's/a/b/' src/a.rs", &["src/a.rs"]),
        ("sed -i.bak -e s/a/b/ src/a.rs", &["src/a.rs"]),
        ("sed -Ei s/a/b/ a.rs", &["a.rs"]),
        ("sed --in-place=.b s/a/b/ a.rs b.rs", &["a.rs", "b.rs"]),
        ("sed -i s/a/b/ src/*.rs", &["src/*.rs"]),
        ("cp a.rs b.rs", &["b.rs/+a.rs"]),
        ("cp -r a.rs b.rs lib/", &["lib//+a.rs", "lib//+b.rs"]),
        ("cp -t lib a.rs", &["lib/+a.rs"]),
        ("install -m 644 /tmp/x a.rs", &["a.rs/+x"]),
        ("install -d src/new", &[]),
        ("ln -s ../x.rs", &["./+x.rs"]),
        ("mv a.rs b.rs", &["a.rs", "b.rs/+a.rs"]),
        ("rsync -a /tmp/src/ src", &["src/+src"]),
        ("rsync -a src/ host:src", &[]),
        ("rm -rf src/old.rs", &["src/old.rs"]),
        ("rm -- -odd.rs", &["-odd.rs"]),
        ("truncate -s 0 a.rs", &["a.rs"]),
        ("dd if=/dev/zero of=a.rs", &["a.rs"]),
        ("sort -o a.rs a.rs", &["a.rs"]),
        ("curl -so a.js https://x.org/a.js", &["a.js"]),
        ("curl -O https://x.org/b.js?v=1", &["b.js"]),
        ("wget -O a.js https://x.org", &["a.js"]),
        ("patch -p1 < x.diff", &["<patch>"]),
        ("patch -d src -p1 < x.diff", &["<patch in src>"]),
        ("patch a.rs x.diff", &["a.rs"]),
        ("patch --dry-run -p1 < x.diff", &[]),
        ("awk '{ print > \"out.py\" }' in", &["out.py"]),
        ("gawk -i inplace '{ print }' a.py", &["a.py"]),
        ("printf '1d\\nw\\n' | ed -s a.rs", &["a.rs"]),
        ("vim -es -c '%s/a/b/' -c wq a.rs", &["a.rs"]),
        ("sd old new src/a.rs", &["src/a.rs"]),
        ("sudo env A=1 tee a.rs", &["a.rs"]),
        ("sudo -u me tee a.rs", &["a.rs"]),
        ("timeout -k 5 10 nice -n 3 rm a.rs", &["a.rs"]),
        ("A=1 cp a.rs b.rs", &["b.rs/+a.rs"]),
        ("command rm a.rs; \\rm b.rs", &["a.rs", "b.rs"]),
        ("ls | xargs rm", &["*"]),
        ("some-list | xargs -n 1 rm", &["<xargs>"]),
        ("find src -name '*.rs' -print0 | xargs -0 sed -i s/a/b/", &["src/*.rs"]),
        ("grep -rl old src | xargs sed -i s/old/new/", &["src"]),
        ("rg -l old -g '*.md' | xargs sed -i s/old/new/", &["./*.md"]),
        ("git ls-files '*.py' | sort | xargs rm", &["*.py"]),
        ("echo a.rs | xargs -I{} cp /tmp/x {}", &["a.rs/+x"]),
        ("find . -name '*.rs' | while read -r f; do sed -i s/a/b/ \"$f\"; done", &["./*.rs"]),
        ("find . -name '*.rs' -delete", &["./*.rs"]),
        ("find . -exec sed -i s/a/b/ {} +", &["."]),
        ("find src \\( -name '*.c' -o -name '*.h' \\) -exec rm {} \\;", &["src/*.c", "src/*.h"]),
        ("find . -name x.rs -exec sh -c 'rm x.rs' \\;", &["x.rs"]),
        ("find . -exec grep x {} +", &[]),
        ("find . -type d -empty -delete", &[]),
    ]);
}

#[test]
fn what_scripts_in_scripts_do() {
    assert_told(&[
        ("bash -c 'echo x > a.rs'", &["a.rs"]),
        ("bash -lc \"sh -c 'rm b.rs'\"", &["b.rs"]),
        ("bash -c 'cd src; rm a.rs'; rm b.rs", &["b.rs", "src/a.rs"]),
        ("bash <<'E'\nrm a.rs\nE", &["a.rs"]),
        ("echo 'rm a.rs' | sh", &["a.rs"]),
        ("cat <<'E' | bash -s\nrm a.rs\nE", &["a.rs"]),
        ("sh <<< 'rm a.rs'", &["a.rs"]),
        ("bash -c \"$(cat <<'E'\nrm a.rs\nE\n)\"", &[]),
        ("eval 'rm a.rs'", &["a.rs"]),
        ("python3 -c \"open('a.py', 'w').write('x')\"", &["a.py"]),
        ("python3 -c \"open('a.py', mode='a')\"", &["a.py"]),
        ("python3 - <<'E'\nfrom pathlib import Path\nPath('a.py').write_text('x')\nE", &["a.py"]),
        (
            "python3 - <<'E'\np = Path('src') / 'a.py'\np.write_text(p.read_text().replace('x', 'y'))\nE",
            &["src/a.py"],
        ),
        ("python3 <<E\np='src/a.rs'\ns=open(p).read()\nopen(p,'w').write(s)\nE", &["src/a.rs"]),
        (
            "python3 <<'E'\nfor f in ['a.rs', 'b.rs']:\n  with open(f, 'r+') as h: h.write('')\nE",
            &["a.rs", "b.rs"],
        ),
        ("python3 - a.rs <<'E'\nimport sys\nopen(sys.argv[1], 'w')\nE", &["a.rs"]),
        ("python3 -c \"import os; os.remove('a.py'); os.rename('b.py', 'c.py')\"", &["a.py", "b.py", "c.py"]),
        ("python3 -c \"import shutil; shutil.copy('a.py', 'b.py')\"", &["b.py"]),
        ("python3 -c \"import subprocess; subprocess.run(['sed', '-i', 's/a/b/', 'a.rs'])\"", &["a.rs"]),
        ("python3 -c \"import os; os.system('rm a.rs')\"", &["a.rs"]),
        ("python3 -c \"open(f'src/{name}.py', 'w')\"", &["src/*.py"]),
        ("node -e \"require('fs').writeFileSync('a.js', '')\"", &["a.js"]),
        ("node -e \"const f = 'a.js'; fs.writeFileSync(f, x => x)\"", &["a.js"]),
        ("node --eval \"fs.rmSync('a.js')\"", &["a.js"]),
        ("node <<'E'\nconst { execSync } = require('child_process')\nexecSync(`rm a.js`)\nE", &["a.js"]),
        ("deno eval \"Deno.writeTextFile('a.ts', '')\"", &["a.ts"]),
        ("perl -pi -e s/a/b/ a.pl", &["a.pl"]),
        ("perl -i.bak -pe s/a/b/ a.pl", &["a.pl"]),
        ("perl -e 'open(my $f, \">\", \"a.pl\")'", &["a.pl"]),
        ("perl -e 'open(F, \">>a.pl\")'", &["a.pl"]),
        ("ruby -e 'File.write(\"a.rb\", 1)'", &["a.rb"]),
        ("php -r 'file_put_contents(\"a.php\", 1);'", &["a.php"]),
    ]);
}

#[test]
fn what_git_does_to_files() {
    assert_told(&[
        ("git apply x.diff", &["<git apply>"]),
        ("git diff | git apply -R", &["<git apply>"]),
        ("git apply --check x.diff", &[]),
        ("git apply --cached x.diff", &[]),
        ("git checkout -- a.rs", &["a.rs"]),
        ("git checkout HEAD~1 -- src/a.rs", &["HEAD~1", "src/a.rs"]),
        ("git checkout src/a.rs", &["src/a.rs"]),
        ("git checkout -b topic", &[]),
        ("git checkout -f", &["<git checkout --force>"]),
        ("git restore a.rs", &["a.rs"]),
        ("git restore -s HEAD~1 a.rs", &["a.rs"]),
        ("git restore --staged a.rs", &[]),
        ("git restore --staged --worktree a.rs", &["a.rs"]),
        ("git -C sub reset --hard", &["<git reset --hard in sub>"]),
        ("git -c a=b stash pop", &["<git stash pop>"]),
        ("git stash", &["<git stash>"]),
        ("git rm a.rs", &["a.rs"]),
        ("git rm --cached a.rs", &[]),
        ("git mv a.rs b.rs", &["a.rs", "b.rs/+a.rs"]),
        ("git clean -fd", &["<git clean>"]),
        ("git show HEAD:a.rs > a.rs", &["a.rs"]),
        ("git am < x.mbox", &["<git am>"]),
    ]);
}

#[test]
fn what_only_looks_like_writing() {
    assert_told(&[
        ("grep '>' file", &[]),
        ("grep -c '=> {' a.rs", &[]),
        ("echo \"a > b\"", &[]),
        ("echo '> no.rs'", &[]),
        ("echo a \\> b", &[]),
        ("make 2>&1 >/dev/null", &[]),
        ("make >&2", &[]),
        ("make 2>&-", &[]),
        ("make &>/dev/null || true", &[]),
        ("cmd 2>/dev/null | head", &[]),
        ("cat < a.rs", &[]),
        ("cat <<'E'\nrm a.rs > b.rs\nE", &[]),
        ("grep x <<< 'echo > a.rs'", &[]),
        ("cmp <(sort a.rs) <(sort b.rs)", &[]),
        ("diff <(git show HEAD:a.rs) a.rs", &[]),
        ("[ a \\> b ]", &[]),
        ("[[ a > b.rs ]] && echo yes", &[]),
        ("(( a > b )) && echo yes", &[]),
        ("for ((i = 0; i > b; i++)); do echo; done", &[]),
        ("echo $((1 > 2))", &[]),
        ("awk '$1 > 3' a.rs", &[]),
        ("awk '{ if ($1 > 3) print $2 }' a.rs", &[]),
        ("jq '.a > 3' x.json", &[]),
        ("node -e 'const f = (x) => x > 2; console.log(f(3))'", &[]),
        ("node -e \"[1].map(x => x)\"", &[]),
        ("python3 -c \"print(open('a.py').read())\"", &[]),
        ("python3 -c \"print(1 if 2 > 1 else 'a.py')\"", &[]),
        (
            "python3 - <<'E'\nx = 'it is open(\"a.py\", \"w\")'  # don't\nprint('src/a.py'.replace('.py', '.rs'))\nE",
            &[],
        ),
        (
            "python3 -c \"import json; json.dump(json.load(open('src/a.ts')), open('/tmp/o.json', 'w'))\"",
            &["/tmp/o.json"],
        ),
        ("perl -MList::Util=sum -ne 'print if /x/' a.pl", &[]),
        ("perl -ne 'print if $_ > 3' a.pl", &[]),
        ("sed s/a/b/ a.rs", &[]),
        ("sed -n '/impl/p' a.rs", &[]),
        ("sed -ne p a.rs", &[]),
        ("touch src/main.rs", &[]),
        ("mkdir -p src/new", &[]),
        ("chmod +x a.sh", &[]),
        ("git log --oneline -- a.rs", &[]),
        ("git commit -m 'a > b; rm a.rs'", &[]),
        ("git commit -m \"$(cat <<'E'\nfix: rm a.rs > b.rs\nE\n)\"", &[]),
        ("git diff > d.diff", &["d.diff"]),
        ("git stash list; git stash show -p", &[]),
        ("git switch main && git pull && git rebase main", &[]),
        ("clodex-dispatch --task - <<'E'\nOBJECTIVE: rm a.rs > b.rs\nE", &[]),
        ("clodex-apply --undo some-run", &[]),
        ("cargo test && ls -la | grep x", &[]),
        ("cargo run -- rm a.rs", &[]),
        ("# rm a.rs\nls # > b.rs", &[]),
        ("echo rm a.rs", &[]),
        ("find . -name '*.rs' | xargs grep -n x", &[]),
        ("find . -name '*.rs' | xargs wc -l > /tmp/count", &["/tmp/count"]),
        ("bash script.sh < a.rs", &[]),
        ("man tee; which rm; type cp", &[]),
        ("docker run x sh", &[]),
        ("", &[]),
        ("if then (", &[]),
        (")", &[]),
    ]);
}

#[test]
fn any_text_is_read_in_the_end() {
    proptest::proptest!(|(text in r#"[a-z$(){}`'"<>|&;= \n\\é]{0,60}"#)| {
        written_by(&text, &[]);
    });
}

/// Time goes with the length, whatever is in it.
#[test]
fn a_long_command_is_read_at_once() {
    for piece in [
        "echo foo 'b' \"x $y\" > o.txt && ls | grep x; ",
        "(",
        "$(",
        "\"$(",
        "`",
        "{ ",
        "case x in ",
        "<(",
        "<<E ",
        "a=(",
        "${",
        "[[ ",
        "if ",
        "x=1;echo $x;",
    ] {
        let command = piece.repeat(100_000 / piece.len());
        let begun = std::time::Instant::now();
        written_by(&command, &[]);
        // What goes with the square of the length would take minutes.
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{piece}: {:?}", begun.elapsed());
    }
    let code = ["open(", "p = q; open(p, 'w');", "x.write_text(y).z(", "'", "{[("];
    for piece in code {
        let command = format!("python3 - <<'EOF'\n{}\nEOF\n", piece.repeat(100_000 / piece.len()));
        let begun = std::time::Instant::now();
        written_by(&command, &[]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{piece}: {:?}", begun.elapsed());
    }
}
