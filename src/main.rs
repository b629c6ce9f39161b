//! The `veilgate` binary: hands over to the library's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    veilgate::cli::run(std::env::args_os())
}
