//! Settings of the downstream server: where it is, how we name ourselves to it, how patient we are.

use super::sources::Sources;
use super::{certificates, secret, values};
use crate::dicomweb::links::Links;
use crate::downstream::{self, Credentials};
use crate::secret::Secret;

/// The settings; where no server is set the URL is empty.
pub(super) fn settings(from: &mut Sources) -> downstream::Settings {
    let url = from.take("downstream.url", |text| match text {
        "" => Ok(None),
        text => {
            Links::new(text).map(|links| Some(links.root().to_owned())).map_err(|error| error.to_string())
        }
    });
    let user = from.text("downstream.user").to_owned();
    let password = secret(from, "downstream.password", "downstream.password_file");
    let token = secret(from, "downstream.token", "downstream.token_file");
    let credentials = match (user.is_empty(), password, token) {
        (true, None, None) => Credentials::None,
        (true, None, Some(token)) => Credentials::Bearer(token),
        (false, Some(password), None) => Credentials::Basic { user, password },
        _ => {
            from.wrong("downstream.user", "give user and password, or a token, or none of them".to_owned());
            Credentials::None
        }
    };
    downstream::Settings {
        url: url.unwrap_or_default(),
        credentials,
        headers: from.take("downstream.headers", headers),
        ca: from.take("downstream.ca_file", certificates),
        connect: from.take("downstream.connect_time", values::time),
        answer: from.take("downstream.answer_time", values::time),
        concurrent: from.take("downstream.concurrent", values::count),
        retries: from
            .take("downstream.retries", |text| text.parse().map_err(|_| format!("`{text}` is no number"))),
    }
}

/// `Name: value`, one a line.
pub(super) fn headers(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(String::new)?;
            Ok((name.trim().to_owned(), Secret::new(value)))
        })
        .collect()
}
