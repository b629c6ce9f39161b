//! Checks of character sets (PS3.18 8.3.3.2, 8.7.3.5.3, 8.8). They look at a text that was stored in ISO_IR 144.

use super::{XML, get_parts};
use crate::conform::gallery::{KERNEL, Kind, STORED, WORD};
use crate::conform::reading::{holds, parts, results, status};
use crate::conform::scene::{JSON, Scene};
use crate::conform::{Miss, Outcome, need};
use crate::downstream::probe::{Ask, Reply};

/// Metadata of the Cyrillic instance with these letters behind its path, and these headers.
fn ask(scene: &Scene, query: &str, accept: &str, charset: Option<&str>) -> Result<Reply, Miss> {
    let path = format!("{}/metadata{query}", scene.gallery(Kind::Cyrillic)?);
    let mut headers = vec![("Accept", accept.to_owned())];
    headers.extend(charset.map(|name| ("Accept-Charset", name.to_owned())));
    scene.ask(Ask { path, headers, ..Ask::default() })
}

/// An answer in UTF-8, with the text if it is left.
fn unicode(reply: &Reply) -> Outcome {
    status(reply, &[200])?;
    need(str::from_utf8(&reply.body).is_ok(), || "not in UTF-8".to_owned())?;
    let data = results(reply)?.into_iter().next().unwrap_or_default();
    let text = data.text(KERNEL);
    need(text.is_empty() || text == WORD, || "other characters in (0018,1210)".to_owned())
}

pub(super) fn precedence(scene: &Scene) -> Outcome {
    let other = Some("iso-8859-5");
    unicode(&ask(scene, "", &format!("{JSON}; charset=utf-8"), other)?)?;
    unicode(&ask(scene, "?charset=utf-8", JSON, other)?)?;
    if !holds(&ask(scene, "", XML, None)?.body, WORD) {
        return Err(Miss::Skipped("no text beyond ASCII is left"));
    }
    let reply = ask(scene, "?charset=iso-8859-5", XML, Some("utf-8"))?;
    status(&reply, &[200])?;
    // The text as it was stored: ISO_IR 144 is this character set.
    let there = memchr::memmem::find(&reply.body, STORED).is_some();
    need(there, || "not in the character set that is asked for".to_owned())
}

pub(super) fn unknown(scene: &Scene) -> Outcome {
    unicode(&ask(scene, "?charset=no-such-charset", JSON, None)?)?;
    unicode(&ask(scene, "", JSON, Some("no-such-charset"))?)
}

pub(super) fn unmapped(scene: &Scene) -> Outcome {
    let plain = ask(scene, "", XML, None)?;
    if !holds(&plain.body, WORD) {
        return Err(Miss::Skipped("no text beyond ASCII is left"));
    }
    status(&ask(scene, "?charset=iso-8859-1", XML, None)?, &[406])
}

pub(super) fn default(scene: &Scene) -> Outcome {
    unicode(&ask(scene, "", JSON, None)?)?;
    for part in get_parts(scene, &format!("{}/metadata", scene.gallery(Kind::Cyrillic)?), XML)? {
        need(str::from_utf8(&part.body).is_ok(), || "a document that is not in UTF-8".to_owned())?;
    }
    Ok(())
}

/// Media types of an answer and its parts name one transfer syntax and one character set at most.
pub(super) fn one_of_each(scene: &Scene) -> Outcome {
    for (path, accept) in super::resources::all(scene)? {
        let reply = scene.get(&path, &accept)?;
        let Ok(media) = crate::conform::reading::media(&reply) else { continue };
        let inner = if media.is_related() { parts(&reply)? } else { Vec::new() };
        let inner = inner.into_iter().filter_map(|part| part.headers.content_type);
        for media in inner.chain([media]) {
            let most = ["transfer-syntax", "charset"].map(|name| media.params(name).count());
            need(most.iter().all(|count| *count < 2), || "a parameter that stands twice".to_owned())?;
        }
    }
    Ok(())
}
