//! The URI service (PS3.18 9): one instance or one picture of it, asked for by query parameters alone.

use super::ask::{self, Asked, parameter};
use super::framing::Begun;
use super::{State, rendered};
use crate::dicom::uid;
use crate::dicomweb::accept::SyntaxWish;
use crate::layer::context::Caller;
use crate::problem::Problem;
use crate::raster::window::{Function, Window};
use crate::raster::wish::{self, Wish};
use axum::Extension;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

const DICOM: &str = "application/dicom";

/// GET /wado.
pub(super) async fn wado(
    service: State,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query(query.unwrap_or_default());
    if query.get("requestType")?.as_deref() != Some("WADO") {
        return Err(Problem::BadParameter("requestType"));
    }
    let mut uids = Vec::new();
    for name in ["studyUID", "seriesUID", "objectUID"] {
        uids.push(query.get(name)?.filter(|uid| uid::is_legal(uid)).ok_or(Problem::BadParameter(name))?);
    }
    // What is pulled here is pseudonymized already (PS3.18 9.4.1.2.1).
    if query.get("anonymize")?.is_some_and(|value| value != "yes") {
        return Err(Problem::BadParameter("anonymize"));
    }
    let place = ask::place(&uids)?;
    let wanted = query.get("contentType")?;
    if wanted.as_deref().is_some_and(|types| types.contains(';') || types.trim().is_empty()) {
        return Err(Problem::BadParameter("contentType"));
    }
    if wanted.as_deref() == Some(DICOM) {
        let wish = syntax(query.get("transferSyntax")?)?;
        let parts = caller.origin.instances(&place, &[wish]).await?;
        return Begun::of(&place, parts).await?.single(DICOM, &headers).await;
    }
    let (wish, frame) = picture(&query)?;
    let asked = Asked::of(&service, &accepted(&headers, wanted.as_deref()), None)?;
    let shown = rendered::one(place, frame);
    rendered::answer(&service, &caller, &shown, &asked, wish, &headers).await
}

/// One UID, or `*` as viewers send it; none means Explicit VR Little Endian (PS3.18 9.4.2.4).
fn syntax(text: Option<String>) -> Result<SyntaxWish, Problem> {
    match text.as_deref() {
        None => Ok(SyntaxWish::Default),
        Some("*") => Ok(SyntaxWish::Any),
        Some(uid) if uid::is_legal(uid) => Ok(SyntaxWish::Uid(uid.to_owned())),
        Some(_) => Err(Problem::BadParameter("transferSyntax")),
    }
}

/// The media types of contentType stand for those of Accept (PS3.18 9.1.2.2.1).
fn accepted(headers: &HeaderMap, wanted: Option<&str>) -> HeaderMap {
    let mut headers = headers.clone();
    if let Some(value) = wanted.and_then(|types| HeaderValue::from_str(types).ok()) {
        headers.insert(header::ACCEPT, value);
    }
    headers
}

/// Parameters of a picture (PS3.18 9.4.1.2).
fn picture(query: &Query) -> Result<(Wish, Option<u32>), Problem> {
    let mut wish = Wish::default();
    if let Some(text) = query.get("imageQuality")? {
        wish.quality = wish::quality(&text).ok_or(Problem::BadParameter("imageQuality"))?;
    }
    let size = |name: &'static str| -> Result<Option<String>, Problem> {
        let value = query.get(name)?;
        let legal = value.as_deref().is_none_or(|text| text.parse::<u32>().is_ok_and(|size| size > 0));
        if legal { Ok(value) } else { Err(Problem::BadParameter(name)) }
    };
    if let (columns, rows) = (size("columns")?, size("rows")?)
        && (columns.is_some() || rows.is_some())
    {
        let side = |text: Option<String>| text.unwrap_or_else(|| "16384".to_owned());
        let text = format!("{},{}", side(columns), side(rows));
        wish.viewport = Some(wish::viewport(&text).ok_or(Problem::BadParameter("columns"))?);
    }
    let number = |name: &'static str| -> Result<Option<f64>, Problem> {
        let Some(text) = query.get(name)? else { return Ok(None) };
        text.parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Some)
            .ok_or(Problem::BadParameter(name))
    };
    match (number("windowCenter")?, number("windowWidth")?) {
        (None, None) => {}
        (Some(center), Some(width)) if width > 0.0 => {
            wish.window = Some(Window { center, width, function: Function::Linear });
        }
        _ => return Err(Problem::BadParameter("windowWidth")),
    }
    let frame = match query.get("frameNumber")? {
        None => None,
        Some(text) => {
            let number = text.parse().ok().filter(|number: &u32| *number > 0);
            Some(number.ok_or(Problem::BadParameter("frameNumber"))?)
        }
    };
    Ok((wish, frame))
}

struct Query(String);

impl Query {
    /// The value of a parameter.
    fn get(&self, name: &'static str) -> Result<Option<String>, Problem> {
        match parameter(&self.0, name) {
            None => Ok(None),
            Some(value) => value.map(Some).ok_or(Problem::BadParameter(name)),
        }
    }
}
