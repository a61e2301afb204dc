//! End to end, against programs we did not write.
//!
//! The test programs are the folders beside this one; `tidy` keeps the rules of the house.
#![forbid(unsafe_code)]
