//! One integration crate; a module per area.
