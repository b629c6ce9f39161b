//! The two streams: results on standard output, messages on standard error.

use std::io::{self, Write};

/// Writes a result to standard output.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes one message to standard error. That it cannot be written changes nothing.
pub fn say(message: &str) {
    let _ = writeln!(io::stderr().lock(), "veilgate: {message}");
}
