//! Helpers of the tests that push instances: instances, requests, answers taken apart, a misbehaving downstream.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

pub mod double;

use crate::support::http::{Request, Response};
use crate::support::multipart::{Part, write};
use crate::support::walk::walk;
use crate::support::{build, samples, syntax};
use serde_json::Value;

pub const JSON: &str = "application/dicom+json";
pub const RESPOND: &str = "multipart/related; type=\"application/dicom\"";
pub const SOP_INSTANCE: (u16, u16) = (0x0008, 0x0018);
pub const STUDY: (u16, u16) = (0x0020, 0x000d);

/// A CT instance of study 2.25.71.
pub fn ct(number: u32) -> Vec<u8> {
    samples::ct(syntax::EXPLICIT_LE, number).write()
}

/// A CT instance with this many bytes of pixels behind everything else.
pub fn large_ct(number: u32, pixels: usize) -> Vec<u8> {
    let mut elements = samples::identified(samples::sop::CT, "CT", number);
    elements.extend(samples::picture(1, 1, 16));
    elements.push(build::bytes((0x7fe0, 0x0010), b"OW", &vec![0x5a; pixels]));
    build::Part10::new(syntax::EXPLICIT_LE, elements).sorted().write()
}

/// A CT instance of another study.
pub fn ct_of_study(study: &str, number: u32) -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, number);
    file.elements.retain(|element| element.tag != STUDY);
    file.elements.push(build::text(STUDY, b"UI", study));
    file.sorted().write()
}

/// An instance that the pixel policy refuses.
pub fn burned_in(number: u32) -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, number);
    file.elements.retain(|element| element.tag != (0x0028, 0x0301));
    file.elements.push(build::text((0x0028, 0x0301), b"CS", "YES"));
    file.sorted().write()
}

/// POST of these instances, one a part.
pub fn push(instances: &[Vec<u8>]) -> Request {
    let parts: Vec<Part> = instances.iter().cloned().map(Part::dicom).collect();
    push_parts(&parts)
}

/// POST of these parts.
pub fn push_parts(parts: &[Part]) -> Request {
    Request::new("POST", "/dicom-web/studies")
        .header("Content-Type", "multipart/related; type=\"application/dicom\"; boundary=XX")
        .body(write(parts, "XX", "\r\n"))
}

/// Items of a sequence of a Store Instances Response.
pub fn items(answer: &Value, tag: &str) -> Vec<Value> {
    answer[tag]["Value"].as_array().cloned().unwrap_or_default()
}

/// UIDs listed as stored.
pub fn stored(answer: &Response) -> Vec<String> {
    uids(&answer.json(), "00081199")
}

/// UIDs listed as failed, with their reasons.
pub fn failed(answer: &Response) -> Vec<(String, u64)> {
    let json = answer.json();
    let reasons =
        items(&json, "00081198").into_iter().map(|item| item["00081197"]["Value"][0].as_u64().unwrap());
    uids(&json, "00081198").into_iter().zip(reasons).collect()
}

/// Reasons of failures that are tied to no instance.
pub fn others(answer: &Response) -> Vec<u64> {
    let json = answer.json();
    items(&json, "0008119A").into_iter().map(|item| item["00081197"]["Value"][0].as_u64().unwrap()).collect()
}

fn uids(answer: &Value, tag: &str) -> Vec<String> {
    items(answer, tag).iter().map(|item| item["00081155"]["Value"][0].as_str().unwrap().to_owned()).collect()
}

/// SOP Instance UID of a file.
pub fn uid(file: &[u8]) -> String {
    walk(file).text(SOP_INSTANCE).unwrap()
}
