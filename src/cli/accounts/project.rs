//! `veilgate project`.

use super::{Desk, at_desk, erase, list, pseudonyms, show, value, wrong};
use crate::cli::args::{AccountArgs, OwnArgs, ProjectCommand};
use crate::cli::{Exit, Failure, profile, stdio};
use crate::db::Fault;
use crate::db::account::{Login, Places, Project, ProjectWish, Route, Source};
use crate::db::erase::Whom;
use crate::dicomweb::links::Links;
use crate::secret::Secret;
use std::path::Path;

/// Stands for what the server's settings say.
const SERVER: &str = "server";

/// Runs one of the commands below `veilgate project`.
///
/// # Errors
/// There is no such project or customer, the arguments are wrong, or the database fails.
pub fn run(command: &ProjectCommand) -> Result<Exit, Failure> {
    match command {
        ProjectCommand::Add { customer, name, own, common } => {
            let wish = wish(own)?;
            changed(common, &format!("{customer}, {name}"), wish, async |desk, wish| {
                desk.db.add_project(&desk.hand, &desk.master, customer, name, wish).await
            })
        }
        ProjectCommand::List { customer, common } => {
            let all = at_desk(&common.store, async |desk| {
                let found = desk.db.projects(customer.as_deref()).await;
                found.map_err(|fault| wrong(customer.as_deref().unwrap_or_default(), fault))
            })?;
            list(
                common,
                "projects",
                &all,
                &["name", "profile", "destination", "origin", "changed", "id", "customer"],
            )
        }
        ProjectCommand::Show { project, common } => {
            let found = at_desk(&common.store, async |desk| {
                desk.db.project(project).await.map_err(|fault| wrong(project, fault))
            })?;
            show(common, &value(&found))
        }
        ProjectCommand::DestroyKey { project, confirm, common } => destroyed(project, confirm, common),
        ProjectCommand::Erase { project, patient, study, confirm, common } => {
            let whom = match (patient, study) {
                (Some(patient), _) => Whom::Patient(patient),
                (None, study) => Whom::Study(study.as_deref().unwrap_or_default()),
            };
            erase::run(project, whom, confirm, common)
        }
        ProjectCommand::Pseudonyms(command) => pseudonyms::run(command),
        ProjectCommand::Set { project, own, common } => {
            let wish = wish(own)?;
            let parts = [
                wish.profile.is_some(),
                wish.destination.is_some(),
                wish.origin.is_some(),
                wish.downstream_url.is_some(),
                wish.downstream_login.is_some(),
            ];
            if parts == [false; 5] {
                return Err(Failure::Usage("nothing to change; see --help".to_owned()));
            }
            changed(common, project, wish, async |desk, wish| {
                desk.db.change_project(&desk.hand, &desk.master, project, wish).await
            })
        }
    }
}

/// The key goes if its project was named twice: nothing brings it back.
fn destroyed(project: &str, confirm: &str, common: &AccountArgs) -> Result<Exit, Failure> {
    if confirm != project {
        return Err(Failure::Usage(
            "--confirm must repeat the project as it is named; nothing was destroyed".to_owned(),
        ));
    }
    let left = at_desk(&common.store, async |desk| {
        let destroyed = desk.db.destroy_key(&desk.hand, &desk.master, project).await;
        destroyed.map_err(|fault| wrong(project, fault))?;
        desk.db.project(project).await.map_err(|fault| wrong(project, fault))
    })?;
    show(common, &value(&left))
}

fn changed(
    common: &AccountArgs,
    called: &str,
    mut wish: ProjectWish,
    change: impl AsyncFnOnce(&Desk, &ProjectWish) -> Result<Project, Fault>,
) -> Result<Exit, Failure> {
    let project = at_desk(&common.store, async |desk| {
        wish.server = desk.config.places();
        change(desk, &wish).await.map_err(|fault| wrong(called, fault))
    })?;
    show(common, &value(&project))
}

fn wish(own: &OwnArgs) -> Result<ProjectWish, Failure> {
    Ok(ProjectWish {
        profile: with(own.profile.as_deref(), profile::own)?,
        destination: with(own.destination.as_deref(), |word| {
            let wrong =
                || Failure::Usage("--destination: give archive, forward, restore or server".to_owned());
            Route::parse(word).ok_or_else(wrong)
        })?,
        origin: with(own.origin.as_deref(), |word| {
            let wrong = || Failure::Usage("--origin: give archive, downstream, veil or server".to_owned());
            Source::parse(word).ok_or_else(wrong)
        })?,
        downstream_url: with(own.downstream_url.as_deref(), |url| {
            let links = Links::new(url).map_err(|bad| Failure::Usage(format!("--downstream-url: {bad}")))?;
            Ok(links.root().to_owned())
        })?,
        downstream_login: login(own)?.map(Some),
        server: Places::default(),
    })
}

/// Nothing to change, back to the server's, or what `parse` makes of it.
fn with<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, Failure>,
) -> Result<Option<Option<T>>, Failure> {
    match text {
        None => Ok(None),
        Some(SERVER) => Ok(Some(None)),
        Some(text) => parse(text).map(|parsed| Some(Some(parsed))),
    }
}

fn login(own: &OwnArgs) -> Result<Option<Login>, Failure> {
    match (&own.downstream_user, &own.downstream_password_file, &own.downstream_token_file) {
        (Some(user), Some(file), _) => Ok(Some(Login::Basic(user.clone(), read(file)?))),
        (_, _, Some(file)) => Ok(Some(Login::Token(read(file)?))),
        _ => Ok(None),
    }
}

fn read(file: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Usage(format!("{}: {}", file.display(), stdio::why(&error))))?;
    Ok(Secret::new(&text))
}
