//! The two streams: results on standard output, messages on standard error.

use std::io::{self, ErrorKind, Write};

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

/// What the machine says, without any path that its text may quote.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "not found".to_owned(),
        ErrorKind::AlreadyExists => "is there already and is not overwritten".to_owned(),
        kind => kind.to_string(),
    }
}
