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
  nothing lies there
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
  nothing lies there
  git ignores it by line 2 of .gitignore
.env: violation
  no scope entry allows it (`src/`)
  it is a file
  git ignores it by line 1 of .gitignore
{}: violation
  it lies outside the repository
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
        (&["explain", "--scope", ".git/", "a"], "`.git/` lies in `.git`, which is never in scope\nhint: "),
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
