//! Progress on stderr: after a second, and only where somebody looks.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that appears when the work has taken a second.
pub struct Progress {
    bar: ProgressBar,
    since: Instant,
    is_shown: bool,
}

impl Progress {
    /// A bar with a label.
    pub fn new(label: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(label.to_owned());
        Progress { bar, since: Instant::now(), is_shown: false }
    }

    /// Shows how far it is.
    pub fn at(&mut self, done: u64, of: u64) {
        if !self.is_shown && self.since.elapsed() > Duration::from_secs(1) && std::io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.is_shown = true;
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    /// Takes the bar away; gives the seconds that the work took.
    pub fn done(self) -> f64 {
        self.bar.finish_and_clear();
        self.since.elapsed().as_secs_f64()
    }
}
