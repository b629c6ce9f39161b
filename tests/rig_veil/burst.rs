//! Many requests at once, as a viewer's queue sends them while somebody scrolls.

use super::*;
use crate::stow::ct;

/// Requests of a viewer that may be under way together: what somebody looks at, thumbnails, what is fetched ahead.
const QUEUE: usize = 100;

#[test]
fn each_frame_comes_whole_while_a_viewer_asks_for_a_hundred_at_once() {
    let Some(rig) = rig("research", &[ct(1), ct(2)]) else { return };
    let places: Vec<String> = rig.json("instances").iter().map(path).collect();
    let frame = |number: usize| rig.parts(&format!("{}/frames/1", places[number % 2]), FRAMES).remove(0).body;
    let frames: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..QUEUE).map(|number| scope.spawn(move || frame(number))).collect();
        asked.into_iter().map(|frame| frame.join().unwrap()).collect()
    });
    assert!(frames.iter().all(|frame| *frame == (0..32).collect::<Vec<u8>>()));
}

#[test]
fn a_range_of_frames_is_answered_with_all_of_them() {
    let Some(rig) = rig("research", &[ct(1)]) else { return };
    let place = path(&rig.json("instances")[0]);
    let asked = Request::new("GET", &format!("/dicom-web/{place}/frames/1")).header("Accept", FRAMES);
    let answer = rig.send(asked.header("Range", "bytes=0-9"));
    assert_eq!(answer.status, 200, "a range of a multipart body would be one of its framing");
    let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
    assert_eq!(parts[0].body.len(), 32);
}
