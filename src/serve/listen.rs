//! The loop that takes connections, and their orderly end: HTTP/1.1 and HTTP/2, over TLS or not, deadlines
//! for handshakes and headers, a bound of connections, draining on SIGTERM and SIGINT.

use super::linger::Linger;
use super::tls::{self, Current};
use crate::api::tidy_path;
use crate::config::Times;
use crate::layer::Peer;
use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

/// Most bytes read, and held for headers, at once on a connection.
const BUFFER: usize = 1 << 20;

/// Rest after a failure to accept, which is mostly a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection too many is told before it is closed. It asked nothing yet, so that no layer can answer.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Connections that are told so at the same time; further ones are closed without a word.
const PORCH: usize = 32;

/// The signals that ask the process to stop.
pub(super) struct Stop {
    signals: [Option<Signal>; 2],
}

impl Stop {
    /// From now on they no longer end the process by themselves.
    pub(super) fn heard() -> Self {
        Self { signals: [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok()) }
    }

    /// Ends when one of them came, be it before this was called.
    async fn came(self) {
        let one = async |signal: Option<Signal>| match signal {
            Some(mut signal) => drop(signal.recv().await),
            None => pending().await,
        };
        let [terminate, interrupt] = self.signals;
        tokio::select! {
            () = one(terminate) => {}
            () = one(interrupt) => {}
        }
    }
}

/// Serves until a signal comes, then finishes what runs, within the drain time. Of connections at most so many are open.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Current>,
    app: Router,
    times: Times,
    (stop, connections): (Stop, usize),
) {
    let graceful = GracefulShutdown::new();
    let (stopping, stopped) = watch::channel(());
    let server = Server { builder: builder(times), app, times, stopped };
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let porch = Arc::new(Semaphore::new(PORCH));
    let mut trouble = Trouble::default();
    let mut stop = std::pin::pin!(stop.came());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, address)) => {
                trouble.is_over();
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    turn_away(stream, &porch, times);
                    continue;
                };
                let tls = tls.as_ref().map(|current| Arc::clone(&current.borrow()));
                let connection =
                    server.clone().connection(stream, Peer::of(address), tls, graceful.watcher());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => trouble.pause(&error).await,
        }
    }
    drop((listener, stopping));
    tracing::info!("draining");
    if timeout(times.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off at the end of the drain time");
    }
}

/// A time in which no connection could be taken. It is told once, and the loop goes on.
#[derive(Default)]
struct Trouble(bool);

impl Trouble {
    async fn pause(&mut self, error: &io::Error) {
        // A client that left before it was taken is no trouble of ours.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if !std::mem::replace(&mut self.0, true) {
            tracing::error!(%error, "connections cannot be taken: see limits.connections and the bound of open files");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    fn is_over(&mut self) {
        if std::mem::take(&mut self.0) {
            tracing::info!("connections are taken again");
        }
    }
}

/// Tells a connection too many to come back, and closes it.
fn turn_away(stream: TcpStream, porch: &Arc<Semaphore>, times: Times) {
    let Ok(place) = Arc::clone(porch).try_acquire_owned() else { return };
    tokio::spawn(async move {
        let mut stream = Linger::new(stream, times);
        // Whoever does not hear it finds the connection closed.
        if stream.write_all(FULL).await.is_ok() {
            let _ = stream.shutdown().await;
        }
        drop(place);
    });
}

fn builder(times: Times) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(times.header)
        // A client that has said all may close its side and wait for the answer.
        .half_close(true)
        .max_buf_size(BUFFER)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(times.idle)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(64);
    builder
}

/// What every connection is served with. Cheap to clone.
#[derive(Clone)]
struct Server {
    builder: Builder<TokioExecutor>,
    app: Router,
    times: Times,
    /// Changes, by its sender's end, when no connection is taken any more.
    stopped: watch::Receiver<()>,
}

impl Server {
    /// Serves one connection to its end. A handshake has a task of its own like all the rest, and so holds up nobody.
    async fn connection(
        self,
        stream: TcpStream,
        peer: Peer,
        tls: Option<Arc<ServerConfig>>,
        watcher: Watcher,
    ) {
        // Answers are written whole: waiting for more to send only costs time.
        let _ = stream.set_nodelay(true);
        // Below TLS, whose own end has to be said before the connection ends.
        let stream = Linger::new(stream, self.times);
        match tls {
            None => self.speak(stream, peer, watcher).await,
            Some(config) => {
                if let Some(stream) = self.shake(stream, peer, config).await {
                    self.speak(stream, peer, watcher).await;
                }
            }
        }
    }

    /// The TLS handshake. Given up when the client takes too long, or the server stops: nothing was asked yet.
    async fn shake(
        &self,
        stream: Linger,
        peer: Peer,
        config: Arc<ServerConfig>,
    ) -> Option<TlsStream<Linger>> {
        let mut stopped = self.stopped.clone();
        let shaken = tokio::select! {
            shaken = timeout(self.times.header, TlsAcceptor::from(config).accept(stream)) => shaken,
            _ = stopped.changed() => return None,
        };
        let why = match shaken {
            Ok(Ok(mut stream)) => {
                stream.get_mut().0.open_anew(self.times);
                return Some(stream);
            }
            Ok(Err(error)) => tls::why(&error),
            Err(_) => "the client takes too long",
        };
        tracing::info!(client = %peer, why, "a TLS handshake failed");
        None
    }

    async fn speak<S>(self, stream: S, peer: Peer, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let app = self.app.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            tidy_path(request.map(Body::new))
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        // A broken connection is the client's affair; its text may quote the request.
        let _ = watcher.watch(connection.into_owned()).await;
    }
}
