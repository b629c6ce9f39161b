//! A profile that a request chooses for itself instead of its project's, where the server lets it: the name of a preset in
//! `Veilgate-Profile`, further options of PS3.15 E.3 in `Veilgate-Options`. Where it must not, or where it means nothing,
//! the request is refused: nobody gets another profile than asked for without being told.

use super::context::Caller;
use crate::deid::plan::Plan;
use crate::deid::profile::Profile;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

const PROFILE: HeaderName = HeaderName::from_static("veilgate-profile");
const OPTIONS: HeaderName = HeaderName::from_static("veilgate-options");

/// Where a choice means something: what comes back at once, and what is told of it.
const ROUTES: [&str; 4] = ["/api/deidentify", "/api/profile", "/v1/preview", "/v1/preview/image"];

/// Most plans that are remembered.
const PLANS: usize = 64;

/// Whether requests may choose, and the plans of those that did.
#[derive(Default)]
pub(super) struct Choices {
    allowed: bool,
    plans: Mutex<HashMap<[u8; 32], Arc<Plan>>>,
}

impl Choices {
    pub(super) fn new(allowed: bool) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// The plan that the request chooses, if it chooses one.
    fn of(&self, request: &Request) -> Result<Option<Arc<Plan>>, Problem> {
        let headers = request.headers();
        if !headers.contains_key(PROFILE) && !headers.contains_key(OPTIONS) {
            return Ok(None);
        }
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        if !self.allowed || !ROUTES.contains(&route) {
            return Err(Problem::NoChoice);
        }
        Ok(Some(self.plan(&chosen(headers)?)))
    }

    fn plan(&self, profile: &Profile) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = profile.digest();
        if let Some(plan) = plans.get(&digest) {
            return Arc::clone(plan);
        }
        if plans.len() >= PLANS {
            plans.clear();
        }
        let plan = Arc::new(Plan::new(profile));
        plans.insert(digest, Arc::clone(&plan));
        plan
    }
}

fn chosen(headers: &HeaderMap) -> Result<Profile, Problem> {
    let name = word(headers, &PROFILE)?.unwrap_or_default();
    Profile::preset(&name)
        .ok_or_else(|| Problem::BadChoice("Veilgate-Profile names no preset".to_owned()))?;
    let options = word(headers, &OPTIONS)?.unwrap_or_default();
    let quoted: Vec<String> =
        options.split(',').map(str::trim).filter(|it| !it.is_empty()).map(|it| format!("{it:?}")).collect();
    let text = format!("base = {name:?}\nname = {name:?}\noptions = [{}]\n", quoted.join(", "));
    Profile::parse(&text).map_err(|mistakes| {
        let texts: Vec<&str> = mistakes.iter().map(|mistake| mistake.text.as_str()).collect();
        Problem::BadChoice(texts.join("; "))
    })
}

/// The one value of a header; names of presets and options, and what parts them.
fn word(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all(name).iter();
    let (first, more) = (lines.next(), lines.next());
    let Some(value) = first else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| {
        more.is_none() && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"-, ".contains(&byte))
    });
    let wrong = || Problem::BadChoice(format!("{name} must come once, with names in small letters"));
    text.map(|text| Some(text.trim().to_owned())).ok_or_else(wrong)
}

/// Lets the request's own profile decide, or refuses it.
pub(super) async fn choice(
    State(choices): State<Arc<Choices>>,
    mut request: Request,
    next: Next,
) -> Response {
    match choices.of(&request) {
        Err(problem) => return problem.into_response(),
        Ok(None) => {}
        Ok(Some(plan)) => {
            let Some(caller) = request.extensions_mut().get_mut::<Caller>() else {
                return Problem::Internal("a choice without caller").into_response();
            };
            caller.engine = caller.engine.under(plan);
        }
    }
    next.run(request).await
}
