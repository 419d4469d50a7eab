//! clodex-announce: tells a Claude Code session how its runs ended.

fn main() {
    clodex_announce::run();
}
