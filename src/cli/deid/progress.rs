//! The progress bar on a terminal; nothing where standard error is a file or a pipe.

use super::source::Inputs;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Files after which the bar learns of more to come; each time it is drawn anew.
const STEP: usize = 512;

const TEMPLATE: &str = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";

/// How far the run is.
pub struct Progress {
    bar: Option<ProgressBar>,
    over: Arc<AtomicBool>,
}

impl Progress {
    /// Shows a bar if there is a terminal. Its end is found while the work goes on.
    pub fn start(inputs: &Inputs) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let Some(bar) = &bar {
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            let (bar, over, inputs) = (bar.clone(), Arc::clone(&over), inputs.clone());
            thread::spawn(move || measure(&inputs, &bar, &over));
        }
        Self { bar, over }
    }

    /// So many more bytes of input are read.
    pub fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Adds up what there is to read.
fn measure(inputs: &Inputs, bar: &ProgressBar, over: &AtomicBool) {
    let mut total = 0;
    let lengths = inputs.lengths().take_while(|_| !over.load(Ordering::Relaxed));
    for (count, len) in lengths.enumerate() {
        total += len;
        if count % STEP == 0 {
            bar.set_length(total);
        }
    }
    bar.set_length(total);
}
