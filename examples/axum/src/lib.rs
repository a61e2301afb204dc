//! Nothing: the program is the file beside this folder.
#![forbid(unsafe_code)]
