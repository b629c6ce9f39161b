//! The loop that takes connections, and their orderly end: HTTP/1.1 and h2c, deadlines
//! for headers, draining on SIGTERM and SIGINT.

use super::linger::Linger;
use crate::api::tidy_path;
use crate::config::Times;
use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::pending;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// Most bytes read, and held for headers, at once on a connection.
const BUFFER: usize = 1 << 20;

/// Rest after a failure to accept, which is mostly a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal comes, then finishes what runs, within the drain time.
pub(super) async fn serve(listener: TcpListener, app: Router, times: Times) {
    let builder = builder(times);
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(signal());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match stream {
            Ok((stream, _)) => connection(&builder, stream, &app, &graceful, times),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    tracing::info!("draining");
    if tokio::time::timeout(times.drain, graceful.shutdown()).await.is_err() {
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

fn connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    app: &Router,
    graceful: &GracefulShutdown,
    times: Times,
) {
    // Answers are written whole: waiting for more to send only costs time.
    let _ = stream.set_nodelay(true);
    let app = app
        .clone()
        .map_request(|request: hyper::Request<hyper::body::Incoming>| tidy_path(request.map(Body::new)));
    let io = TokioIo::new(Linger::new(stream, times.idle));
    let connection = builder.serve_connection(io, TowerToHyperService::new(app)).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // A broken connection is the client's affair; its text may quote the request.
        let _ = watched.await;
    });
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
