//! Why a request to the downstream server fails, as a kind; what the server says about it stays unread, for it may quote
//! patient data.

use std::time::Duration;

/// Longest wait between two attempts, whatever the server asks for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Longest wait that is passed on to a client, in seconds.
const MAX_RETRY_AFTER: u64 = 600;

/// Why a request failed. Never holds a word of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("the downstream server cannot be reached")]
    Unreachable,
    /// The connection broke.
    #[error("the downstream server broke the connection")]
    CutOff,
    /// It stopped taking bytes, or does not answer.
    #[error("the downstream server does not answer in time")]
    TimedOut,
    /// It asks to come back later.
    #[error("the downstream server is overloaded")]
    Busy {
        /// Seconds it asks to wait.
        retry_after: Option<u64>,
    },
    /// It does not accept the gateway's credentials.
    #[error("the downstream server refuses the gateway's credentials")]
    Denied,
    /// It refuses the request with this HTTP status and says nothing about instances.
    #[error("the downstream server refuses with status {0}")]
    Refused(u16),
    /// It claims success without saying what it stored, or answers what is no answer to what was asked.
    #[error("the answer of the downstream server is not what was asked for")]
    Nonsense,
    /// It has no such resource.
    #[error("the downstream server has no such resource")]
    NotFound,
    /// It does not give the resource in this form, or does not know the service.
    #[error("the downstream server does not give the resource as asked")]
    Unsupported,
    /// It fails at the request.
    #[error("the downstream server fails at the request")]
    Failing,
    /// Its answer exceeds what can be held.
    #[error("the downstream server answers more than can be held")]
    TooLarge,
    /// It did not answer lately and is left alone for a while.
    #[error("the downstream server did not answer lately; it is left alone for a while")]
    Resting {
        /// Seconds until it is asked again.
        retry_after: u64,
    },
}

impl Fault {
    /// True if another attempt may succeed.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::CutOff | Self::TimedOut | Self::Busy { .. } | Self::Resting { .. }
        )
    }

    /// A short, stable name for metrics and traces.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::CutOff => "cut-off",
            Self::TimedOut => "timed-out",
            Self::Busy { .. } => "busy",
            Self::Denied => "denied",
            Self::Refused(_) => "refused",
            Self::Nonsense => "nonsense",
            Self::NotFound => "not-found",
            Self::Unsupported => "unsupported",
            Self::Failing => "failing",
            Self::TooLarge => "too-large",
            Self::Resting { .. } => "resting",
        }
    }

    /// True if nothing was heard of the server at all.
    pub(super) fn is_silence(self) -> bool {
        matches!(self, Self::Unreachable | Self::CutOff | Self::TimedOut)
    }

    /// Seconds after which the client may try again, if that is known.
    pub fn retry_after(self) -> Option<u64> {
        match self {
            Self::Busy { retry_after } => retry_after.map(|seconds| seconds.min(MAX_RETRY_AFTER)),
            Self::Resting { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// What a status that is no success says about a GET.
    pub(super) fn of_status(status: u16, retry_after: Option<u64>) -> Self {
        match status {
            404 | 410 => Self::NotFound,
            401 | 403 | 407 => Self::Denied,
            400 | 405 | 406 | 415 | 501 => Self::Unsupported,
            429 | 502 | 503 => Self::Busy { retry_after },
            408 | 504 => Self::TimedOut,
            500.. => Self::Failing,
            other => Self::Refused(other),
        }
    }
}

/// The kind of a failure; its text stays unread.
pub(super) fn of_error(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Unreachable
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::CutOff
    }
}

/// Doubles from half a second, or as long as the server asks for.
pub(super) fn pause(fault: Fault, attempt: u32) -> Duration {
    let asked = match fault {
        Fault::Busy { retry_after: Some(seconds) } => Duration::from_secs(seconds),
        _ => Duration::from_millis(500) * 2u32.saturating_pow(attempt.min(6)),
    };
    asked.min(MAX_PAUSE)
}
