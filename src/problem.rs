//! The one mapping from any failure of a request to HTTP status, DICOM reason and body
//! (RFC 9457). Failures of single instances are items of a Store Instances Response and
//! do not pass here unless nothing else is left to say.

mod accounts;
mod causes;
mod charge;
mod code;
mod names;
mod token;

pub use accounts::Account;
pub use charge::Charge;
pub use code::Code;
pub use names::Names;
pub use token::Token;

use crate::db;
use crate::deid::refusal::Refusal;
use crate::dicomweb::accept::AcceptError;
use crate::dicomweb::manifest::FileFate;
use crate::dicomweb::parts::PartsError;
use crate::dicomweb::query::QueryFault;
use crate::downstream;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Seconds after which an overloaded server may be asked again.
const RETRY_AFTER: u64 = 5;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The request is wrong.
    Request,
    /// The caller has no right to it.
    Right,
    /// The server that instances are forwarded to.
    Downstream,
    /// This server.
    Us,
}

impl Blame {
    /// For logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Right => "right",
            Self::Downstream => "downstream",
            Self::Us => "us",
        }
    }
}

/// Why a request as a whole was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No API key.
    NoKey,
    /// An API key that is unknown or revoked.
    BadKey,
    /// It is about a token of the issuer.
    Token(Token),
    /// No admin key.
    NoAdminKey,
    /// Not the admin key.
    BadAdminKey,
    /// No token for the metrics.
    NoToken,
    /// Not the token for the metrics.
    BadToken,
    /// A request may not choose its profile, or not here.
    NoChoice,
    /// What it chooses is no profile; why.
    BadChoice(String),
    /// The API key may not do that: it lacks this right.
    NoRight(db::account::Right),
    /// The project leads what is sent to it back to its originals, and gives nothing of it to anybody but their origin.
    OnlyRestores,
    /// What an admin asked of a customer, project or key cannot be done.
    Account(Account),
    /// It is about pseudonyms and originals.
    Names(Names),
    /// The key sent too many requests.
    TooOften {
        /// Seconds until another one is taken.
        retry_after: u64,
    },
    /// No such resource, or not the caller's.
    NotFound,
    /// No such frame of an instance, or not even the instance.
    NoFrame,
    /// The resource has other methods.
    MethodNotAllowed,
    /// A UID in the target is none (PS3.5 9.1).
    BadUid,
    /// A list of frame numbers that is none (PS3.18 10.4.1.1.6).
    BadFrames,
    /// The value of this query parameter is not legal (PS3.18 8.3).
    BadParameter(&'static str),
    /// A parameter of a search cannot be served (PS3.18 8.3.4, 10.6.3.1).
    Query(QueryFault),
    /// A search asks for values of an attribute that the project's profile hides; its name.
    Hidden(String),
    /// The project's profile refuses the instance that is asked for.
    Withheld(Refusal),
    /// A search would have to look at more than so many data sets one by one (PS3.18 10.6.3.1).
    TooBroad(u64),
    /// No Accept header, and the server insists (PS3.18 8.7.5).
    NoAccept,
    /// Accept does not fit.
    Accept(AcceptError),
    /// The request's media type is not taken.
    MediaType {
        /// What is wrong with it.
        why: &'static str,
        /// The media types that would do (PS3.18 8.5).
        takes: &'static [&'static str],
    },
    /// The request body is empty.
    EmptyBody,
    /// The multipart body is malformed.
    Multipart(PartsError),
    /// The body was cut off.
    CutOff,
    /// The metadata cannot be read at all.
    Metadata(&'static str),
    /// The body is no form with files.
    Form(&'static str),
    /// A ZIP archive cannot be read, for this reason.
    Archive(&'static str),
    /// A form has too many files, or too many other fields.
    TooManyParts {
        /// The most.
        limit: usize,
    },
    /// No file of the request could be pseudonymized.
    NothingDone {
        /// All were refused because of their pixels.
        burned_in: bool,
        /// Why, without the names they were sent under.
        files: Vec<FileFate>,
    },
    /// The client stopped sending.
    Silent,
    /// The body is too large.
    BodyTooLarge {
        /// The most, in bytes.
        limit: u64,
    },
    /// The target is too long.
    UriTooLong {
        /// The most, in bytes.
        limit: u64,
    },
    /// The bytes asked for are not there (RFC 9110 14.4).
    RangeBeyond {
        /// Bytes of the whole.
        length: u64,
    },
    /// Pixels cannot be given as asked, for this reason.
    Undecodable(&'static str),
    /// The downstream server did not take it.
    Downstream(downstream::Fault),
    /// It is about paying.
    Charge(Charge),
    /// The customer's instances of the month are used up.
    QuotaSpent {
        /// Seconds until the next month.
        retry_after: u64,
    },
    /// Too many requests at once.
    Overloaded,
    /// The requests that are served hold all the memory there is for them.
    Memory,
    /// The database fails.
    Database,
    /// The archive's object store, or the disk under the spool, fails.
    Storage,
    /// Anything else on our side, in words without data.
    Internal(&'static str),
}

/// What a problem is answered with.
struct Sentence {
    blame: Blame,
    status: StatusCode,
    /// Failure Reason (PS3.18 I.2.2) that fits the whole request.
    reason: u16,
    title: &'static str,
    remedy: &'static str,
}

const MALFORMED: u16 = 0xC000;
const RESOURCES: u16 = 0xA700;
const PROCESSING: u16 = 0x0110;
const DENIED: u16 = 0x0124;

impl Problem {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        self.sentence().blame
    }

    /// The HTTP status (PS3.18 8.5).
    pub fn status(&self) -> StatusCode {
        self.sentence().status
    }

    #[rustfmt::skip]
    fn sentence(&self) -> Sentence {
        use Blame::{Request, Right, Us};
        use StatusCode as S;
        let (blame, status, reason, title, remedy) = match self {
            Self::NoKey => (Right, S::UNAUTHORIZED, DENIED, "an API key is needed", "Send it as X-API-Key, as Authorization: Bearer, or as the password of Basic."),
            Self::BadKey => (Right, S::UNAUTHORIZED, DENIED, "the API key is not valid", "Check the key; it may have been revoked."),
            Self::Token(token) => return token.sentence(),
            Self::NoAdminKey => (Right, S::UNAUTHORIZED, DENIED, "the admin key is needed", "Send it as X-Admin-Key or as Authorization: Bearer."),
            Self::BadAdminKey => (Right, S::UNAUTHORIZED, DENIED, "the admin key is not valid", "Check the key."),
            Self::NoToken => (Right, S::UNAUTHORIZED, DENIED, "the token for metrics is needed", "Send it as Authorization: Bearer."),
            Self::BadToken => (Right, S::UNAUTHORIZED, DENIED, "the token for metrics is not valid", "Check the token."),
            Self::NoChoice => (Right, S::FORBIDDEN, DENIED, "the profile is not the request's to choose", "Leave Veilgate-Profile and Veilgate-Options out; the setting page.choose allows them on some routes."),
            Self::BadChoice(_) => (Request, S::BAD_REQUEST, PROCESSING, "the request chooses no legal profile", "See GET /api/profile for presets and options."),
            Self::OnlyRestores => (Request, S::CONFLICT, DENIED, "the project leads instances back to their origin and gives out none", "Send without asking for the instances back, or use a key of another project."),
            Self::NoRight(_) => (Right, S::FORBIDDEN, DENIED, "the caller lacks a right", "Use a key that has it (veilgate key add --right), or a token that names it."),
            Self::Account(account) => account.sentence(),
            Self::Names(names) => names.sentence(),
            Self::TooOften { .. } => (Right, S::TOO_MANY_REQUESTS, RESOURCES, "the API key sends too many requests", "Send the request again after the seconds that Retry-After names."),
            Self::NotFound => (Request, S::NOT_FOUND, PROCESSING, "there is no such resource", "Check the path; OPTIONS on the DICOMweb root lists what there is."),
            Self::NoFrame => (Request, S::NOT_FOUND, PROCESSING, "there is no such frame", "Name frames from 1 to the instance's NumberOfFrames (0028,0008), of an instance that is there."),
            Self::MethodNotAllowed => (Request, S::METHOD_NOT_ALLOWED, PROCESSING, "the resource has no such method", "See the Allow header."),
            Self::BadUid => (Request, S::BAD_REQUEST, MALFORMED, "a UID in the path is not legal", "A UID is 1 to 64 digits and dots, without padding."),
            Self::BadFrames => (Request, S::BAD_REQUEST, PROCESSING, "the list of frames is not legal", "Name frames by ascending numbers from 1, separated by commas."),
            Self::BadParameter(_) => (Request, S::BAD_REQUEST, PROCESSING, "the value of a query parameter is not legal", "Leave the parameter out, or give it a legal value, percent-encoded."),
            Self::Query(_) => (Request, S::BAD_REQUEST, PROCESSING, "a parameter of the search cannot be served", "Correct or leave out the parameter."),
            Self::Hidden(_) => (Request, S::BAD_REQUEST, PROCESSING, "the search asks for a hidden attribute", "Leave the key out: to match values that the profile hides would tell them."),
            Self::Withheld(refusal) => (Right, S::FORBIDDEN, refusal.reason().0, "the project's profile does not let this instance out", "The operator can change the profile, if it may pass."),
            Self::TooBroad(_) => (Request, S::PAYLOAD_TOO_LARGE, RESOURCES, "the search is too broad", "Add a key that the catalog holds, such as a study, a patient or a date."),
            Self::NoAccept => (Request, S::NOT_ACCEPTABLE, PROCESSING, "the request has no Accept header", "Send Accept: application/dicom+json."),
            Self::Accept(AcceptError::Mixed) => (Request, S::BAD_REQUEST, PROCESSING, "Accept mixes DICOM and rendered media types", "Ask for one of the two categories."),
            Self::Accept(AcceptError::NotAcceptable(_)) => (Request, S::NOT_ACCEPTABLE, PROCESSING, "nothing acceptable can be given", "Accept one of the available media types."),
            Self::MediaType { .. } => (Request, S::UNSUPPORTED_MEDIA_TYPE, PROCESSING, "the request's media type is not taken", "Send one of the available media types."),
            Self::EmptyBody => (Request, S::BAD_REQUEST, MALFORMED, "the request body is empty", "Send at least one instance."),
            Self::Multipart(_) => (Request, S::BAD_REQUEST, MALFORMED, "the multipart body is malformed", "Check boundary and line ends (PS3.18 8.6.1.2)."),
            Self::CutOff => (Request, S::BAD_REQUEST, MALFORMED, "the request body was cut off", "Send the request again."),
            Self::Metadata(_) => (Request, S::BAD_REQUEST, MALFORMED, "the metadata cannot be read", "Send one array of DICOM JSON objects, or one Native DICOM Model document a part."),
            Self::Form(_) => (Request, S::UNPROCESSABLE_ENTITY, MALFORMED, "the body is no form with files", "Send multipart/form-data with one part named `files` for each file, each with a file name; /api/deidentify takes one file as application/dicom too."),
            Self::Archive(_) => (Request, S::UNPROCESSABLE_ENTITY, MALFORMED, "the ZIP archive cannot be read", "Pack the files anew, or send them as a form."),
            Self::TooManyParts { .. } => (Request, S::BAD_REQUEST, RESOURCES, "the request has too many parts", "Send fewer instances a request."),
            Self::NothingDone { .. } => (Request, S::UNPROCESSABLE_ENTITY, PROCESSING, "no file could be pseudonymized", "See the reason of each file."),
            Self::Silent => (Request, S::REQUEST_TIMEOUT, RESOURCES, "the request body stopped coming", "Send the request again."),
            Self::BodyTooLarge { .. } => (Request, S::PAYLOAD_TOO_LARGE, RESOURCES, "the request body is too large", "Send fewer instances a request."),
            Self::UriTooLong { .. } => (Request, S::URI_TOO_LONG, PROCESSING, "the request target is too long", "Shorten the path or the query."),
            Self::RangeBeyond { .. } => (Request, S::RANGE_NOT_SATISFIABLE, PROCESSING, "the bytes asked for are not there", "Ask for bytes within the length that Content-Range names."),
            Self::Undecodable(_) => (Request, S::NOT_ACCEPTABLE, PROCESSING, "the pixels cannot be given as asked", "Ask for them as they are stored: transfer-syntax=*."),
            Self::Downstream(fault) => downstream_sentence(fault),
            Self::Charge(charge) => return charge.sentence(),
            Self::QuotaSpent { .. } => (Right, S::TOO_MANY_REQUESTS, RESOURCES, "the instances of this month are used up", "Wait for the next month, or choose a plan with more instances."),
            Self::Overloaded => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "too many requests are being served", "Try again later."),
            Self::Memory => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "the memory for requests is used up", "Try again later; the operator can raise limits.memory."),
            Self::Database => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "the database does not answer", "Try again later; the operator finds the cause in the log."),
            Self::Storage => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "the storage of the server fails", "Try again later; the operator finds the cause in the log."),
            Self::Internal(_) => (Us, S::INTERNAL_SERVER_ERROR, PROCESSING, "the server failed", "Try again; the operator finds the cause in the log."),
        };
        Sentence { blame, status, reason, title, remedy }
    }

    /// What is particular to this occurrence. Never a value of a data set.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Accept(error @ AcceptError::NotAcceptable(_)) => Some(error.to_string()),
            Self::MediaType { why, takes } => Some(format!("{why}; available: {}", takes.join(", "))),
            Self::Multipart(error) => Some(error.to_string()),
            Self::Metadata(why) | Self::Undecodable(why) => Some((*why).to_owned()),
            Self::BadParameter(name) => Some(format!("the parameter is {name}")),
            Self::Query(fault) => Some(fault.to_string()),
            Self::Hidden(name) => Some(format!("the attribute is {name}")),
            Self::Withheld(refusal) => Some(refusal.to_string()),
            Self::TooBroad(most) => Some(format!("more than {most} data sets to look at one by one")),
            Self::Form(why) | Self::Archive(why) => Some((*why).to_owned()),
            Self::TooManyParts { limit } => Some(format!("at most {limit} parts")),
            Self::NothingDone { burned_in, files } => Some(causes::nothing_done(*burned_in, files)),
            Self::BodyTooLarge { limit } => Some(format!("at most {limit} bytes")),
            Self::UriTooLong { limit } => Some(format!("at most {limit} bytes")),
            Self::Downstream(fault) => Some(fault.to_string()),
            Self::BadChoice(why) => Some(why.clone()),
            Self::NoRight(right) => Some(format!("the right is {}", right.word())),
            Self::Account(account) => account.detail(),
            Self::Names(names) => names.detail(),
            Self::Charge(charge) => Some(charge.detail()),
            _ => None,
        }
    }

    fn headers(&self, headers: &mut HeaderMap) {
        let retry = match self {
            Self::NoKey | Self::BadKey => {
                for challenge in ["Bearer realm=\"veilgate\"", "Basic realm=\"veilgate\", charset=\"UTF-8\""]
                {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
                None
            }
            Self::Token(token) => token.headers(headers),
            Self::NoAdminKey | Self::BadAdminKey | Self::NoToken | Self::BadToken => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"veilgate-admin\""),
                );
                None
            }
            Self::TooOften { retry_after } | Self::QuotaSpent { retry_after } => Some(*retry_after),
            Self::Names(Names::InUrl) => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
                None
            }
            Self::RangeBeyond { length } => {
                let value = HeaderValue::from_str(&format!("bytes */{length}"));
                headers.extend(value.ok().map(|value| (header::CONTENT_RANGE, value)));
                None
            }
            Self::Overloaded
            | Self::Memory
            | Self::Database
            | Self::Storage
            | Self::Charge(Charge::Unreachable) => Some(RETRY_AFTER),
            Self::Downstream(
                fault @ (downstream::Fault::Busy { .. } | downstream::Fault::Resting { .. }),
            ) => Some(fault.retry_after().unwrap_or(RETRY_AFTER)),
            _ => None,
        };
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

