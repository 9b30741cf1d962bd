//! Reads what the handlers need out of a request, and refuses the rest as the API refuses; knows no operation.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;

use super::answer::Refused;
use crate::toxiproxy::error::Error;

/// Largest request body, bytes.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a body may take to come.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The whole body.
pub struct Body(pub Bytes);

/// The proxy that the path names. What is no text names none.
pub struct ProxyName(pub String);

/// The proxy and the toxic that the path names.
pub struct ToxicName {
    pub proxy: String,
    pub toxic: String,
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = tokio::time::timeout(READ_TIMEOUT, Bytes::from_request(request, state)).await;
        let Ok(read) = read else {
            return Err(Error::BadBody("it does not come".to_owned()).into());
        };
        match read {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
                Err(Error::BodyTooLong { most: BODY_BYTES_MAX }.into())
            }
            Err(rejection) => Err(Error::BadBody(rejection.body_text()).into()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ProxyName {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|rejection| unknown(&rejection))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ToxicName {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::from_request_parts(parts, state).await;
        let names = path.map(|Path((proxy, toxic))| Self { proxy, toxic });
        names.map_err(|rejection| unknown(&rejection))
    }
}

fn unknown(rejection: &PathRejection) -> Refused {
    let is_of_toxic = matches!(
        rejection,
        PathRejection::FailedToDeserializePathParams(error)
            if matches!(error.kind(), ErrorKind::InvalidUtf8InPathParam { key } if key == "toxic")
    );
    Refused(if is_of_toxic { Error::ToxicNotFound } else { Error::ProxyNotFound })
}
