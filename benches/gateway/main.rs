//! The gateway's figures as ratios of one run: against a bare floor program, gdcmanon and
//! Orthanc. `cargo bench` prints the table that stands in the README.
//!
//! The floor (axum + multer, one SHA-256 per part, parts sent back as multipart) is this
//! same program started with `--floor`, so that floor and gateway are whole processes.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a bench may stop

mod bare;
mod client;
mod data;
mod deid;
mod floor;
mod frame;
mod get;
mod orthanc;
mod process;
mod pull;
mod push;
mod relay;
mod settle;
mod sink;
mod table;
mod zip;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--floor") {
        return floor::run();
    }
    if arguments.iter().any(|argument| argument == "--bare") {
        return bare::run();
    }
    let wanted = |name: &str| {
        let named = arguments.iter().skip(1).filter(|argument| !argument.starts_with("--")).count();
        named == 0 || arguments.iter().any(|argument| argument == name)
    };
    let mut table = table::Table::default();
    if wanted("push") {
        push::run(&mut table);
    }
    if wanted("settle") {
        settle::run(&mut table);
    }
    if wanted("deid") {
        deid::run(&mut table);
    }
    if wanted("zip") {
        zip::run(&mut table);
    }
    if wanted("orthanc") {
        orthanc::run(&mut table);
    }
    if wanted("frame") {
        frame::run(&mut table);
    }
    if wanted("pull") {
        pull::run(&mut table);
    }
    table.print();
}
