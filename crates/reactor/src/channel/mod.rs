//! Channels between the tasks of one core.
