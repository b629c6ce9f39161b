//! Projects: each with its own secret, from which its pseudonyms follow, and what else is its own and not the server's.

use super::destroy::secret;
use super::own::{Login, OwnProfile, Places, Route, Source};
use super::{Hand, id, may_seal, name, only, random, time};
use crate::audit::action::Action;
use crate::audit::value::Time;
use crate::db::seal::MasterKey;
use crate::db::{Db, Fault, Write, now};
use crate::deid::own_pseudonyms::OwnPseudonyms;
use crate::deid::pseudonym::ProjectKey;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A project, as operators see it. `None` is what the server's settings say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its random name.
    pub id: String,
    /// Its customer.
    pub customer: String,
    /// The name that the operator gave it, of which the customer has one.
    pub name: String,
    /// Name of a preset, or the text of a profile.
    pub profile: Option<String>,
    /// Where its instances go.
    pub destination: Option<Route>,
    /// Where pulled resources come from.
    pub origin: Option<Source>,
    /// Its own downstream server.
    pub downstream_url: Option<String>,
    /// Whether it has credentials for it.
    pub downstream_login: bool,
    /// Whether its secret was destroyed: its pseudonyms are final, and it takes no instance any more.
    pub key_destroyed: bool,
    /// When it was made.
    pub created: Time,
    /// When it was changed last.
    pub changed: Time,
}

/// What is to be changed of a project: `None` stays as it is, `Some(None)` goes back to what the server's settings say.
#[derive(Clone, Default)]
pub struct ProjectWish {
    /// What happens to the attributes.
    pub profile: Option<Option<OwnProfile>>,
    /// Where its instances go.
    pub destination: Option<Option<Route>>,
    /// Where pulled resources come from.
    pub origin: Option<Option<Source>>,
    /// Its own server to forward to. With another one, the credentials go unless new ones are given.
    pub downstream_url: Option<Option<String>>,
    /// Credentials for it.
    pub downstream_login: Option<Option<Login>>,
    /// What holds where the project says nothing.
    pub server: Places,
}

/// What a project has of its own; `None` is what the server's settings say.
#[derive(Clone)]
pub struct ProjectSettings {
    /// The secret from which pseudonyms follow.
    pub secret: ProjectKey,
    /// What happens to the attributes.
    pub profile: Option<OwnProfile>,
    /// Where instances go.
    pub destination: Option<Route>,
    /// Where pulled resources come from.
    pub origin: Option<Source>,
    /// The server to forward to.
    pub downstream_url: Option<String>,
    /// Credentials for it.
    pub downstream_login: Option<Login>,
    /// Its own pseudonyms of patients.
    pub own_pseudonyms: OwnPseudonyms,
}

const COLUMNS: &str = "SELECT id, customer_id, name, profile, destination, downstream_url, \
    CASE WHEN sealed_downstream IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END, created_ms, changed_ms, origin, \
    CASE WHEN sealed_secret = '' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM project WHERE (id = $1 OR $1 = '') AND (customer_id = $2 OR $2 = '') ORDER BY customer_id, name";

/// By id, name, or the customer's name and its own with a slash between.
const NAMED: &str = "SELECT project.id FROM project JOIN customer ON customer.id = project.customer_id \
    WHERE project.id = $1 OR project.name = $1 OR customer.name || '/' || project.name = $1 LIMIT 2";

/// What the seal of a project's credentials is bound to.
pub(super) fn login_owner(project: &str) -> String {
    format!("{project}:downstream")
}

impl Db {
    /// Makes a project of a customer (its id or name), with a new random secret.
    ///
    /// # Errors
    /// There is no such customer, the customer has a project of that name, or the database fails.
    pub async fn add_project(
        &self,
        by: &Hand,
        master: &MasterKey,
        customer: &str,
        called: &str,
        wish: &ProjectWish,
    ) -> Result<Project, Fault> {
        let customer = self.customer(customer).await?.id;
        let mut transaction = self.write().await?;
        let project = insert(&mut transaction, by, master, &customer, called).await?;
        change(&mut transaction, by, master, &project, wish).await?;
        transaction.commit().await?;
        self.project(&project).await
    }

    /// The projects of a customer, or all.
    ///
    /// # Errors
    /// There is no such customer, or the database fails.
    pub async fn projects(&self, customer: Option<&str>) -> Result<Vec<Project>, Fault> {
        let customer = match customer {
            Some(customer) => self.customer(customer).await?.id,
            None => String::new(),
        };
        let rows = sqlx::query(COLUMNS).bind("").bind(customer).fetch_all(&self.readers).await?;
        rows.iter().map(project).collect()
    }

