//! Tests of how frames look: small heads written here, and the grey levels that PS3.3 computes of them.
#![allow(clippy::unwrap_used)]

use super::look::Look;
use super::window::{Function, Window};
use super::{Raster, Unfit};
use crate::dicom::image::Image;
use crate::dicom::layout::Layout;
use crate::dicom::syntax::{EXPLICIT_LE, Encoding, TransferSyntax};
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};

const FRAME_VOI: Tag = Tag(0x0028, 0x9132);
const MODALITY_LUT: Tag = Tag(0x0028, 0x3000);
const VOI_LUT: Tag = Tag(0x0028, 0x3010);

/// Elements under construction.
#[derive(Default)]
struct Head(Writer);

impl Head {
    fn of(write: impl FnOnce(&mut Self)) -> Layout {
        let mut head = Self::default();
        write(&mut head);
        Layout {
            head: head.0.finish().into(),
            data_at: 0,
            encoding: Encoding::ExplicitLittle,
            transfer_syntax: TransferSyntax::of(EXPLICIT_LE).unwrap(),
            bulk: None,
        }
    }

    fn sequence(&mut self, tag: Tag, items: impl FnOnce(&mut Self)) {
        self.0.begin_sequence(tag, tag.element().is_multiple_of(2));
        items(self);
        self.0.end_sequence();
    }

    fn item(&mut self, write: impl FnOnce(&mut Self)) {
        self.0.begin_item(false);
        write(self);
        self.0.end_item();
    }

    fn words(&mut self, element: u16, words: &[u16]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.element(Tag(0x0028, element), VR::US, &bytes);
    }

    fn lut(&mut self, tag: Tag, descriptor: [u16; 3], data: &[u16]) {
        let one = |head: &mut Self, data: &[u16]| {
            head.words(0x3002, &descriptor);
            head.words(0x3006, data);
        };
        let other: Vec<u16> = data.iter().map(|_| 7).collect();
        self.sequence(tag, |head| {
            head.item(|head| one(head, data));
            head.item(|head| one(head, &other));
        });
    }

    fn window(&mut self, center: &str, width: &str) {
        self.0.text(Tag(0x0028, 0x1050), VR::DS, center);
        self.0.text(Tag(0x0028, 0x1051), VR::DS, width);
        self.0.text(Tag(0x0028, 0x1056), VR::CS, "LINEAR_EXACT");
    }

    fn rescale(&mut self, intercept: &str, slope: &str) {
        self.0.text(Tag(0x0028, 0x1052), VR::DS, intercept);
        self.0.text(Tag(0x0028, 0x1053), VR::DS, slope);
    }

    /// A functional group with one item.
    fn group(&mut self, tag: Tag, write: impl FnOnce(&mut Self)) {
        self.sequence(tag, |head| head.item(write));
    }
}

/// The grey levels of 16-bit values in frame `index` of an image with this head.
fn shown(layout: &Layout, index: u32, values: &[i32], asked: Option<Window>) -> Result<Vec<u8>, Unfit> {
    let image = Image {
        rows: 1,
        columns: values.len() as u16,
        samples: 1,
        bits_allocated: 16,
        bits_stored: 16,
        high_bit: 15,
        signed: values.iter().any(|value| *value < 0),
        ..Image::default()
    };
    let data = values.iter().flat_map(|value| (*value as u16).to_le_bytes()).collect();
    let raster = Raster { photometric: "MONOCHROME2".into(), data };
    Ok(Look::of(layout, index).unwrap().picture(&image, &raster, asked)?.data)
}

#[test]
fn rend_03_a_modality_lut_stands_in_place_of_the_rescale() {
    let layout = Head::of(|head| {
        head.rescale("1000", "3");
        head.lut(MODALITY_LUT, [4, 0, 16], &[300, 200, 100, 0]);
    });
    // From the least to the greatest of what comes out, and the other way round than what is stored.
    assert_eq!(shown(&layout, 0, &[0, 1, 2, 3], None), Ok(vec![255, 170, 85, 0]));
    let asked = Window { center: 200.0, width: 100.0, function: Function::LinearExact };
    assert_eq!(shown(&layout, 0, &[0, 1, 2, 3], Some(asked)), Ok(vec![255, 128, 0, 0]));
    let signed = Head::of(|head| head.lut(MODALITY_LUT, [3, 0xFFFF, 16], &[0, 100, 400]));
    assert_eq!(shown(&signed, 0, &[-1, 0, 1], None), Ok(vec![0, 64, 255]));
}

#[test]
fn rend_07_a_window_asked_for_goes_before_the_instance_s_own_and_that_before_its_voi_lut() {
    let table = Head::of(|head| head.lut(VOI_LUT, [4, 0, 8], &[0, 200, 255, 30]));
    assert_eq!(shown(&table, 0, &[0, 1, 2, 3, 9], None), Ok(vec![0, 200, 255, 30, 30]));
    let asked = Window { center: 2.0, width: 2.0, function: Function::LinearExact };
    assert_eq!(shown(&table, 0, &[0, 1, 2, 3, 9], Some(asked)), Ok(vec![0, 0, 128, 255, 255]));
    let both = Head::of(|head| {
        head.window("1\\7", "2\\7");
        head.lut(VOI_LUT, [4, 0, 8], &[0, 200, 255, 30]);
    });
    assert_eq!(shown(&both, 0, &[0, 1, 2, 3, 9], None), Ok(vec![0, 128, 255, 255, 255]));
    assert_eq!(shown(&both, 0, &[0, 1, 2, 3, 9], Some(asked)), Ok(vec![0, 0, 128, 255, 255]));
}