fn downstream_sentence(fault: &downstream::Fault) -> (Blame, StatusCode, u16, &'static str, &'static str) {
    use downstream::Fault;
    let (status, remedy) = match fault {
        Fault::Unreachable | Fault::CutOff => {
            (StatusCode::BAD_GATEWAY, "Try again; tell the operator if it stays.")
        }
        Fault::Denied
        | Fault::Refused(_)
        | Fault::Nonsense
        | Fault::NotFound
        | Fault::Unsupported
        | Fault::Failing
        | Fault::TooLarge => (StatusCode::BAD_GATEWAY, "The operator has to look at the downstream server."),
        Fault::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "Try again later."),
        Fault::Busy { .. } | Fault::Resting { .. } => (StatusCode::SERVICE_UNAVAILABLE, "Try again later."),
    };
    (Blame::Downstream, status, RESOURCES, "the downstream server did not take the request", remedy)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Sentence { blame, status, reason, title, remedy } = self.sentence();
        let code = Code(self.code());
        if let Self::Internal(what) = self {
            tracing::error!(what, "internal failure");
        }
        let mut body = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail().unwrap_or_else(|| title.to_owned()),
            "remedy": remedy,
            "fault_of": blame.word(),
            "failure_reason": reason,
        });
        if let (Self::NothingDone { files, .. }, Some(members)) = (&self, body.as_object_mut()) {
            members.insert("files".to_owned(), json!(files));
        }
        let mut response = (status, body.to_string()).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.headers(response.headers_mut());
        response.extensions_mut().insert(blame);
        response.extensions_mut().insert(code);
        response
    }
}

#[cfg(test)]
mod tests;
