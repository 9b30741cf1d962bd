//! The program that these tests belong to, built, for those that run it.

use std::path::PathBuf;

/// Its file, beside the folder that holds the test programs.
pub fn exe() -> PathBuf {
    let exe = std::env::current_exe().unwrap().parent().unwrap().with_file_name("ticketctl");
    assert!(exe.exists(), "{} is missing, run `cargo build` first", exe.display());
    exe
}
