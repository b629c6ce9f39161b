//! Rendered resources, thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4) and the URI service (PS3.18 9).

use super::{Pushed, get, lenient, parts, put};
use crate::stow::ct;
use crate::support::http::{Request, Response};
use crate::support::server::Server;
use crate::support::{files, rig, samples};

/// Width, height and samples of a picture: JPEG, PNG, or GIF, of which grey levels are told as one sample.
fn picture(answer: &Response) -> (u32, u32, Vec<u8>) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    match answer.header("content-type").unwrap() {
        "image/jpeg" => {
            let mut decoder = jpeg_decoder::Decoder::new(&answer.body[..]);
            let pixels = decoder.decode().unwrap();
            let info = decoder.info().unwrap();
            (info.width.into(), info.height.into(), pixels)
        }
        "image/png" => {
            let mut reader = png::Decoder::new(std::io::Cursor::new(&answer.body)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            (info.width, info.height, pixels)
        }
        "image/gif" => {
            let mut options = gif::DecodeOptions::new();
            options.set_color_output(gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(&answer.body[..]).unwrap();
            let frame = decoder.read_next_frame().unwrap().unwrap();
            let pixels = frame.buffer.chunks_exact(4);
            let grey = pixels.clone().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
            let taken = if grey { 1 } else { 3 };
            let samples = pixels.flat_map(|pixel| pixel[..taken].to_vec()).collect();
            (frame.width.into(), frame.height.into(), samples)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn rend_01_02_09_wado_14_every_level_is_rendered_as_jpeg_png_or_gif() {
    let server = lenient();
    let one = put(&server, &files::fixture("MR_small.dcm"));
    for target in [format!("{}/rendered", one.path), format!("{}/frames/1/rendered", one.path)] {
        for accept in ["image/jpeg", "image/png", "image/gif", "*/*", "image/*"] {
            let (width, height, _) = picture(&get(&server, &target, accept));
            assert_eq!((width, height), (64, 64), "{target} {accept}");
        }
        assert_eq!(get(&server, &target, "text/html").status, 406);
        assert_eq!(
            get(&server, &target, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50").status,
            406,
            "acc_14"
        );
    }
    for target in [one.series(), one.study()] {
        let target = format!("{target}/rendered");
        assert_eq!(get(&server, &target, "image/jpeg").status, 406, "rend_09");
        let answer = get(&server, &target, "multipart/related; type=\"image/jpeg\"");
        assert_eq!(parts(&answer)[0].header("content-type"), Some("image/jpeg"));
    }
    for (beyond, accept) in [
        ("frames/2/rendered", "image/jpeg"),
        ("frames/2/thumbnail", "image/jpeg"),
        ("frames/999", "*/*"),
        ("frames/1,999", "*/*"),
    ] {
        let answer = get(&server, &format!("{}/{beyond}", one.path), accept);
        let told = (answer.status, answer.json()["title"].clone());
        assert_eq!(told, (404, "there is no such frame".into()), "{beyond}");
    }
    let other = get(&server, &format!("{}/rendered", one.path), "image/jp2");
    assert!(
        other.status == 406 && other.text().contains("available: image/jpeg, image/png, image/gif"),
        "{}",
        other.text()
    );
    let rendered = |accept| get(&server, &format!("{}/rendered", one.path), accept);
    assert_eq!(picture(&rendered("image/gif")), picture(&rendered("image/png")), "grey levels are exact");
    let gif = get(&server, &format!("{}/rendered?accept=image/gif", one.path), "image/*");
    assert_eq!(gif.header("content-type"), Some("image/gif"));
    let gifs = get(&server, &format!("{}/rendered", one.series()), "multipart/related; type=\"image/gif\"");
    assert!(parts(&gifs)[0].body.starts_with(b"GIF89a"));
    let colours = put(&server, &files::fixture("SC_rgb_small_odd.dcm"));
    let gif = get(&server, &format!("{}/rendered", colours.path), "image/gif");
    let png = get(&server, &format!("{}/rendered", colours.path), "image/png");
    assert_eq!(picture(&gif).2.len(), picture(&png).2.len());
}

#[test]
fn rend_03_pictures_look_as_an_independent_renderer_makes_them() {
    // Where DCMTK is not installed, the rigs' own script says so.
    if rig::tool("dcmj2pnm").is_none() {
        return;
    }
    let server = lenient();
    for name in [
        "MR_small.dcm",
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "examples_palette.dcm",
        "examples_ybr_color.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "rtdose.dcm",
        "liver_1frame.dcm",
    ] {
        let one = put(&server, &files::fixture(name));
        let ours = picture(&get(&server, &format!("{}/rendered", one.path), "image/png"));
        // DCMTK has one tool for JPEG-LS and one for all else.
        let theirs = dcmtk(&one, if name.contains("jpeg_ls") { "dcml2pnm" } else { "dcmj2pnm" });
        assert_eq!((ours.0, ours.1), (theirs.0, theirs.1), "{name}");
        assert_eq!(ours.2.len(), theirs.2.len(), "{name}: grey or colour");
        let difference: u64 =
            ours.2.iter().zip(&theirs.2).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        let mean = difference as f64 / ours.2.len() as f64;
        assert!(mean < 2.5, "{name}: {mean} levels apart in the mean");
    }
}

/// The picture as DCMTK makes it: the first window, else all values from the least to the greatest.
fn dcmtk(one: &Pushed, tool: &str) -> (u32, u32, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("i.dcm"), folder.path().join("o.pnm"));
    std::fs::write(&file, &one.file).unwrap();
    let windowed = one.has_window();
    let mut command = rig::tool(tool).unwrap();
    command.args(["--write-raw-pnm", if windowed { "+Wi" } else { "+Wm" }]);
    command.args(windowed.then_some("1")).args([&file, &out]);
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = std::fs::read(out).unwrap();
    let head: Vec<String> = bytes
        .split(|byte| byte.is_ascii_whitespace())
        .take(4)
        .map(|it| String::from_utf8_lossy(it).into())
        .collect();
    let at = head.iter().map(|word| word.len() + 1).sum::<usize>();
    (head[1].parse().unwrap(), head[2].parse().unwrap(), bytes[at..].to_vec())
}

#[test]
fn rend_04_05_06_07_08_parameters_are_obeyed_or_refused() {
    let server = lenient();
    let one = put(&server, &files::fixture("CT_small.dcm"));
    let ask = |query: &str| get(&server, &format!("{}/rendered?{query}", one.path), "image/png");
    assert_eq!(picture(&ask("viewport=64,32")).0, 32, "proportions are kept");
    let dark = picture(&ask("window=4000,10,linear")).2;
    assert!(dark.iter().all(|level| *level == 0));
    let bright = picture(&ask("window=-4000,10,linear-exact")).2;
    assert!(bright.iter().all(|level| *level == 255));
    for bad in [
        "quality=0",
        "quality=101",
        "quality=x",
        "viewport=1",
        "viewport=0,1",
        "window=40,400",
        "window=40,400,cubic",
        "annotation=",
        "annotation=a,,b",
        "iccprofile=other",
    ] {
        assert_eq!(ask(bad).status, 400, "{bad}");
    }
    let ignored = ask("annotation=patient,technique");
    assert!(ignored.status == 200 && ignored.header("warning").unwrap().starts_with("299 "));
    assert!(ignored.header("warning").unwrap().ends_with("ignored: annotation\""), "only what was sent");
    for profile in ["no", "yes", "srgb", "adobergb", "rommrgb"] {
        assert_eq!(ask(&format!("iccprofile={profile}")).header("warning"), None);
    }
    let gif = |query: &str| get(&server, &format!("{}/rendered?{query}", one.path), "image/gif").status;
    assert_eq!((gif("iccprofile=yes"), gif("iccprofile=no"), gif("")), (400, 200, 200));
    let size = |quality: u8| {
        let target = format!("{}/rendered?quality={quality}", one.path);
        get(&server, &target, "image/jpeg").body.len()
    };
    assert!(size(10) < size(95));
}

/// The profile in a PNG file.
fn profile(answer: &Response) -> Option<Vec<u8>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let reader = png::Decoder::new(std::io::Cursor::new(&answer.body)).read_info().unwrap();
    reader.info().icc_profile.as_deref().map(<[u8]>::to_vec)
}

#[test]
fn rend_08_pictures_have_the_colour_profile_that_is_asked_for() {
    let server = lenient();
    for name in ["SC_rgb_small_odd.dcm", "examples_palette.dcm", "CT_small.dcm"] {
        let one = put(&server, &files::fixture(name));
        let ask = |query: &str, accept| get(&server, &format!("{}/rendered{query}", one.path), accept);
        let plain = ask("", "image/png");
        assert_eq!((profile(&plain), profile(&ask("?iccprofile=no", "image/png"))), (None, None));
        let mut seen = Vec::new();
        for wanted in ["srgb", "adobergb", "rommrgb"] {
            let answer = ask(&format!("?iccprofile={wanted}"), "image/png");
            let found = (profile(&answer).unwrap(), picture(&answer).2);
            assert_eq!(found.0.get(36..40), Some(&b"acsp"[..]));
            assert!(!seen.contains(&found.0), "{name} {wanted}");
            seen.push(found.0);
            let jpeg = ask(&format!("?iccprofile={wanted}"), "image/jpeg");
            assert!(jpeg.body.windows(11).any(|bytes| bytes == b"ICC_PROFILE"), "{name} {wanted}");
        }
        assert_eq!(profile(&ask("?iccprofile=yes", "image/png")).as_ref(), seen.first(), "none of its own");
        let srgb = picture(&ask("?iccprofile=srgb", "image/png")).2;
        let grey = picture(&plain).2.len() < srgb.len();
        let plain = picture(&plain).2.into_iter().flat_map(|it| vec![it; if grey { 3 } else { 1 }]);
        assert!(plain.eq(srgb), "{name}: colours without a profile are sRGB");
    }
}

#[test]
fn rend_11_12_thumbnails_are_one_picture_at_all_levels() {
    let server = Server::start();
    let pushed: Vec<Pushed> = (1..=3).map(|number| put(&server, &ct(number))).collect();
    let one = &pushed[0];
    for target in [one.study(), one.series(), &one.path, &format!("{}/frames/1", one.path)] {
        let answer = get(&server, &format!("{target}/thumbnail?viewport=256%2C256"), "image/jpeg");
        let (width, height, _) = picture(&answer);
        assert!(width <= 256 && height <= 256, "{target}");
        let gif = picture(&get(&server, &format!("{target}/thumbnail"), "image/gif"));
        assert!(gif.0 <= 256 && gif.1 <= 256, "{target}");
        assert_eq!(get(&server, &format!("{target}/thumbnail?iccprofile=srgb"), "image/gif").status, 400);
    }
    assert_eq!(
        get(&server, &format!("{}/thumbnail?viewport=9,9,1", one.path), "image/jpeg").status,
        400,
        "rend_06"
    );
    assert_eq!(get(&server, "/dicom-web/studies/1.2.3/thumbnail", "image/jpeg").status, 404);
}

#[test]
fn documents_are_rendered_as_they_are_and_what_has_no_picture_says_so() {
    let server = lenient();
    let pdf = put(&server, &samples::pdf().write());
    let answer = get(&server, &format!("{}/rendered", pdf.path), "*/*");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/pdf")));
    assert_eq!(get(&server, &format!("{}/rendered", pdf.path), "image/jpeg").status, 406);
    let report = put(&server, &samples::key_object().write());
    assert_eq!(get(&server, &format!("{}/rendered", report.path), "image/jpeg").status, 406);
}

#[test]
fn uri_01_02_03_04_06_07_the_uri_service_gives_instances_and_pictures() {
    let server = lenient();
    let one = put(&server, &files::fixture("MR_small_RLE.dcm"));
    let ask = |more: &str| get(&server, &format!("{}{more}", one.by_query()), "*/*");
    assert_eq!(picture(&ask("")).0, 64, "uri_02");
    assert_eq!(picture(&ask("&contentType=image/png&rows=32&frameNumber=1")).0, 32);
    assert_eq!(picture(&ask("&contentType=image/gif&rows=32")).0, 32);
    let dicom = ask("&contentType=application/dicom&transferSyntax=*");
    assert!(dicom.body == one.file, "c_23");
    let native = ask("&contentType=application/dicom");
    assert_eq!(native.header("content-type"), Some("application/dicom; transfer-syntax=1.2.840.10008.1.2.1"));
    for (more, status) in [
        ("&contentType=application/dicom;transfer-syntax=1.2", 400),
        ("&contentType=application/dicom&transferSyntax=1.2,1.3", 400),
        ("&contentType=application/dicom&transferSyntax=x", 400),
        ("&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.4.90", 406),
        ("&contentType=text/html", 406),
        ("&anonymize=no", 400),
        ("&anonymize=yes", 200),
        ("&windowCenter=40", 400),
        ("&windowCenter=40&windowWidth=400", 200),
        ("&frameNumber=0", 400),
        ("&frameNumber=2", 404),
    ] {
        assert_eq!(ask(more).status, status, "{more}");
    }
    let whole = one.by_query();
    for missing in ["requestType=WADO&", "studyUID=", "seriesUID=", "objectUID="] {
        assert_eq!(get(&server, &whole.replace(missing, "x="), "*/*").status, 400, "uri_01 {missing}");
    }
    let unknown = "/wado?objectUID=1.2&seriesUID=1.3&studyUID=1.4&requestType=WADO";
    assert_eq!(get(&server, unknown, "*/*").status, 404, "uri_07");
    assert_eq!(server.send_bare(Request::new("GET", unknown)).status, 401);
}
