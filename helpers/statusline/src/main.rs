//! clodex-statusline: Claude Code's JSON in, one live line out.

fn main() {
    clodex_statusline::run();
}
