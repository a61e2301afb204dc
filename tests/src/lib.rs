//! End to end, against programs we did not write.
#![forbid(unsafe_code)]
