//! Projects over the admin API: profile, destination, downstream server.

use super::{Admin, State, given, read};
use crate::db::account::{Hand, Login, OwnProfile, Project, ProjectWish, Route, Source};
use crate::dicomweb::links::Links;
use crate::problem::{Account, Problem};
use crate::secret::Secret;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

/// A project to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    profile: Option<String>,
    destination: Option<String>,
    origin: Option<String>,
    downstream_url: Option<String>,
    downstream_login: Option<LoginBody>,
}

/// What is to be changed of one; null goes back to what the server's settings say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "given")]
    profile: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    destination: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    origin: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    downstream_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    downstream_login: Option<Option<LoginBody>>,
}

/// User and password, or a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
}

impl Change {
    fn wish(self, admin: &Admin) -> Result<ProjectWish, Problem> {
        Ok(ProjectWish {
            profile: with(self.profile, |text| profile(&text))?,
            destination: with(self.destination, |word| {
                let wrong = || Account::member("destination", "give archive, forward or restore");
                Route::parse(&word).ok_or_else(wrong)
            })?,
            origin: with(self.origin, |word| {
                let wrong = || Account::member("origin", "give archive, downstream or veil");
                Source::parse(&word).ok_or_else(wrong)
            })?,
            downstream_url: with(self.downstream_url, |url| {
                let links = Links::new(&url).map_err(|bad| Account::member("downstream_url", bad))?;
                Ok(links.root().to_owned())
            })?,
            downstream_login: with(self.downstream_login, login)?,
            server: admin.server,
        })
    }
}

fn with<T, U>(
    member: Option<Option<T>>,
    parse: impl Fn(T) -> Result<U, Problem>,
) -> Result<Option<Option<U>>, Problem> {
    member.map(|value| value.map(parse).transpose()).transpose()
}

fn profile(text: &str) -> Result<OwnProfile, Problem> {
    OwnProfile::parse(text).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Account::member("profile", lines.join("; "))
    })
}

fn login(body: LoginBody) -> Result<Login, Problem> {
    match (body.user, body.password, body.token) {
        (Some(user), Some(password), None) => Ok(Login::Basic(user, Secret::new(&password))),
        (None, None, Some(token)) => Ok(Login::Token(Secret::new(&token))),
        _ => Err(Account::member("downstream_login", "give user and password, or token")),
    }
}

pub(super) async fn list(admin: State, Path(customer): Path<String>) -> Result<Json<Value>, Problem> {
    let projects = admin.db.projects(Some(&customer)).await.map_err(Problem::of_account)?;
    Ok(Json(json!({ "projects": projects })))
}

pub(super) async fn add(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(customer): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Project>), Problem> {
    let New { name, profile, destination, origin, downstream_url, downstream_login } = read(body).await?;
    let settings = Change {
        profile: profile.map(Some),
        destination: destination.map(Some),
        origin: origin.map(Some),
        downstream_url: downstream_url.map(Some),
        downstream_login: downstream_login.map(Some),
    };
    let wish = settings.wish(&admin)?;
    let add = async |key| admin.db.add_project(&hand, &key, &customer, &name, &wish).await;
    let made = admin.keys.with(add).await.map_err(Problem::of_account)?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn show(admin: State, Path(project): Path<String>) -> Result<Json<Project>, Problem> {
    admin.db.project(&project).await.map(Json).map_err(Problem::of_account)
}

pub(super) async fn change(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(project): Path<String>,
    body: Body,
) -> Result<Json<Project>, Problem> {
    let wish = read::<Change>(body).await?.wish(&admin)?;
    let change = async |key| admin.db.change_project(&hand, &key, &project, &wish).await;
    admin.keys.with(change).await.map(Json).map_err(Problem::of_account)
}

/// Where the project's audit chain ends, signed now.
pub(super) async fn chain(admin: State, Path(project): Path<String>) -> Result<Json<Value>, Problem> {
    let project = admin.db.project(&project).await.map_err(Problem::of_account)?.id;
    let head = admin.db.audit_end(&admin.keeper, &project).await?;
    Ok(Json(json!({ "project": project, "head": head })))
}
