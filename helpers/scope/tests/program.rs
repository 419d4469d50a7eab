//! clodex-scope as a program: arguments, stdout, stderr and exit codes.

#[expect(dead_code, reason = "the program is asked, not the library")]
mod support;

use std::process::{Command, Output};

use support::World;

fn scope(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-scope"));
    command.args(arguments).current_dir(world.repo()).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", world.outside()).output().expect("the program under test")
}

fn told(output: &Output) -> (i32, &str, &str) {
    let text = |bytes| str::from_utf8(bytes).expect("text, and an exit");
    (output.status.code().expect("text, and an exit"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn explain_says_what_decides_and_what_is_known() {
    let world = World::new();
    world.sh("ln -s ../lib src/link; ln lib/keep.txt src/hard");
    let paths = ["src/a.txt", "src/new/x", "src/link/x.txt", "src/link", "lib", "build/x", ".env", "../x"];
    let output = scope(&world, &[&["explain", "--scope", "src/"][..], &paths].concat());
    let outside = world.repo().parent().unwrap().join("x");
    let wanted = format!(
        "src/a.txt: in scope
  the scope entry `src/` allows it
  it is a file
  git tracks it
src/new/x: in scope
  the scope entry `src/` allows it
  nothing is there
lib/x.txt: violation
  no scope entry allows it (`src/`)
  `src/link/x.txt` leads there through a symlink
  it is a file
  git tracks it
src/link: in scope
  the scope entry `src/` allows it
  it is a symlink to ../lib
  git does not track it
lib: violation
  no scope entry allows it (`src/`)
  it is a directory
  git tracks files in it
build/x: by-product
  `build/` is a build output that git ignores
  nothing is there
  git ignores it by line 2 of .gitignore
.env: violation
  no scope entry allows it (`src/`)
  it is a file
  git ignores it by line 1 of .gitignore
{}: violation
  it is outside the repository
",
        outside.display()
    );
    assert_eq!(told(&output), (6, wanted.as_str(), ""));
    let output = scope(&world, &["explain", "--json", "-C", "src", "--scope", ".", "a.txt"]);
    let wanted = "[{\"path\":\"src/a.txt\",\"counts_as\":\"in-scope\",\"because\":[\"the scope entry `src/` allows it\",\"it is a file\",\"git tracks it\"]}]\n";
    assert_eq!(told(&output), (0, wanted, ""));
}

#[test]
fn detours_that_do_not_exist_are_not_believed() {
    let world = World::new();
    for path in ["src/gone/../../lib/x.txt", "src/../lib/x.txt", ".git/config", "src/new/.git/hooks/x"] {
        let output = scope(&world, &["explain", "--scope", "src/", path]);
        assert_eq!(output.status.code(), Some(6), "{path}: {:?}", told(&output));
    }
}

#[test]
fn a_packet_names_scope_and_work_directory() {
    let world = World::new();
    let packet = format!(
        "MODE: worker\nWORKDIR: {}\nOBJECTIVE: x\nWRITE SCOPE:\n- x.txt\nBY-PRODUCTS:\n- gen/\nNON-GOALS: none\nVERIFICATION:\n- none\nDELIVERABLE: x\n",
        world.repo().join("lib").display()
    );
    let file = world.outside().join("task.md");
    std::fs::write(&file, packet).unwrap();
    world.sh("echo 'gen/' >> .gitignore");
    let file = file.to_str().unwrap();
    let output = scope(&world, &["explain", "--packet", file, "x.txt", "gen/new"]);
    let (code, out, _) = told(&output);
    assert_eq!(code, 0, "{:?}", told(&output));
    assert!(out.starts_with("lib/x.txt: in scope\n") && out.contains("lib/gen/new: by-product\n"), "{out}");
}

#[test]
fn what_cannot_be_used_is_told_with_a_hint_and_exit_2() {
    let world = World::new();
    for (arguments, wanted) in [
        (&["explain", "--scope", "../x", "a"][..], "`../x` holds `..`\nhint: "),
        (&["explain", "--scope", ".git/", "a"], "`.git/` is in `.git`, which is never in scope\nhint: "),
        (&["explain", "-C", "/", "a"], "`/` is in no git work tree\nhint: "),
        (
            &["explain", "--by-product", "node_modules", "a"],
            "`node_modules` can never be a by-product\nhint: ",
        ),
        (&["explain", "--packet", "README.md", "a"], "README.md"),
        (&["explain", "--packet", "gone.md", "a"], "cannot read packet `gone.md`: "),
        (&["explain"], "error: the following required arguments were not provided"),
        (&["undo"], "error: unrecognized subcommand 'undo'"),
    ] {
        let output = scope(&world, arguments);
        let (code, out, error) = told(&output);
        assert_eq!((code, out), (2, ""), "{arguments:?}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
}

/// A snapshot with `src/` as scope, taken by the program.
fn snapshot(world: &World) -> (String, String) {
    let file = world.outside().join("snapshot").display().to_string();
    let output = scope(world, &["snapshot", "--scope", "src/", "-o", &file]);
    let (code, digest, error) = told(&output);
    assert_eq!((code, digest.len()), (0, 65), "{error}");
    (file, digest.trim().to_owned())
}

#[test]
fn a_snapshot_and_its_comparison_are_a_verdict() {
    let world = World::new();
    world.sh(
        "echo u >> src/b.txt; echo u >> docs/d.txt; ln -s lib link; chmod 700 .env; printf x > $'odd\\xff'",
    );
    let (file, digest) = snapshot(&world);
    assert_eq!(world.sh(&format!("stat -c %a {file}")), "600\n");
    let output = scope(&world, &["compare", &file]);
    assert_eq!(told(&output), (0, "clean\n", ""));
    world.sh("echo w >> src/a.txt; touch lib/x.txt; echo o > build/o; echo w >> docs/d.txt; git branch new");
    let branch = world.sh("git rev-parse HEAD");
    let output = scope(&world, &["compare", "--json", "--digest", &digest, &file]);
    let wanted = format!(
        "{{\"version\":1,\"verdict\":\"violation\",\"policy_violation\":true,\"scope_ok\":false,\"exit_code\":6,\
         \"write_scope\":[\"src/\"],\"violations\":[\
         {{\"path\":\"docs/d.txt\",\"kind\":\"modified\",\"detail\":\"content: 4 → 6 bytes\",\"restored\":false}},\
         {{\"path\":\"refs/heads/new\",\"kind\":\"added\",\"detail\":\"nothing → {}\",\"restored\":false}}],\
         \"by_products\":[\"build/\"],\"foreign\":[],\"in_scope\":[\"src/a.txt\"],\"dirty_overlap\":[\"src/b.txt\"],\"notes\":[]}}\n",
        branch.trim()
    );
    assert_eq!(told(&output), (6, wanted.as_str(), ""));
    world.sh("git branch -D new -q; git checkout -q docs/d.txt; echo u >> docs/d.txt");
    let output = scope(&world, &["compare", &file]);
    assert_eq!(told(&output), (0, "clean\nby-product build/\nin scope src/a.txt\n", ""));
}

#[test]
fn globs_and_odd_places_survive_in_a_snapshot() {
    let world = World::new();
    world.sh("mkdir $'odd \\xff'; cd $'odd \\xff'; mkdir gen d; printf 'gen/\\nbuild/\\n' > .gitignore; mkdir $OUTSIDE/place; ln -s $OUTSIDE/place d/away; git add .; git commit -qm odd");
    let file = world.outside().join("snapshot").display().to_string();
    let script = format!(
        "cd $'odd \\xff'; {} snapshot --scope 'deep/**/*.txt' --scope d/ --by-product gen -o {file}",
        env!("CARGO_BIN_EXE_clodex-scope")
    );
    world.sh(&script);
    world.sh("cd $'odd \\xff'; mkdir deep; echo x > deep/n.txt; echo x > gen/g; rm d/away; echo x > deep/n.rs; echo x > ../n.txt");
    let output = scope(&world, &["compare", &file]);
    let (_, out, _) = told(&output);
    let paths: Vec<&str> = out.lines().skip(1).map(|line| line.split(": ").next().unwrap()).collect();
    let wanted = [
        "violation n.txt",
        "violation odd \\xff/deep/n.rs",
        "by-product odd \\xff/gen/",
        "in scope odd \\xff/d/away",
        "in scope odd \\xff/deep/n.txt",
    ];
    assert_eq!(paths, wanted, "{out}");
}

#[test]
fn a_snapshot_that_was_cut_changed_or_replaced_is_refused() {
    let world = World::new();
    let (file, digest) = snapshot(&world);
    let (other, _) = (file.clone() + "2", world.sh(&format!("cp {file} {file}2")));
    for (damage, wanted) in [
        (format!("truncate -s -1 {other}"), "it was cut off or changed\nhint: take a new snapshot"),
        (format!("printf x >> {other}"), "it was cut off or changed"),
        (format!("sed -i '2,$s/a.txt/b.txt/' {other}"), "it was cut off or changed"),
        (format!("sed -i '1s/snapshot [0-9]*/snapshot 999/' {other}"), "another version wrote it"),
        (format!("echo x > {other}"), "it is not a snapshot"),
        (format!("rm {other}"), "No such file"),
    ] {
        world.sh(&damage);
        let output = scope(&world, &["compare", &other]);
        let (code, out, error) = told(&output);
        assert_eq!((code, out), (2, ""), "{damage}");
        assert!(error.starts_with("cannot read snapshot") && error.contains(wanted), "{damage}: {error}");
        world.sh(&format!("cp {file} {other}"));
    }
    world.sh("echo x >> lib/x.txt");
    snapshot(&world);
    let output = scope(&world, &["compare", "--digest", &digest, &file]);
    let (code, _, error) = told(&output);
    assert!(code == 2 && error.contains(&format!("not {digest}\nhint: ")), "{error}");
}

#[test]
fn a_snapshot_never_lies_in_its_own_tree() {
    let world = World::new();
    for file in ["snapshot", "src/snapshot", ".git/snapshot"] {
        let output = scope(&world, &["snapshot", "-o", file]);
        let (code, out, error) = told(&output);
        assert_eq!((code, out), (2, ""), "{file}");
        assert!(error.contains("it is inside the tree that it describes\nhint: "), "{error}");
        assert!(!world.repo().join(file).exists());
    }
}

#[test]
fn a_snapshot_takes_no_devices_place_and_goes_through_a_symlink() {
    let world = World::new();
    let (link, file) = (world.outside().join("link"), world.outside().join("file"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for output in ["/dev/null", link.to_str().unwrap()] {
        let done = scope(&world, &["snapshot", "-o", output]);
        assert_eq!(told(&done).0, 0, "{done:?}");
    }
    assert!(std::fs::read("/dev/null").unwrap().is_empty() && link.is_symlink() && file.is_file());
    let inside = world.outside().join("inside");
    std::os::unix::fs::symlink(world.repo().join("file"), &inside).unwrap();
    let refused = scope(&world, &["snapshot", "-o", inside.to_str().unwrap()]);
    assert_eq!(told(&refused).0, 2, "{refused:?}");
}

#[test]
fn a_tree_that_is_gone_is_unknown() {
    let world = World::new();
    let (file, _) = snapshot(&world);
    world.sh_in(&world.outside(), "mv ../repo ../elsewhere; mkdir ../repo; chmod 0 ../repo; rmdir ../repo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-scope"));
    let output = command.args(["compare", "--json", &file]).current_dir("/").output().unwrap();
    let (code, out, _) = told(&output);
    assert_eq!(code, 6, "{out}");
    assert!(out.contains("\"verdict\":\"unknown\"") && out.contains("\"notes\":[\"cannot list"), "{out}");
}

#[test]
fn without_git_the_verdict_is_whole_and_what_is_staged_is_said_to_be_untold() {
    let world = World::new();
    world.sh("rm -rf .git; git init -q --object-format=sha256 --ref-format=reftable .; git add -A; git commit -qm base");
    let file = world.outside().join("snapshot").display().to_string();
    let without_git = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-scope"));
        command.args(arguments).current_dir(world.repo()).env("PATH", world.outside()).output().unwrap()
    };
    let output = without_git(&["snapshot", "--scope", "src/", "-o", &file]);
    let (code, _, error) = told(&output);
    assert_eq!(code, 0, "{error}");
    assert_eq!(error, "note: what is staged could not be told: git is not installed\n");
    world.sh("echo x >> src/a.txt");
    let output = without_git(&["compare", &file]);
    let (code, out, _) = told(&output);
    assert!(code == 0 && out.starts_with("clean\nin scope src/a.txt\n"), "{out}");
    world.sh("echo x >> lib/x.txt; git branch new");
    let output = without_git(&["compare", &file]);
    let (code, out, _) = told(&output);
    assert!(
        code == 6 && out.contains("violation lib/x.txt: ") && out.contains("violation refs/heads/new: "),
        "{out}"
    );
}

#[test]
fn the_readme_tells_what_happens() {
    let readme = include_str!("../../../README.md");
    let example = readme.split("```console\n").find(|block| block.starts_with("$ clodex-scope")).unwrap();
    let example = example.split("```").next().unwrap();
    let (commands, wanted): (Vec<&str>, Vec<&str>) = example.lines().partition(|line| line.starts_with("$ "));
    let script = commands.iter().map(|line| &line[2..]).collect::<Vec<_>>().join("\n");
    let world = World::new();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_clodex-scope")).parent().unwrap();
    let out = world.sh(&format!("PATH={}:$PATH; set +e\n{script}\ntest $? = 6", programs.display()));
    assert_eq!(out.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn what_would_take_something_out_is_no_scope() {
    let world = World::new();
    for (entry, why) in [("!src/gen", "takes something out, which a list cannot"), ("~/x", "is shell syntax")]
    {
        let output = scope(&world, &["explain", "--scope", entry, "src/a.txt"]);
        let (code, _, error) = told(&output);
        assert!(code == 2 && error.starts_with(&format!("`{entry}` {why}")), "{error}");
        assert!(error.contains("\nhint: "), "{error}");
    }
}

#[test]
fn a_hint_in_a_note_stands_on_its_own_line() {
    let world = World::new();
    let (file, _) = snapshot(&world);
    let script = format!(
        "mv ../repo ../away; cd ..; {} compare {file} || true; mv away repo",
        env!("CARGO_BIN_EXE_clodex-scope")
    );
    let told = world.sh(&script);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[0] == "unknown" && lines[1].starts_with("note: ") && lines[2].starts_with("  hint: "),
        "{told}"
    );
}