    /// The project of this id, of a name that only one has, or of `CUSTOMER/NAME`.
    ///
    /// # Errors
    /// There is none, there are several, or the database fails.
    pub async fn project(&self, called: &str) -> Result<Project, Fault> {
        let id = only(&self.readers, NAMED, called).await?;
        project(&sqlx::query(COLUMNS).bind(id).bind("").fetch_one(&self.readers).await?)
    }

    /// Changes what a project has of its own. Its secret never changes.
    ///
    /// # Errors
    /// There is no such project, what it would be does not fit together, or the database fails.
    pub async fn change_project(
        &self,
        by: &Hand,
        master: &MasterKey,
        called: &str,
        wish: &ProjectWish,
    ) -> Result<Project, Fault> {
        let id = self.project(called).await?.id;
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, &id).await?;
        may_seal(&mut transaction, master).await?;
        change(&mut transaction, by, master, &id, wish).await?;
        transaction.commit().await?;
        self.project(&id).await
    }

    /// What a project has of its own.
    ///
    /// # Errors
    /// The database fails, or the secret does not open under `master`.
    pub async fn project_settings(
        &self,
        master: &MasterKey,
        project: &str,
    ) -> Result<ProjectSettings, Fault> {
        let row = sqlx::query(
            "SELECT sealed_secret, profile, destination, downstream_url, sealed_downstream, origin FROM project \
             WHERE id = $1",
        )
        .bind(project)
        .fetch_one(&self.readers)
        .await?;
        let damaged = || Fault::Failing("a project's settings are damaged");
        let (sealed, profile): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let (destination, login): (Option<String>, Option<String>) = (row.try_get(2)?, row.try_get(4)?);
        let profile = profile.map(|text| OwnProfile::parse(&text).map_err(|_| damaged()));
        let route = destination.map(|word| Route::parse(&word).ok_or_else(damaged));
        let origin: Option<String> = row.try_get(5)?;
        let origin = origin.map(|word| Source::parse(&word).ok_or_else(damaged));
        let login = login.map(|sealed| {
            Login::from_bytes(&master.open_bytes(&login_owner(project), &sealed)?).ok_or_else(damaged)
        });
        let secret = secret(master, project, &sealed)?;
        Ok(ProjectSettings {
            own_pseudonyms: self.own_pseudonyms(project, &secret).await?,
            secret,
            profile: profile.transpose()?,
            destination: route.transpose()?,
            origin: origin.transpose()?,
            downstream_url: row.try_get(3)?,
            downstream_login: login.transpose()?,
        })
    }

    /// The oldest project, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn first_project(&self) -> Result<Option<String>, Fault> {
        let first = sqlx::query_scalar("SELECT id FROM project ORDER BY created_ms, id LIMIT 1");
        Ok(first.fetch_optional(&self.readers).await?)
    }
}

/// Enters a project without anything of its own, and tells of it in its chain; its id.
pub(super) async fn insert(
    transaction: &mut Write,
    by: &Hand,
    master: &MasterKey,
    customer: &str,
    called: &str,
) -> Result<String, Fault> {
    let (project, called, made) = (id()?, name(called)?, now());
    by.lock(transaction, &project).await?;
    may_seal(transaction, master).await?;
    sqlx::query(
        "INSERT INTO project (id, customer_id, name, sealed_secret, created_ms, changed_ms) VALUES ($1, $2, $3, $4, $5, $5)",
    )
    .bind(&project)
    .bind(customer.to_owned())
    .bind(called.as_str())
    .bind(master.seal(&project, &random::<32>()?)?)
    .bind(made)
    .execute(&mut **transaction)
    .await?;
    by.record(transaction, &project, Action::MakeProject, &project, None).await?;
    Ok(project)
}

/// What stands in a project's row of its own.
struct Own {
    profile: Option<String>,
    destination: Option<String>,
    origin: Option<String>,
    url: Option<String>,
    login: Option<String>,
}

impl Own {
    async fn read(transaction: &mut Write, project: &str) -> Result<Self, Fault> {
        let row = sqlx::query(
            "SELECT profile, destination, downstream_url, sealed_downstream, origin FROM project WHERE id = $1",
        )
        .bind(project.to_owned())
        .fetch_one(&mut **transaction)
        .await?;
        Ok(Self {
            profile: row.try_get(0)?,
            destination: row.try_get(1)?,
            url: row.try_get(2)?,
            login: row.try_get(3)?,
            origin: row.try_get(4)?,
        })
    }

