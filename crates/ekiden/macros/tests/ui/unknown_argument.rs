#[ekiden_macros::test(flavor = "multi_thread")]
async fn adds() {
    assert_eq!(1 + 1, 2);
}

fn main() {}
