//! The web page in Debian's Chromium, driven by `tests/rigs/page.mjs`: what it saw is judged here, by bytes where there
//! are any. With `PAGE_SHOTS` naming a folder, screenshots go there, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod stow;
mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use stow::{burned_in, ct};
use support::http::Request;
use support::rig;
use support::server::Server;
use support::walk::walk;

const ADMIN_KEY: &str = "admin key of the page's rig";

/// Files in the folder, of which one is refused.
const COUNT: u32 = 300;

/// Places of the folder's files, with their contents.
fn scan() -> BTreeMap<String, Vec<u8>> {
    let place = |number: u32| {
        format!("scan/{}/{number}.dcm", ["head", "neck/early", "neck/late"][number as usize % 3])
    };
    let mut files: BTreeMap<String, Vec<u8>> = (1..COUNT).map(|number| (place(number), ct(number))).collect();
    files.insert("scan/us.dcm".to_owned(), burned_in(COUNT));
    files
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (place, bytes) in files {
        let path = folder.join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("a/1.dcm", ct(1)), ("a/2.dcm", ct(2)), ("us.dcm", burned_in(3))] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What the driver saw; None where the browser is not installed and this is not CI.
fn driven(server: &Server, folder: &Path) -> Option<Value> {
    let browser = rig::browser(&["axe-core/axe.min.js"])?;
    std::fs::write(folder.join("archive.zip"), archive()).unwrap();
    std::fs::write(folder.join("notes.txt"), "no DICOM, only words ".repeat(20)).unwrap();
    std::fs::create_dir(folder.join("downloads")).unwrap();
    let plan = json!({
        "gateway": server.url, "key": server.key, "adminKey": ADMIN_KEY,
        "folder": folder.join("downloads"), "scan": folder.join("scan"), "count": COUNT,
        "archive": folder.join("archive.zip"), "foreign": folder.join("notes.txt"),
        "shots": std::env::var("PAGE_SHOTS").unwrap_or_default(),
    });
    Some(browser.run("page.mjs", plan, folder))
}

fn text<'a>(seen: &'a Value, place: &str) -> &'a str {
    seen.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("no {place} in {seen}"))
}

fn download(seen: &Value, name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(text(seen, &format!("/downloads/{name}")))).unwrap()
}

/// Names and bytes of an archive's files.
fn unpacked(bytes: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert!(files.insert(entry.name().unwrap().into_owned(), bytes).is_none(), "a name twice");
    }
    files
}

