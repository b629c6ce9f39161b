//! What a project has of its own, made into an engine, a destination and an origin; what it does not say is the
//! server's.

use crate::archive::Archive;
use crate::db::account::{Login, ProjectSettings, Route, Source};
use crate::db::crosswalk::Crosswalk;
use crate::deid::engine::Engine;
use crate::deid::own_pseudonyms::PseudonymMap;
use crate::deid::plan::Plan;
use crate::destination::{Clinic, Target};
use crate::downstream::{self, Credentials, Downstream, Servers};
use crate::origin::{ArchiveOrigin, Origin, Pulled, RemoteOrigin, Veil};
use crate::problem::Problem;
use std::sync::Arc;

/// What the server's settings say.
pub struct Defaults {
    /// What happens to the attributes.
    pub plan: Arc<Plan>,
    /// The embedded archive.
    pub archive: Archive,
    /// The same as an origin, of no project yet.
    pub held: ArchiveOrigin,
    /// What was pulled from servers lately.
    pub pulled: Pulled,
    /// Where pulled resources come from.
    pub source: Source,
    /// Where instances go.
    pub route: Route,
    /// The server to forward to, or to pull from, if one is named.
    pub downstream: Option<(downstream::Settings, Downstream)>,
    /// Names of what is pushed are entered in the crosswalk, too.
    pub keeps_pushed: bool,
    /// Servers that are asked, whichever project asks.
    pub servers: Servers,
    /// For other servers: times and bounds, without anything that is meant for the one above.
    pub elsewhere: downstream::Settings,
}

impl Defaults {
    /// The project's engine.
    pub(super) fn engine(&self, settings: &ProjectSettings) -> Engine {
        let plan = settings.profile.as_ref().map(|profile| Arc::new(profile.plan()));
        let engine = Engine::new(plan.unwrap_or_else(|| Arc::clone(&self.plan)), &settings.secret);
        let own = PseudonymMap::new(&settings.own_pseudonyms, &settings.secret);
        engine.with_own_pseudonyms(Arc::new(own))
    }

    /// Which of the origins the project has.
    pub(super) fn source(&self, settings: &ProjectSettings) -> Source {
        settings.origin.unwrap_or(self.source)
    }

    /// Where the project's instances go; names stand in its crosswalk.
    pub(super) fn target(&self, settings: &ProjectSettings, names: &Crosswalk) -> Result<Target, Problem> {
        match settings.destination.unwrap_or(self.route) {
            Route::Archive => Ok(Target::Archive(self.archive.clone())),
            Route::Forward => self.downstream(settings).map(Target::Forward),
            Route::Restore if self.source(settings) != Source::Veil => {
                Err(Problem::Internal("a project restores, and its origin is not the veil"))
            }
            Route::Restore => Ok(Target::Restore(Clinic::new(self.downstream(settings)?, names.clone()))),
        }
    }

    /// Where the project's pulled resources come from.
    pub(super) fn origin(
        &self,
        project: &str,
        settings: &ProjectSettings,
        engine: &Engine,
        crosswalk: &Crosswalk,
    ) -> Result<Arc<dyn Origin>, Problem> {
        match self.source(settings) {
            Source::Archive => Ok(Arc::new(self.held.of(project))),
            Source::Downstream => {
                let client = self.downstream(settings)?;
                Ok(Arc::new(RemoteOrigin::new(client, project, self.pulled.clone())))
            }
            // There is one downstream server a project: what is forwarded would come to lie among the originals.
            Source::Veil if settings.destination.unwrap_or(self.route) == Route::Forward => {
                Err(Problem::Internal("a project forwards to the clinical server that its veil hides"))
            }
            Source::Veil => {
                let client = self.downstream(settings)?;
                let (engine, crosswalk) = (engine.clone(), crosswalk.clone());
                Ok(Arc::new(Veil::over_server(project, engine, crosswalk, client, self.pulled.clone())))
            }
        }
    }

    fn downstream(&self, settings: &ProjectSettings) -> Result<Downstream, Problem> {
        let nowhere = Problem::Internal("a project needs a downstream server, and none is named");
        let login = settings.downstream_login.as_ref().map(credentials);
        let client = match (&settings.downstream_url, login, &self.downstream) {
            (None, None, Some((_, client))) => return Ok(client.clone()),
            (None, Some(credentials), Some((server, _))) => {
                downstream::Settings { credentials, ..server.clone() }
            }
            // Credentials and headers of the server's own are not for others.
            (Some(url), login, _) => downstream::Settings {
                url: url.clone(),
                credentials: login.unwrap_or(Credentials::None),
                ..self.elsewhere.clone()
            },
            (None, _, None) => return Err(nowhere),
        };
        Downstream::new(client, &self.servers)
            .map_err(|_| Problem::Internal("a project's downstream client cannot be set up"))
    }
}

fn credentials(login: &Login) -> Credentials {
    match login {
        Login::Basic(user, password) => Credentials::Basic { user: user.clone(), password: password.clone() },
        Login::Token(token) => Credentials::Bearer(token.clone()),
    }
}
