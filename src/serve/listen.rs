//! The loop that takes connections, and their orderly end: HTTP/1.1 and HTTP/2, over TLS or not, deadlines
//! for handshakes and headers, draining on SIGTERM and SIGINT.

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
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

/// Most bytes read, and held for headers, at once on a connection.
const BUFFER: usize = 1 << 20;

/// Rest after a failure to accept, which is mostly a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal comes, then finishes what runs, within the drain time.
pub(super) async fn serve(listener: TcpListener, tls: Option<Current>, app: Router, times: Times) {
    let graceful = GracefulShutdown::new();
    let (stopping, stopped) = watch::channel(());
    let server = Server { builder: builder(times), app, times, stopped };
    let mut stop = std::pin::pin!(signal());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match stream {
            Ok((stream, address)) => {
                let tls = tls.as_ref().map(|current| Arc::clone(&current.borrow()));
                let peer = Peer::of(address);
                tokio::spawn(server.clone().connection(stream, peer, tls, graceful.watcher()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop((listener, stopping));
    tracing::info!("draining");
    if timeout(times.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off at the end of the drain time");
    }
}

fn builder(times: Times) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(times.header)
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
        let stream = Linger::new(stream, self.times.idle);
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
            Ok(Ok(stream)) => return Some(stream),
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

/// Ends when the process is asked to stop.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let one = async |kind| match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(_) => pending().await,
    };
    tokio::select! {
        () = one(SignalKind::terminate()) => {}
        () = one(SignalKind::interrupt()) => {}
    }
}
