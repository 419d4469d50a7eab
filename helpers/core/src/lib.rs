//! Vocabulary and decisions of clodex: no I/O, clock, environment or OS.
