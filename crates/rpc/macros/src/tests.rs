//! What is written, compared with what is expected: `tests/expansion` has a trait in each file, and beside it what becomes of
//! it. To renew the latter after a change, run with `EKIDEN_EXPECT=renew` and read the difference.

use std::fs;
use std::path::Path;

use quote::quote;

#[test]
fn the_code_is_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansion");
    let mut traits = 0;
    for entry in fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().ends_with(".expanded.txt") {
            continue;
        }
        traits += 1;
        let written = fs::read_to_string(&path).expect("a trait");
        let tokens = written.parse().expect("a trait is Rust");
        let code = syn::parse2(crate::expand(quote!(), tokens)).expect("what is written is Rust");
        let code = prettyplease::unparse(&code);
        let expected = path.with_extension("expanded.txt");
        if std::env::var_os("EKIDEN_EXPECT").is_some_and(|wish| wish == "renew") {
            fs::write(&expected, &code).expect("to write");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        assert!(code == expected, "{} has become\n{code}", path.display());
    }
    assert_eq!(traits, 3);
}
