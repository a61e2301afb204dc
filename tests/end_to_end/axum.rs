//! The `axum` program, driven by curl.

use std::error::Error;

use ekiden_tests::{Program, curl, example};

#[test]
fn the_axum_program_does_what_it_says_and_ends_by_ctrl_c() -> Result<(), Box<dyn Error>> {
    let mut program = Program::start(example("axum"), ["127.0.0.1:0"]);
    // The command that it tells its user to type, by its last word.
    let url = program.wait_for(|line| Some(line.rsplit_once("curl -i ")?.1.to_owned()));
    for _ in 0..2 {
        let said = curl(&["--include", &url]);
        let (head, body) = said.split_once("\r\n\r\n").ok_or("no head")?;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nx-content-type-options: nosniff\r\n"), "the layer is missing: {head}");
        assert_eq!(body, "hello, Ada\n");
    }
    let nowhere = url.replace("/greet/Ada", "/nowhere");
    assert!(curl(&["--include", &nowhere]).starts_with("HTTP/1.1 404 "));
    program.signal("INT");
    assert_eq!(program.wait_for_end().code(), Some(0), "{}", program.said());
    Ok(())
}
