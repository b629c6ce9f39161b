//! The connections on which resources are pulled: opened, kept for the next request while they are young, closed. What is
//! asked on them is `read`'s.

use super::client::IDLE;
use super::fault::Fault;
use super::wire::{Endless, Link, Wire};
use super::{Unusable, locked, trust};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Uri, response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt};

/// Connections to one server. Clones are the same.
#[derive(Clone)]
pub(super) struct Wires(Arc<Shared>);

struct Shared {
    server: Uri,
    host: HeaderValue,
    /// Headers of every request.
    own: HeaderMap,
    connector: HttpConnector,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect: Duration,
    /// How long the head of an answer is waited for.
    answer: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    most: usize,
    wires: Vec<(Box<Wire>, Instant)>,
    /// Somebody looks after those that nobody takes.
    swept: bool,
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    /// Status and headers.
    pub head: response::Parts,
    /// Bytes of the body, if that is said.
    pub length: Option<u64>,
    /// The body.
    pub flow: Flow,
}

/// The body of an answer, and the connection that carries it.
pub(super) struct Flow {
    source: Source,
    home: Wires,
}

/// A connection is large, and would be moved with every piece.
enum Source {
    /// HTTP tells the end of the body.
    Framed(Incoming, Box<Wire>),
    Endless(Endless),
    Ended,
}

impl Wires {
    /// To the server of this root, opened within `connect`; `most` are kept. It is trusted as [`trust::config`] says. Each
    /// request has the headers in `own` that it does not have itself.
    ///
    /// # Errors
    /// The URL names no server, or its certificates cannot be read.
    pub fn new(root: &Url, settings: &super::Settings, own: HeaderMap) -> Result<Self, Unusable> {
        let name = root.host_str().ok_or(Unusable::Url)?;
        let host = root.port().map_or(name.to_owned(), |port| format!("{name}:{port}"));
        let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match root.scheme() {
            "https" => Some((
                TlsConnector::from(Arc::new(trust::config(settings.ca.as_deref())?)),
                ServerName::try_from(bare).map_err(|_| Unusable::Url)?,
            )),
            _ => None,
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect));
        Ok(Self(Arc::new(Shared {
            server: root.as_str().parse().map_err(|_| Unusable::Url)?,
            host: HeaderValue::from_str(&host).map_err(|_| Unusable::Url)?,
            own,
            connector,
            tls,
            connect: settings.connect,
            answer: settings.answer,
            idle: Mutex::new(Idle { most: settings.concurrent, ..Idle::default() }),
        })))
    }

    /// Sends a request, and waits for the head of its answer. If a connection that was kept gives none, mostly because the
    /// server had closed it, the request is sent once more, on a new one.
    ///
    /// # Errors
    /// There is no connection, or it ends before the head is complete.
    async fn ask(&self, request: reqwest::Request) -> Result<Answer, Fault> {
        let request = self.request(request)?;
        if let Some(wire) = self.kept()
            && let Ok(answer) = self.on(wire, request.clone()).await
        {
            return Ok(answer);
        }
        let wire = Box::new(Wire::over(self.0.link().await?).await?);
        self.on(wire, request).await
    }

    async fn on(&self, mut wire: Box<Wire>, request: Request<String>) -> Result<Answer, Fault> {
        let (head, mut body) = wire.ask(request).await?.into_parts();
        let length = body.size_hint().exact();
        let source = match Endless::of(&head, &mut body, &mut wire) {
            Some(endless) => Source::Endless(endless),
            None => Source::Framed(body, wire),
        };
        Ok(Answer { head, length, flow: Flow { source, home: self.clone() } })
    }

    /// The request as it goes over the connection: its target without the server, which is in Host (RFC 9112 3.2.1).
    fn request(&self, request: reqwest::Request) -> Result<Request<String>, Fault> {
        let request = Request::try_from(request).map_err(|_| Fault::Unsupported)?;
        let mut request = request.map(|_| String::new());
        let target = request.uri().path_and_query().cloned().ok_or(Fault::Unsupported)?;
        *request.uri_mut() = target.into();
        let headers = request.headers_mut();
        for name in self.0.own.keys().filter(|name| !headers.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            for value in self.0.own.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        headers.entry(HOST).or_insert_with(|| self.0.host.clone());
        Ok(request)
    }

    /// A connection that was kept and is still good, so far as is known.
    fn kept(&self) -> Option<Box<Wire>> {
        loop {
            let (mut wire, since) = self.0.idle().wires.pop()?;
            if since.elapsed() < IDLE && wire.is_free(&mut Context::from_waker(Waker::noop())) {
                return Some(wire);
            }
        }
    }

    /// Keeps a connection for the next request, if it is good for one and there are not enough.
    fn keep(&self, mut wire: Box<Wire>) {
        if !wire.is_free(&mut Context::from_waker(Waker::noop())) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut idle = self.0.idle();
        if idle.wires.len() < idle.most {
            idle.wires.push((wire, Instant::now()));
            if !std::mem::replace(&mut idle.swept, true) {
                runtime.spawn(sweep(Arc::downgrade(&self.0)));
            }
        }
    }
}

/// A request, and the head of its answer.
impl Service<reqwest::Request> for Wires {
    type Response = Answer;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Answer, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        let wires = self.clone();
        async move { timeout(wires.0.answer, wires.ask(request)).await.map_err(|_| Fault::TimedOut).flatten() }
            .boxed()
    }
}

#[cfg(test)]
impl Wires {
    /// Connections that wait for a request.
    pub fn kept_now(&self) -> usize {
        self.0.idle().wires.len()
    }
}

/// Closes what nobody takes, until none is left.
async fn sweep(shared: Weak<Shared>) {
    loop {
        sleep(IDLE).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut idle = shared.idle();
        idle.wires.retain(|(_, since)| since.elapsed() < IDLE);
        if idle.wires.is_empty() {
            idle.swept = false;
            return;
        }
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        locked(&self.idle)
    }

    /// A new connection.
    async fn link(&self) -> Result<Link, Fault> {
        let unreachable = |_| Fault::Unreachable;
        let connected = self.connector.clone().oneshot(self.server.clone()).await;
        let stream = connected.map_err(|_| Fault::Unreachable)?.into_inner();
        let Some((tls, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let secured = timeout(self.connect, tls.connect(name.clone(), stream)).await.map_err(unreachable)?;
        Ok(Box::new(secured.map_err(|_| Fault::Unreachable)?))
    }
}

impl Flow {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The connection ends before the body does.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        if let Source::Endless(endless) = &mut self.source {
            return endless.chunk().await;
        }
        // Thousands of small pieces come of one read: others have their turn between.
        consume_budget().await;
        poll_fn(|cx| self.poll_framed(cx)).await
    }

    fn poll_framed(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        let Source::Framed(body, wire) = &mut self.source else { return Poll::Ready(Ok(None)) };
        let next = wire.poll_body(body, cx);
        if matches!(next, Poll::Ready(Ok(None) | Err(_)))
            && let Source::Framed(_, wire) = std::mem::replace(&mut self.source, Source::Ended)
        {
            // One that broke is not kept.
            self.home.keep(wire);
        }
        next
    }
}

/// Of a body whose last bytes were taken only its end may be missing, and one that nobody wants, as a refusal's, is mostly
/// short and there: then the connection is still good.
impl Drop for Flow {
    fn drop(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = (0..2).all(|_| matches!(self.poll_framed(&mut cx), Poll::Ready(Ok(Some(_)))));
    }
}