#[test]
fn rend_03_a_voi_lut_maps_what_the_rescale_gives_signed_if_it_may_be_negative() {
    let layout = Head::of(|head| {
        head.rescale("-1024", "1");
        head.lut(VOI_LUT, [3, 0xFC01, 12], &[0, 819, 4095]);
    });
    assert_eq!(shown(&layout, 0, &[0, 1, 2, 3, 2000], None), Ok(vec![0, 0, 51, 255, 255]));
    let layout = Head::of(|head| head.lut(VOI_LUT, [2, 40_000, 8], &[10, 20]));
    assert_eq!(shown(&layout, 0, &[0, 40_000, 40_001], None), Ok(vec![10, 10, 20]));
}

#[test]
fn a_malformed_modality_lut_has_no_picture_and_a_malformed_voi_lut_is_not_used() {
    let layout = Head::of(|head| head.lut(MODALITY_LUT, [4, 0, 16], &[1, 2]));
    assert_eq!(shown(&layout, 0, &[0, 1], None), Err(Unfit("the Modality LUT contradicts itself")));
    let layout = Head::of(|head| head.lut(VOI_LUT, [2, 0, 8], &[1, 999]));
    assert_eq!(shown(&layout, 0, &[0, 1, 2], None), Ok(vec![0, 128, 255]));
    let empty = Head::of(|head| head.sequence(MODALITY_LUT, |_| ()));
    assert_eq!(shown(&empty, 0, &[0, 1, 2], None), Ok(vec![0, 128, 255]));
}

#[test]
fn a_range_of_padding_does_not_widen_the_window() {
    let layout = Head::of(|head| {
        head.words(0x0120, &[0x8000]);
        head.words(0x0121, &[0xFFF6]);
    });
    assert_eq!(shown(&layout, 0, &[-32_768, -500, -10, 0, 50, 100], None), Ok(vec![0, 0, 0, 0, 128, 255]));
    let one = Head::of(|head| head.words(0x0120, &[500]));
    assert_eq!(shown(&one, 0, &[500, 0, 50, 100], None), Ok(vec![255, 0, 128, 255]));
}

/// Three frames: the first has a view and a rescale of its own, the second nothing, the third a VOI LUT.
fn enhanced(shared: bool) -> Layout {
    const TRANSFORMATION: Tag = Tag(0x0028, 0x9145);
    Head::of(|head| {
        head.window("50", "100");
        if shared {
            head.group(Tag(0x5200, 0x9229), |head| {
                head.group(FRAME_VOI, |head| head.window("10", "20"));
                head.group(TRANSFORMATION, |head| head.rescale("0", "2"));
            });
        }
        head.sequence(Tag(0x5200, 0x9230), |head| {
            head.item(|head| {
                head.group(Tag(0x0020, 0x9113), |head| head.window("9", "9"));
                head.group(FRAME_VOI, |head| head.window("20", "40"));
                head.group(TRANSFORMATION, |head| head.rescale("10", "1"));
            });
            head.item(|head| head.group(Tag(0x0020, 0x9113), |_| ()));
            head.item(|head| {
                head.group(FRAME_VOI, |head| head.lut(VOI_LUT, [2, 10, 8], &[77, 99]));
            });
        });
    })
}

#[test]
fn rend_03_each_frame_looks_as_its_own_functional_groups_say_then_the_shared_ones_then_the_top_level() {
    let values = [0, 5, 10, 50];
    let with = [0, 1, 2, 3].map(|index| shown(&enhanced(true), index, &values, None).unwrap());
    assert_eq!(with, [[64, 96, 128, 255], [0, 128, 255, 255], [77, 77, 99, 99], [0, 128, 255, 255]]);
    let without = [0, 1, 2].map(|index| shown(&enhanced(false), index, &values, None).unwrap());
    assert_eq!(without, [[64, 96, 128, 255], [0, 13, 25, 128], [77, 77, 77, 99]]);
}

#[test]
fn rend_08_profiles_of_the_image_and_of_its_optical_paths_are_found_each_once() {
    const ICC_PROFILE: Tag = Tag(0x0028, 0x2000);
    let layout = |paths: &[&[u8]]| {
        Head::of(|head| {
            head.0.element(ICC_PROFILE, VR::OB, b"one ");
            head.sequence(Tag(0x0048, 0x0105), |head| {
                for path in paths {
                    head.item(|head| head.0.element(ICC_PROFILE, VR::OB, path));
                }
            });
            head.sequence(Tag(0x0048, 0x0200), |head| {
                head.item(|head| head.0.element(ICC_PROFILE, VR::OB, b"else"));
            });
        })
    };
    let found = |paths: &[&[u8]]| Look::of(&layout(paths), 0).unwrap().profiles().to_vec();
    assert_eq!(found(&[]), [b"one "]);
    assert_eq!(found(&[b"one ", b""]), [b"one "]);
    assert_eq!(found(&[b"one ", b"two ", b"more"]), [b"one ", b"two "]);
}

#[test]
fn the_last_of_5000_frames_has_its_own_window() {
    let layout = Head::of(|head| {
        head.sequence(Tag(0x5200, 0x9230), |head| {
            for frame in 1..=5000 {
                head.item(|head| {
                    head.group(FRAME_VOI, |head| head.window(&frame.to_string(), "2"));
                });
            }
        });
    });
    assert_eq!(shown(&layout, 4999, &[4999, 5000, 5001], None), Ok(vec![0, 128, 255]));
    assert_eq!(shown(&layout, 0, &[0, 1, 2], None), Ok(vec![0, 128, 255]));
}
