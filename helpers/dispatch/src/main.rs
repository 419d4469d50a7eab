//! Hand a bounded task to Codex: watched live, cancellable, judged, recorded.

fn main() -> std::process::ExitCode {
    clodex_os::signals::settle();
    clodex_dispatch::main()
}
