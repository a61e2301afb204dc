//! Results as people read them: the page with its tables and plots, made by nobody's hand.

pub(crate) mod table;
