//! Look at runs: clodex-status, -result, -wait, -debug.
