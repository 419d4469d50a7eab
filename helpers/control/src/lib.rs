//! Act on runs: clodex-cancel.
