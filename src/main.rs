//! The `veilgate` binary: hands over to the library's command line.

use std::process::ExitCode;

/// Data sets are many small values, made by one thread and dropped by another: a third of the time went into that with
/// the system's allocator, and more with the one of static builds.
#[cfg(feature = "server")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    veilgate::cli::run(std::env::args_os())
}
