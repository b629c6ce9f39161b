//! Checks of how metadata is written in DICOM JSON (PS3.18 F.2). Whether it is complete is `metadata`'s.

use super::metadata::{all, each_of, of, pixels_or_values};
use super::{bulk_path, get_parts};
use crate::conform::gallery::{self, KERNEL, Kind};
use crate::conform::reading::{File, broken};
use crate::conform::scene::{INSTANCES, Scene};
use crate::conform::{Miss, Outcome, looked_at, need};
use crate::dicomweb::data_set::{DataSet, values};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::Tag;
use serde_json::Value;

/// Metadata of the instance of many values.
fn rich(scene: &Scene) -> Result<DataSet, Miss> {
    of(scene, &scene.gallery(Kind::Values)?)
}

/// Every attribute of the first instance and of that of many values.
fn each(scene: &Scene, fits: &dyn Fn(&str, &Value) -> bool) -> Outcome {
    pixels_or_values(scene)?.iter().try_for_each(|path| each_of(scene, path, fits))
}

fn is_pn(it: &Value) -> bool {
    it.get("vr").and_then(Value::as_str) == Some("PN")
}

/// A number or text as it is written.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

pub(super) fn no_group_length(scene: &Scene) -> Outcome {
    each(scene, &|name, _| !name.ends_with("0000"))
}

pub(super) fn precision(scene: &Scene) -> Outcome {
    let data = rich(scene)?;
    let mut seen = 0;
    for (tag, sent) in [
        (Tag(0x0028, 0x0030), &["1.50", "0.25"][..]),
        (Tag(0x0028, 0x1050), &["40.123456789012"]),
        (Tag(0x0072, 0x0083), &["9007199254740993"]),
    ] {
        let values: Vec<String> = data.values(tag).iter().map(written).collect();
        seen += values.len();
        // Letters may change where no precision is lost; integers beyond what a double holds have only one form.
        let same = |(value, sent): (&String, &&str)| match sent.contains('.') {
            true => value.parse::<f64>().ok() == sent.parse::<f64>().ok(),
            false => value == sent,
        };
        let all = values.is_empty() || values.len() == sent.len() && values.iter().zip(sent).all(same);
        need(all, || format!("precision lost in {tag}"))?;
    }
    looked_at(seen, "none of the numbers is left")
}

pub(super) fn pointers(scene: &Scene) -> Outcome {
    let data = rich(scene)?;
    let found = data.values(Tag(0x0028, 0x0009));
    if found.is_empty() {
        return Err(Miss::Skipped("no attribute of VR AT is left"));
    }
    need(found == ["00181063", "0018106A"], || "other letters, or another order".to_owned())
}

pub(super) fn names(scene: &Scene) -> Outcome {
    const GROUPS: [&str; 3] = ["Alphabetic", "Ideographic", "Phonetic"];
    let filled = |(group, text): (&String, &Value)| {
        GROUPS.contains(&group.as_str()) && text.as_str().is_some_and(|text| !text.is_empty())
    };
    let name =
        |value: &Value| value.is_null() || value.as_object().is_some_and(|groups| groups.iter().all(filled));
    each(scene, &|_, it| !is_pn(it) || values(it).iter().all(name))?;
    // Where the name is left as it was sent, its groups are.
    let data = rich(scene)?;
    let groups = data.values(Tag(0x0010, 0x0010)).first().cloned().unwrap_or_default();
    let text = |group: &str| groups.get(group).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kept = text("Alphabetic").starts_with(crate::conform::sample::MARK);
    need(!kept || text("Ideographic") == gallery::IDEOGRAPHIC, || {
        "the groups of a name are mixed up".to_owned()
    })
}

pub(super) fn arrays(scene: &Scene) -> Outcome {
    each(scene, &|_, it| it.get("Value").is_none_or(Value::is_array))?;
    let data = rich(scene)?;
    let count = data.values(Tag(0x0008, 0x0008)).len();
    need(count == 4 || count == 0, || format!("{count} of 4 values of (0008,0008)"))?;
    let japanese = of(scene, &scene.gallery(Kind::Japanese)?)?;
    let texts: Vec<String> = japanese.values(KERNEL).iter().map(written).collect();
    // A backslash that is half of a character divides nothing.
    let whole = texts.is_empty() || texts == ["\u{5c71}\u{ff0b}", "B"];
    need(whole, || format!("{} values of (0018,1210), or of other characters", texts.len()))
}

