#[ekiden_macros::test]
struct Test;

#[ekiden_macros::test]
async unsafe fn test() {}

fn main() {}