fn pseudonymized(server: &Server, file: &[u8]) -> Vec<u8> {
    let request = Request::new("POST", "/api/deidentify").header("Content-Type", "application/dicom");
    let answer = server.send(request.body(file));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

#[test]
fn people_use_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let scan = scan();
    write(folder.path(), &scan);
    let settings = [("VEILGATE_ADMIN_KEY", ADMIN_KEY), ("VEILGATE_PAGE_CHOOSE", "true")];
    let server = Server::on(&folder.path().join("data"), &[], &settings);
    let Some(seen) = driven(&server, folder.path()) else { return };

    // The policy was never broken, nothing was asked elsewhere, nobody meets a barrier.
    assert_eq!((&seen["violations"], &seen["errors"]), (&json!([]), &json!([])));
    let barriers = seen["barriers"].as_array().unwrap();
    let grave =
        |barrier: &&Value| ["serious", "critical"].contains(&barrier["impact"].as_str().unwrap_or_default());
    assert_eq!(barriers.iter().filter(grave).count(), 0, "{barriers:#?}");
    assert_eq!(seen["notes"]["storage"], json!([0, "", true]), "the key is in session storage alone");
    assert_eq!(seen["notes"]["left"], Value::Null, "and gone when somebody signs out");
    assert!(text(&seen, "/notes/wrongKey").contains("not valid"));

    // All files, over a cut network, and only the rows in sight exist.
    assert_eq!(text(&seen, "/chips/folder"), "299 done, 1 refused");
    assert!(seen["notes"]["rows"].as_u64().unwrap() < 40, "{}", seen["notes"]["rows"]);
    assert!(text(&seen, "/notes/unsent").contains("Nothing has been sent yet"));
    assert!(!text(&seen, "/notes/offline").contains("refused"), "{}", seen["notes"]["offline"]);
    let refused = text(&seen, "/notes/refused");
    assert!(
        refused.contains("us.dcm") && refused.contains("(0028,0301)") && refused.contains("burned-in"),
        "{refused}"
    );

    // Under the same names and folders, each the very bytes that the gateway gives.
    let taken = unpacked(download(&seen, "all"));
    let mut wanted: Vec<&str> = scan.keys().map(String::as_str).filter(|it| *it != "scan/us.dcm").collect();
    wanted.insert(0, "manifest.json");
    assert_eq!(taken.keys().collect::<Vec<_>>(), wanted);
    told_in_the_manifest(&taken["manifest.json"]);
    for place in ["scan/head/3.dcm", "scan/neck/early/100.dcm", "scan/neck/late/299.dcm"] {
        assert!(taken[place] == pseudonymized(&server, &scan[place]), "{place}");
    }
    assert!(taken.values().any(|file| *file == download(&seen, "one")));

    nothing_is_lost_unasked(&seen);
    everything_fits_and_says_its_name(&seen);

    // Stopped half way, and gone on.
    let cancelled = text(&seen, "/chips/cancelled");
    assert!(cancelled.contains("done") && cancelled.contains("cancelled"), "{cancelled}");
    assert_eq!(text(&seen, "/chips/again"), "299 done, 1 refused");

    // In German, in a narrow window that needs no scrolling sideways.
    assert_eq!(text(&seen, "/chips/archive"), "2 fertig, 1 abgelehnt, 1 nicht gesendet");
    assert!(seen["notes"]["wide"].as_u64().unwrap() <= 360);

    let patient = text(&seen, "/notes/patient");
    assert!(
        patient.contains("Rigpatient^Rosa") && patient.contains("Replaced") && patient.contains("E.1-1"),
        "{patient}"
    );
    assert!(seen["notes"]["kept"].as_u64().unwrap() > 5);

    assert!(
        text(&seen, "/notes/exclude").contains("exclude each other"),
        "what the server refuses is not chosen"
    );
    assert_eq!(text(&seen, "/notes/choice"), "research + 0");
    let date = walk(&download(&seen, "chosen")).text((0x0008, 0x0020)).unwrap();
    assert!(date.len() == 8 && date != "20240229", "moved, as the chosen profile does: {date}");

    let verdicts = seen["notes"]["verdicts"].as_object().unwrap();
    assert_eq!(
        verdicts.keys().collect::<Vec<_>>(),
        ["Genuine"],
        "every entry shown is proven in the browser"
    );
    let used = seen["notes"]["used"].as_str().unwrap();
    assert!(used.contains("files, without limit"), "{used}");
    administration_tells_and_forgets(&seen);
    let behind_a_prefix = text(&seen, "/chips/prefix");
    assert!(behind_a_prefix.contains("2 done") && behind_a_prefix.contains("1 refused"), "{behind_a_prefix}");
}

fn administration_tells_and_forgets(seen: &Value) {
    assert_eq!(text(seen, "/notes/newKey"), "Free");
    assert!(text(seen, "/notes/quota").contains("300 are waiting"), "{}", seen["notes"]["quota"]);
    assert_eq!(
        seen["notes"]["rights"],
        json!([["reidentify"], true]),
        "set when the key is made, with an end"
    );
    let plan = (text(seen, "/notes/plan/0"), text(seen, "/notes/plan/1"));
    assert_eq!(plan, ("confirm: ¿Pasar clinic-b al plan Pro?", "free"), "no is no");
    let profile = ["/notes/profile/0", "/notes/profile/1", "/notes/profile/2"].map(|place| text(seen, place));
    assert!(
        profile[0].contains("«trial-9»") && profile[1] == "research" && profile[2].starts_with("research")
    );
    let own =
        ["/notes/ownProfile/0", "/notes/ownProfile/1", "/notes/ownProfile/2"].map(|place| text(seen, place));
    assert!(
        own[0].contains("burned_in") && own[1] == "research" && own[2].contains("burned_in = \"pass\""),
        "{own:?}"
    );
    // Shown to whoever signed in; not after signing out, not while a wrong key is tried, not after; the form is there.
    assert_eq!(seen["notes"]["adminShown"], json!([true, false, false, 1, false, 1]));
    assert_eq!(seen["notes"]["secretAgain"], 0, "a new key is shown once");
}

/// The archive that the page makes tells what became of each file, as the gateway's own does.
fn told_in_the_manifest(bytes: &[u8]) {
    let manifest: Value = serde_json::from_slice(bytes).unwrap();
    assert_eq!((&manifest["processed"], &manifest["rejected_burned_in"]), (&json!(299), &json!(1)));
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), COUNT as usize);
    let refused = files.iter().find(|file| file["outcome"] == "refused").unwrap();
    let told = ["name", "code", "tag", "keyword"].map(|member| refused[member].as_str().unwrap());
    assert_eq!(told, ["scan/us.dcm", "pixels", "(0028,0301)", "BurnedInAnnotation"]);
}

