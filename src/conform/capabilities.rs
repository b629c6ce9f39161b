//! Checks of the capabilities description (PS3.18 8.9, Annex H).

use super::reading::{broken, is, media, status};
use super::scene::Scene;
use super::{Miss, Outcome, need};
use crate::dicomweb::xml_source::{Source, Token};
use crate::downstream::probe::{Ask, Reply};

const WADL: &str = "application/vnd.sun.wadl+xml";

/// OPTIONS on the root.
fn options(scene: &Scene, accept: &str, tag: Option<String>) -> Result<Reply, Miss> {
    let mut headers = vec![("Accept", accept.to_owned())];
    headers.extend(tag.map(|tag| ("If-None-Match", tag)));
    scene.ask(Ask { method: Some("OPTIONS"), headers, ..Ask::default() })
}

/// The description in either form.
fn described_as(scene: &Scene) -> Result<Reply, Miss> {
    let reply = options(scene, &format!("application/json, {WADL}"), None)?;
    status(&reply, &[200])?;
    Ok(reply)
}

pub(super) fn described(scene: &Scene) -> Outcome {
    need(!described_as(scene)?.body.is_empty(), || "no body".to_owned())
}

pub(super) fn media_type(scene: &Scene) -> Outcome {
    let media = media(&described_as(scene)?)?;
    need(["application/json", WADL].contains(&media.essence()), || {
        format!("Content-Type {}", media.essence())
    })
}

/// The elements of a document, each with those around it, and the base of its resources.
fn elements(text: &str) -> Result<(Vec<String>, String), Miss> {
    let mut source = Source::new(text);
    let (mut open, mut found, mut root) = (Vec::new(), Vec::new(), String::new());
    loop {
        match source.next().map_err(|_| broken("no well-formed XML"))? {
            Token::Open(name, attributes) => {
                let base = attributes.into_iter().find(|(attribute, _)| attribute == "base");
                base.into_iter().filter(|_| name == "resources").for_each(|(_, value)| root = value);
                open.push(name);
                found.push(open.join("/"));
            }
            Token::Close => drop(open.pop()),
            Token::Text(_) => {}
            Token::End => return Ok((found, root)),
        }
    }
}

/// The path of a URL, without a slash at its end.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/')
}

pub(super) fn wadl(scene: &Scene) -> Outcome {
    let reply = options(scene, WADL, None)?;
    if reply.status == 406 || is(&reply, "application/json").is_ok() {
        return Err(Miss::Skipped("the server describes itself as JSON only"));
    }
    status(&reply, &[200])?;
    is(&reply, WADL)?;
    let text = std::str::from_utf8(&reply.body).map_err(|_| broken("no UTF-8"))?;
    let (found, base) = elements(text)?;
    let count = |path: &str| found.iter().filter(|it| *it == path).count();
    let counts = (count("application"), count("application/resources"));
    need(counts == (1, 1), || format!("{} applications, {} trees of resources", counts.0, counts.1))?;
    // The authority is the server's affair: it may stand behind a proxy.
    need(path(&base) == path(&scene.root), || "the base is not the root's path".to_owned())?;
    let tree = "application/resources/resource";
    let methods = found.iter().any(|it| it.starts_with(tree) && it.ends_with("/resource/method"));
    need(methods, || "no resource with a method".to_owned())
}

pub(super) fn conditional(scene: &Scene) -> Outcome {
    let first = described_as(scene)?;
    let other = options(scene, "*/*", Some("\"veilgate-knows-none\"".to_owned()))?;
    status(&other, &[200])?;
    match first.header("etag") {
        None => Ok(()),
        Some(tag) => {
            let accept = format!("application/json, {WADL}");
            status(&options(scene, &accept, Some(tag.to_owned()))?, &[200, 304])
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn elements_are_named_with_those_around_them() {
        let text = "<a:application xmlns:a='u'><a:resources base='http://h/d/'><a:resource/></a:resources></a:application>";
        let (found, base) = elements(text).ok().unwrap();
        assert_eq!(found, ["application", "application/resources", "application/resources/resource"]);
        assert_eq!((path(&base), path("https://h:8/d"), path("http://h")), ("/d", "/d", ""));
    }
}
