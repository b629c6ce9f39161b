//! One server as all see it who ask it: whether it is left alone, and how many may ask at the same time, whatever project
//! they belong to and however they log in. What is asked of it is known above.

use super::breaker::{Breaker, BreakerLayer, Guarded};
use super::places::{InTurn, Places, PlacesLayer};
use super::wires::Wires;
use super::{Settings, locked};
use reqwest::Url;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use tower::ServiceBuilder;

/// The servers that are asked. Clones are the same.
#[derive(Clone, Default)]
pub struct Servers(Arc<Mutex<HashMap<Address, Weak<Server>>>>);

/// The root, as a proxy may have several servers behind one name, and the certificates by which the server is believed: who
/// trusts it otherwise may not reach it, and is not to keep the others from it.
type Address = (String, Option<Vec<u8>>);

/// One of them.
pub(super) struct Server {
    breaker: Arc<Breaker>,
    pulls: Places,
    /// Of their own: a sender who takes its time with an upload is not to keep anybody from reading.
    pub(super) pushes: Places,
}

/// How one is asked: not while it is left alone, in one's turn, on one's own connections.
pub(super) type Bounded = Guarded<InTurn<Wires>>;

impl Servers {
    /// The server of this root, the same for all who ask while one of them is there.
    pub(super) fn at(&self, root: &Url, settings: &Settings) -> Arc<Server> {
        let address = (root.as_str().to_owned(), settings.ca.clone());
        let mut servers = locked(&self.0);
        if let Some(server) = servers.get(&address).and_then(Weak::upgrade) {
            return server;
        }
        servers.retain(|_, server| server.strong_count() > 0);
        let places = || Places::new(settings.concurrent);
        let server = Arc::new(Server { breaker: Arc::default(), pulls: places(), pushes: places() });
        servers.insert(address, Arc::downgrade(&server));
        server
    }
}

impl Server {
    /// The layers around the connections of one who asks.
    pub(super) fn bound(&self, settings: &Settings, wires: Wires) -> Bounded {
        ServiceBuilder::new()
            .layer(BreakerLayer(Arc::clone(&self.breaker)))
            .layer(PlacesLayer { places: self.pulls.clone(), patience: settings.answer })
            .service(wires)
    }
}