/// A key that is revoked meanwhile ends the sending and nothing else; whatever would lose results asks first.
fn nothing_is_lost_unasked(seen: &Value) {
    assert!(text(seen, "/notes/revoked").contains("no longer valid"));
    assert!(text(seen, "/chips/revoked").ends_with("done"), "{}", seen["chips"]["revoked"]);
    let account = text(seen, "/notes/revokedAccount");
    assert!(!account.contains("no entries") && account.contains("Sign in again"), "{account}");
    assert_eq!(text(seen, "/chips/kept"), "299 done, 1 refused", "another key went on with the same list");
    assert!(text(seen, "/asked/reload").starts_with("beforeunload"));
    for place in ["/asked/clear", "/asked/signOut"] {
        assert!(text(seen, place).starts_with("confirm: 299 results have not been downloaded"), "{place}");
    }
    assert!(text(seen, "/asked/running").starts_with("confirm:"));
    assert_eq!((text(seen, "/asked/saved"), &seen["notes"]["part"]), ("", &json!(1)));
    // Made under another profile than is chosen now: told so, and made anew when it is dropped again.
    assert_eq!(seen["notes"]["under"], json!(["research + 0", "research + 0", "research + 0"]));
    assert!(text(seen, "/notes/shownUnder").contains("Profile: research"));
    assert_eq!(text(seen, "/notes/already"), "3 files were on the list already.");
    assert_eq!(seen["notes"]["underAgain"], json!([]));
}

/// No view in any language is wider than its window, and what is shown is for people.
fn everything_fits_and_says_its_name(seen: &Value) {
    assert_eq!(seen["wide"], json!([]));
    let told = text(seen, "/notes/told");
    assert!(told.contains("Whoever runs this server") && told.contains("burned_in = \"pass\""), "{told}");
    let why = text(seen, "/notes/why");
    assert!(why.contains("Das entscheidet die Tabelle des Standards.") && !why.contains(".tsv"), "{why}");
    assert_eq!(text(seen, "/notes/tab"), "tab-image", "arrow keys go from tab to tab");
    let identity = text(seen, "/notes/identity");
    assert!(identity.contains("default") && identity.contains("first"), "{identity}");
    let keys = text(seen, "/notes/keys");
    assert!(keys.contains("May lead pseudonyms back") && keys.contains("Revoked"), "{keys}");
    assert!(!keys.contains("false"), "{keys}");
}

/// Words of an enum of `source` as serde writes them: `SealSegment` is `seal-segment`.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap().split("\n}").next().unwrap();
    let lines = body.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(','));
    let lines = lines.filter(|line| line.starts_with(char::is_uppercase));
    let kebab = |word: &str| {
        let dashed = word.chars().map(|letter| match letter.is_uppercase() {
            true => format!("-{}", letter.to_lowercase()),
            false => letter.to_string(),
        });
        dashed.collect::<String>().trim_start_matches('-').to_owned()
    };
    lines.map(kebab).collect()
}

/// What stands in quotes in the function of `source` that begins so.
fn quoted(source: &str, begin: &str) -> Vec<String> {
    let body = source.split(begin).nth(1).unwrap().split("\n    }\n").next().unwrap();
    let words = body.split('"').skip(1).step_by(2).map(str::to_owned);
    words.filter(|word| !word.is_empty() && !word.contains(' ')).collect()
}

/// Whatever word the server says of an act, an outcome, a refusal or a reason, the page has a sentence for it.
#[test]
fn the_page_has_words_for_whatever_the_server_says() {
    let read =
        |path: &str| std::fs::read_to_string(format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let audit = read("audit/action.rs");
    let code = "pub fn code(";
    let said = [
        ("kind", variants(&audit, "Kind")),
        ("action", variants(&audit, "Action")),
        ("outcome", variants(&audit, "Outcome")),
        ("refused", quoted(&read("deid/refusal.rs"), code)),
        ("why", quoted(&read("deid/action.rs"), code)),
        ("why", ["sequence", "creator", "written", "dummy"].map(str::to_owned).to_vec()),
    ];
    let words = read("page/files/words.js");
    for (group, names) in said {
        assert!(names.len() >= 4, "{group}: {names:?}");
        for name in names {
            assert!(words.contains(&format!("  '{group}.{name}': ")), "no words for {group}.{name}");
        }
    }
}

/// Every language has every text, and no other.
#[test]
fn every_language_has_every_text() {
    let source =
        std::fs::read_to_string(format!("{}/src/page/files/words.js", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut blocks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut language = "";
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("const ").and_then(|rest| rest.strip_suffix(" = {")) {
            language = name;
        }
        let key = line
            .strip_prefix("  ")
            .and_then(|line| line.split_once(": "))
            .map(|(key, _)| key.trim_matches('\''));
        blocks.entry(language).or_default().extend(key);
    }
    blocks.remove("");
    assert_eq!(blocks.keys().copied().collect::<Vec<_>>(), ["de", "en", "es"]);
    assert!(blocks["en"].len() > 200);
    for (language, keys) in &blocks {
        assert_eq!(keys, &blocks["en"], "{language}");
    }
}