pub(super) fn empty(scene: &Scene) -> Outcome {
    each(scene, &|_, it| {
        let list = it.get("Value").and_then(Value::as_array);
        list.is_none_or(|list| !list.is_empty() && !list.contains(&Value::String(String::new())))
    })?;
    let data = rich(scene)?;
    let bare = |it: &Value| it.as_object().is_some_and(|members| members.len() == 1);
    need(data.get(Tag(0x0018, 0x0050)).is_none_or(bare), || "a value of the empty (0018,0050)".to_owned())?;
    let third = data.values(Tag(0x0008, 0x0008)).get(2);
    need(third.is_none_or(Value::is_null), || "the empty value of (0008,0008) is no null".to_owned())?;
    let item = data.values(Tag(0x0018, 0x9346)).first();
    need(item.is_none_or(|it| *it == serde_json::json!({})), || "an empty item is no {}".to_owned())
}

pub(super) fn inline(scene: &Scene) -> Outcome {
    let data = of(scene, &scene.gallery(Kind::Palette)?)?;
    let red = data.get(Tag(0x0028, 0x1201)).ok_or(Miss::Skipped("no palette is left"))?;
    match red.get("InlineBinary").and_then(Value::as_str) {
        Some(text) => need(STANDARD.decode(text).ok() == Some(gallery::red()), || "another value".to_owned()),
        None if red.get("BulkDataURI").is_some() => Err(Miss::Skipped("the palette is given as bulk data")),
        None => Err(broken("a palette without value")),
    }
}

/// True for a reference of RFC 3986, as far as its letters tell.
fn is_uri(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    !text.is_empty() && text.bytes().all(letter)
}

/// The instance and BulkDataURI of whatever is given so.
pub(super) fn uris(scene: &Scene) -> Result<Vec<(String, String)>, Miss> {
    let mut paths = vec![scene.instance(0)?];
    paths.extend(
        [Kind::Palette, Kind::Values, Kind::Rle].into_iter().filter_map(|kind| scene.gallery(kind).ok()),
    );
    let mut found = Vec::new();
    for path in paths {
        let text = |(_, it): (String, Value)| it.get("BulkDataURI").map(written);
        found.extend(all(&of(scene, &path)?).into_iter().filter_map(text).map(|uri| (path.clone(), uri)));
    }
    // Other servers do not know who asks.
    found.retain(|(path, uri)| bulk_path(scene, path, uri).starts_with('/'));
    if found.is_empty() {
        Err(Miss::Skipped("metadata gives no BulkDataURI of this server"))
    } else {
        Ok(found)
    }
}

pub(super) fn bulk_uris(scene: &Scene) -> Outcome {
    let found = uris(scene)?;
    need(found.iter().all(|(_, uri)| is_uri(uri)), || "no URI".to_owned())?;
    let (path, uri) = found.first().ok_or_else(|| broken("no URI"))?;
    get_parts(scene, &bulk_path(scene, path, uri), super::OCTETS).map(drop)
}

pub(super) fn padding(scene: &Scene) -> Outcome {
    for path in pixels_or_values(scene)? {
        let part = get_parts(scene, &path, INSTANCES)?.pop().ok_or_else(|| broken("no part"))?;
        let file = File::read(&part.body)?;
        let odd = file.attributes.iter().find(|(_, value)| value.len() % 2 == 1);
        need(odd.is_none(), || "a value of odd length".to_owned())?;
    }
    Ok(())
}

pub(super) fn private(scene: &Scene) -> Outcome {
    let data = rich(scene)?;
    let private = data.0.iter().filter(|(name, _)| name.starts_with("7053")).flat_map(|(_, it)| values(it));
    let texts: Vec<String> = private.map(written).collect();
    let there = ["1.5", "2.5"].iter().filter(|text| texts.iter().any(|it| it == *text)).count();
    match there {
        0 => Err(Miss::Skipped("no private attribute is left")),
        count => need(count == 2, || format!("{count} of two blocks of one creator")),
    }
}
