//! The floor: what axum and multer cost by themselves. Each part is hashed once and sent
//! back; nothing is looked at.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

/// Serves on a free port, told on standard output, until killed.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        println!("ready {}", listener.local_addr().expect("address"));
        let app = Router::new().route("/studies", post(echo));
        axum::serve(listener, app).await.expect("serve");
    });
}

async fn echo(request: Request) -> Response {
    let boundary = super::data::BOUNDARY;
    let mut parts = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
    let mut pieces: Vec<Bytes> = Vec::new();
    while let Some(mut field) = parts.next_field().await.expect("part") {
        pieces.push(Bytes::from_static(b"--answer\r\nContent-Type: application/dicom\r\n\r\n"));
        let mut hash = Sha256::new();
        while let Some(chunk) = field.chunk().await.expect("chunk") {
            hash.update(&chunk);
            pieces.push(chunk);
        }
        std::hint::black_box(hash.finalize());
        pieces.push(Bytes::from_static(b"\r\n"));
    }
    pieces.push(Bytes::from_static(b"--answer--\r\n"));
    let body = stream::iter(pieces).map(Ok::<_, std::convert::Infallible>);
    Response::builder()
        .header("content-type", "multipart/related; type=\"application/dicom\"; boundary=answer")
        .body(Body::from_stream(body))
        .expect("response")
}
