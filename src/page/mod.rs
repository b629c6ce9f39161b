//! The web page: its files, compiled in, and how they are sent. What the page asks of the server is `api`'s.
//!
//! | I want to … | open |
//! |---|---|
//! | change a text, add a language | `files/words.js` |
//! | change how it looks | `files/page.css` |
//! | change what is sent, how many at once, when again | `files/queue.js` |
//! | change what a picked file must be | `files/look.js`, `files/zip.js` |
//! | change what is taken home | `files/results.js` |
//! | change how a refusal reads | `files/refusal.js` |
//! | change what is shown | the view: `files/upload.js`, `list.js`, `preview.js`, `account.js`, `admin.js`, `project.js` |
//!
//! There is no build step: the browser gets these files as they are. Vue stands beside them with its licence, in its
//! ready build without a template compiler, which would need `unsafe-eval`; so views are render functions.

mod asset;

use asset::Asset;
use axum::Router;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use std::sync::LazyLock;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A file of the page under its path.
macro_rules! files {
    ($($path:literal $media:ident $file:literal),* $(,)?) => {
        &[$(($path, $media, include_bytes!(concat!("files/", $file)))),*]
    };
}

/// Path, media type, content.
const FILES: &[(&str, &str, &[u8])] = files![
    "/" HTML "index.html",
    "/page/page.css" CSS "page.css",
    "/page/page.js" JS "page.js",
    "/page/words.js" JS "words.js",
    "/page/parts.js" JS "parts.js",
    "/page/api.js" JS "api.js",
    "/page/look.js" JS "look.js",
    "/page/zip.js" JS "zip.js",
    "/page/queue.js" JS "queue.js",
    "/page/refusal.js" JS "refusal.js",
    "/page/results.js" JS "results.js",
    "/page/list.js" JS "list.js",
    "/page/upload.js" JS "upload.js",
    "/page/preview.js" JS "preview.js",
    "/page/account.js" JS "account.js",
    "/page/receipt.js" JS "receipt.js",
    "/page/admin.js" JS "admin.js",
    "/page/project.js" JS "project.js",
    "/page/vue.js" JS "vue.js",
    "/page/vue.LICENSE.txt" TEXT "vue.LICENSE.txt",
    "/page/veil.svg" SVG "veil.svg",
];

static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| FILES.iter().map(|(_, media, bytes)| Asset::new(media, bytes)).collect());

/// The page's routes; anybody may ask, as they tell nothing about anybody.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let paths = FILES.iter().map(|(path, ..)| *path).enumerate();
    paths.fold(Router::new(), |router, (index, path)| {
        router.route(path, get(async move |headers: HeaderMap| send(index, &headers)))
    })
}

fn send(index: usize, headers: &HeaderMap) -> Response {
    ASSETS.get(index).map(|asset| asset.answer(headers)).unwrap_or_default()
}