    /// As wished; true if anything but the profile changes.
    fn follow(&mut self, master: &MasterKey, project: &str, wish: &ProjectWish) -> Result<bool, Fault> {
        if let Some(profile) = &wish.profile {
            self.profile = profile.as_ref().map(|profile| profile.text.clone());
        }
        if let Some(route) = wish.destination {
            self.destination = route.map(|route| route.word().to_owned());
        }
        if let Some(origin) = wish.origin {
            self.origin = origin.map(|origin| origin.word().to_owned());
        }
        if let Some(url) = &wish.downstream_url {
            if *url != self.url {
                self.login = None;
            }
            self.url.clone_from(url);
        }
        if let Some(login) = &wish.downstream_login {
            let seal = |login: &Login| master.seal(&login_owner(project), &login.to_bytes());
            self.login = login.as_ref().map(seal).transpose()?;
        }
        let forwards = self.destination.as_deref() == Some(Route::Forward.word());
        let pulls = self.origin.as_deref().is_some_and(|word| word != Source::Archive.word());
        if (forwards || pulls) && self.url.is_none() && !wish.server.downstream {
            return Err(Fault::NoDownstream);
        }
        let route = self.destination.as_deref().map_or(Some(wish.server.route), Route::parse);
        let source = self.origin.as_deref().map_or(Some(wish.server.source), Source::parse);
        if route == Some(Route::Forward) && source == Some(Source::Veil) {
            return Err(Fault::BehindVeil);
        }
        if route == Some(Route::Restore) && source != Some(Source::Veil) {
            return Err(Fault::NoVeil);
        }
        let places = wish.destination.is_some() || wish.origin.is_some();
        Ok(places || wish.downstream_url.is_some() || wish.downstream_login.is_some())
    }
}

/// Lets whoever made something of a project's settings make it anew: later than before, even within one millisecond.
pub(in crate::db) async fn touch(transaction: &mut Write, project: &str) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE project SET changed_ms = CASE WHEN changed_ms >= $2 THEN changed_ms + 1 ELSE $2 END WHERE id = $1",
    )
    .bind(project.to_owned())
    .bind(now())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn change(
    transaction: &mut Write,
    by: &Hand,
    master: &MasterKey,
    project: &str,
    wish: &ProjectWish,
) -> Result<(), Fault> {
    let mut row = Own::read(transaction, project).await?;
    let other = row.follow(master, project, wish)?;
    if !other && wish.profile.is_none() {
        return Ok(());
    }
    // Later than before, even within one millisecond: caches tell states apart by it.
    sqlx::query(
        "UPDATE project SET profile = $2, destination = $3, downstream_url = $4, sealed_downstream = $5, \
         origin = $7, changed_ms = CASE WHEN changed_ms >= $6 THEN changed_ms + 1 ELSE $6 END WHERE id = $1",
    )
    .bind(project.to_owned())
    .bind(row.profile)
    .bind(row.destination)
    .bind(row.url)
    .bind(row.login)
    .bind(now())
    .bind(row.origin)
    .execute(&mut **transaction)
    .await?;
    if let Some(profile) = &wish.profile {
        let digest = profile.as_ref().map_or("server".to_owned(), |profile| profile.plan().id().to_owned());
        by.record(transaction, project, Action::ChangeProfile, &digest, None).await?;
    }
    if other {
        by.record(transaction, project, Action::ChangeProject, project, None).await?;
    }
    Ok(())
}

fn project(row: &AnyRow) -> Result<Project, Fault> {
    let destination: Option<String> = row.try_get(4)?;
    let (login, origin): (i64, Option<String>) = (row.try_get(6)?, row.try_get(9)?);
    let destroyed: i64 = row.try_get(10)?;
    Ok(Project {
        id: row.try_get(0)?,
        customer: row.try_get(1)?,
        name: row.try_get(2)?,
        profile: row.try_get(3)?,
        destination: destination.as_deref().and_then(Route::parse),
        origin: origin.as_deref().and_then(Source::parse),
        downstream_url: row.try_get(5)?,
        downstream_login: login > 0,
        key_destroyed: destroyed > 0,
        created: time(row.try_get(7)?)?,
        changed: time(row.try_get(8)?)?,
    })
}
