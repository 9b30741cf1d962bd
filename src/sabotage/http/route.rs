//! Requests, by method and path. Knows no bodies.

use axum::http::request::Parts;

/// A method and a path, in which `{}` stands for any one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    method: &'static str,
    path: &'static str,
}

impl Route {
    /// This one.
    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path }
    }

    /// What stands for `{}` in the request's path, empty where there is no such part; none where it is another request.
    pub fn part_of(&self, parts: &Parts) -> Option<String> {
        if parts.method.as_str() != self.method {
            return None;
        }
        let (mut ours, mut theirs) = (self.path.split('/'), parts.uri.path().split('/'));
        let mut part = String::new();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(part),
                (Some("{}"), Some(their)) => their.clone_into(&mut part),
                (Some(our), Some(their)) if our == their => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;

    use super::Route;

    #[test]
    fn a_route_takes_its_own_requests_and_no_other() {
        let route = Route::new("POST", "/api/v1/reservations/{}/extend");
        let part = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            route.part_of(&request.into_parts().0)
        };
        assert_eq!(part("POST", "/api/v1/reservations/7/extend?x=1"), Some("7".to_owned()));
        for (method, path) in [
            ("GET", "/api/v1/reservations/7/extend"),
            ("POST", "/api/v1/reservations/7"),
            ("POST", "/api/v1/reservations/7/extend/8"),
            ("POST", "/api/v1/bookings/7/extend"),
        ] {
            assert_eq!(part(method, path), None, "{method} {path}");
        }
    }
}
