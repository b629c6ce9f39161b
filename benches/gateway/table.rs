//! The printed table: what was measured, both figures, their ratio, the goal.

/// Rows collected so far.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    /// Adds a row: what, ours, theirs, ratio, goal.
    pub fn row(&mut self, what: &str, ours: String, theirs: String, ratio: String, goal: &str) {
        eprintln!("{what}: {ours} against {theirs}: {ratio} (goal {goal})");
        self.rows.push([what.to_owned(), ours, theirs, ratio, goal.to_owned()]);
    }

    /// Prints all rows as a Markdown table.
    pub fn print(&self) {
        println!("| measured | veilgate | compared with | ratio | goal |");
        println!("|---|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// The middle one of an odd number of figures.
pub fn median(figures: Vec<f64>) -> f64 {
    quantile(figures, 0.5)
}

/// The figure that this share of all does not exceed.
pub fn quantile(mut figures: Vec<f64>, share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = (figures.len() as f64 * share) as usize;
    figures.get(at.min(figures.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
