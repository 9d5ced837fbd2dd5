//! Writes `tests/ledgers/vN/` for the present version N of the format. What is there already is kept for ever: it is refused.
#![allow(clippy::unwrap_used, reason = "a program of tests that fails should fail loudly")]

fn main() {
    match tests::kept::write(&tests::kept::place()) {
        Ok(version) => println!("{}: written; commit it, and never write it again", version.display()),
        Err(error) => {
            eprintln!("the ledgers of this version are there, or cannot be made: {error}");
            std::process::exit(1);
        }
    }
}
