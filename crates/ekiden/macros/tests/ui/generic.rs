#[ekiden_macros::test]
async fn adds<T: Default>() {
    drop(T::default());
}

fn main() {}
