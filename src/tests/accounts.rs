//! Registering, logging in, and what a stolen token is worth.

use std::process::Stdio;

use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::app::{Got, Setup, TestApp, value};
use super::program::exe;
use crate::wire;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";

async fn post(app: &TestApp, path: &str, body: serde_json::Value) -> Got {
    let path = format!("/api/v1/auth/{path}");
    app.send((Method::POST, &path), None, None, Some(body.to_string())).await
}

async fn register(app: &TestApp, email: &str, password: &str) -> Got {
    post(app, "register", json!({"email": email, "password": password})).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Got {
    post(app, "login", json!({"email": email, "password": password})).await
}

async fn refresh(app: &TestApp, token: &str) -> Got {
    post(app, "refresh", json!({"refresh_token": token})).await
}

/// A registered customer's tokens.
async fn logged_in(app: &TestApp) -> wire::Tokens {
    assert_eq!(register(app, EMAIL, PASSWORD).await.status, StatusCode::ACCEPTED);
    login(app, EMAIL, PASSWORD).await.data()
}

#[tokio::test]
async fn who_registers_logs_in_and_is_let_in_as_a_customer() {
    let app = TestApp::start(Setup::default()).await;
    let tokens = logged_in(&app).await;
    assert_eq!((tokens.expires_in, tokens.role.as_str()), (900, "customer"));
    let mine = format!("/api/v1/bookings/user/{}", tokens.user_id);
    assert_eq!(app.get_with_token(&mine, &tokens.access_token).await.status, StatusCode::OK);
    let others = format!("/api/v1/bookings/user/{}", uuid::Uuid::new_v4());
    let refused = app.get_with_token(&others, &tokens.access_token).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // Case does not make another account.
    let again: wire::Tokens = login(&app, "Ada@Example.ORG", PASSWORD).await.data();
    assert_eq!(again.user_id, tokens.user_id);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_successor_goes_on() {
    let app = TestApp::start(Setup::default()).await;
    let first = logged_in(&app).await;
    let second: wire::Tokens = refresh(&app, &first.refresh_token).await.data();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert_eq!(second.user_id, first.user_id);
    let third: wire::Tokens = refresh(&app, &second.refresh_token).await.data();
    let mine = format!("/api/v1/bookings/user/{}", third.user_id);
    assert_eq!(app.get_with_token(&mine, &third.access_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_its_family_and_no_other() {
    let app = TestApp::start(Setup::default()).await;
    let first = logged_in(&app).await;
    let elsewhere: wire::Tokens = login(&app, EMAIL, PASSWORD).await.data();
    let second: wire::Tokens = refresh(&app, &first.refresh_token).await.data();
    let stolen = refresh(&app, &first.refresh_token).await;
    assert_eq!(stolen.status, StatusCode::UNAUTHORIZED);
    let newest = refresh(&app, &second.refresh_token).await;
    assert_eq!(newest.status, StatusCode::UNAUTHORIZED, "the newest token outlived its family");
    assert_eq!(newest.body, stolen.body);
    assert_eq!(refresh(&app, &elsewhere.refresh_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_many_refreshes_at_once_with_one_token_exactly_one_wins() {
    let app = TestApp::start(Setup::default()).await;
    let first = logged_in(&app).await;
    let answers = join_all((0..8).map(|_| refresh(&app, &first.refresh_token))).await;
    let won = answers.iter().filter(|got| got.status == StatusCode::OK).count();
    let lost = answers.iter().filter(|got| got.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!((won, lost), (1, 7));
}

#[tokio::test]
async fn a_refresh_token_that_is_over_or_rubbish_gives_nothing() {
    let app = TestApp::start(Setup::default()).await;
    let tokens = logged_in(&app).await;
    app.sql("update refresh_tokens set expires_at = now() - interval '1 second'").await;
    // Longer ones can't be any: an access token, for one.
    let longest = "x".repeat(128);
    let longer = "x".repeat(129);
    for (token, status) in [
        (tokens.refresh_token.as_str(), 401),
        ("", 401),
        ("' or true --", 401),
        (&longest, 401),
        (&longer, 422),
        (&tokens.access_token, 422),
    ] {
        let got = refresh(&app, token).await;
        assert_eq!(got.status.as_u16(), status, "{}", got.body);
    }
}

#[tokio::test]
async fn who_logs_out_is_out_and_nobody_learns_which_tokens_exist() {
    let app = TestApp::start(Setup::default()).await;
    let first = logged_in(&app).await;
    let second: wire::Tokens = refresh(&app, &first.refresh_token).await.data();
    let out = post(&app, "logout", json!({"refresh_token": second.refresh_token})).await;
    let unknown = post(&app, "logout", json!({"refresh_token": "nothing"})).await;
    assert_eq!((out.status, &out.body), (StatusCode::OK, &unknown.body));
    assert_eq!(refresh(&app, &second.refresh_token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let app = TestApp::start(Setup::default()).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // This test's server runs on this thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let hashes = |kind: &str| {
        let name = format!("ticketctl_password_hashes_total{{kind=\"{kind}\"}} ");
        let text = metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&name).map(str::to_owned));
        line.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let free = register(&app, EMAIL, PASSWORD).await;
    assert_eq!(hashes("hash"), 1);
    let taken = register(&app, EMAIL, "another password altogether").await;
    assert_eq!(hashes("hash"), 2, "a taken address cost no hash");
    assert_eq!((free.status, &free.body), (taken.status, &taken.body));
    let wrong = login(&app, EMAIL, "another password altogether").await;
    assert_eq!(hashes("verify"), 1);
    let unknown = login(&app, "nobody@example.org", "another password altogether").await;
    assert_eq!(hashes("verify"), 2, "an unknown address cost no verification");
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    // Registering again changed nothing.
    assert_eq!(login(&app, EMAIL, PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_address_or_no_password_is_refused_with_its_field() {
    let app = TestApp::start(Setup::default()).await;
    for (email, password, field) in [
        ("ada", PASSWORD, "email"),
        ("ada@example.org\u{0}", PASSWORD, "email"),
        ("a da@example.org", PASSWORD, "email"),
        (EMAIL, "short", "password"),
        (EMAIL, &"x".repeat(129), "password"),
    ] {
        for got in [register(&app, email, password).await, login(&app, email, password).await] {
            assert_eq!(
                (got.status, got.reason().as_str()),
                (StatusCode::UNPROCESSABLE_ENTITY, field)
            );
            assert!(!got.body.contains(password), "{}", got.body);
        }
    }
    let role = json!({"email": EMAIL, "password": PASSWORD, "role": "admin"});
    let asked = post(&app, "register", role).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    let injected = register(&app, "'or'1'='1@example.org", "'; drop table users; --").await;
    assert_eq!(injected.status, StatusCode::ACCEPTED);
    assert_eq!(login(&app, EMAIL, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_new_role_counts_from_the_next_token() {
    let app = TestApp::start(Setup::default()).await;
    let customer = logged_in(&app).await;
    app.sql("update users set role = 'organizer'").await;
    let organizer: wire::Tokens = refresh(&app, &customer.refresh_token).await.data();
    assert_eq!(organizer.role, "organizer");
    let create = async |token: &str| {
        let body = json!({"title": "T", "venue": "V", "starts_at": "2030-01-01T20:00:00Z"});
        app.post_with_token("/api/v1/events", token, body.to_string()).await
    };
    assert_eq!(create(&customer.access_token).await.status, StatusCode::FORBIDDEN);
    let made = create(&organizer.access_token).await;
    assert_ne!(made.status, StatusCode::FORBIDDEN, "{}", made.body);
}

#[tokio::test]
async fn nothing_secret_is_stored_as_it_is() {
    let app = TestApp::start(Setup::default()).await;
    let tokens = logged_in(&app).await;
    let mut connection = app.context.storage.connection().await.unwrap();
    let row: (String, String) = sqlx::query_as(
        "select users::text, (select string_agg(refresh_tokens::text, '') from refresh_tokens) from users",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    assert!(row.0.contains("$argon2id$") && !row.0.contains(PASSWORD));
    assert!(!row.1.is_empty() && !row.1.contains(&tokens.refresh_token));
    assert_eq!(value(&refresh(&app, &tokens.refresh_token).await.body)["success"], json!(true));
}

#[tokio::test]
async fn tokens_that_are_over_are_forgotten_with_their_families() {
    let app = TestApp::start(Setup::default()).await;
    let old = logged_in(&app).await;
    app.sql("update refresh_tokens set expires_at = now() - interval '1 second'").await;
    let new: wire::Tokens = login(&app, EMAIL, PASSWORD).await.data();
    assert_eq!(app.run_job("cleanup-tokens").await, [1]);
    let mut connection = app.context.storage.connection().await.unwrap();
    let families: i64 = sqlx::query_scalar("select count(*) from token_families")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(families, 1);
    assert_eq!(refresh(&app, &old.refresh_token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&app, &new.refresh_token).await.status, StatusCode::OK);
}

/// Runs `ticketctl user …` on the test's database: its exit code, and what it printed.
async fn ticketctl_user(app: &TestApp, args: &[&str], stdin: &str) -> (i32, String) {
    let mut child = tokio::process::Command::new(exe())
        .arg("user")
        .args(args)
        .env("DATABASE_URL", app.stack.database_url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn an_operator_makes_an_admin_and_changes_roles() {
    let app = TestApp::start(Setup::default()).await;
    let create = ["create", "--email", EMAIL, "--role", "admin", "--json"];
    let (code, made) = ticketctl_user(&app, &create, "").await;
    assert_eq!(code, 0, "{made}");
    let made = value(&made);
    let tokens: wire::Tokens = login(&app, EMAIL, made["password"].as_str().unwrap()).await.data();
    assert_eq!((tokens.role.as_str(), json!(tokens.user_id)), ("admin", made["id"].clone()));
    let (code, taken) = ticketctl_user(&app, &create, "").await;
    assert_eq!((code, taken.contains("has an account already")), (2, true), "{taken}");
    let set = ["set-role", "--email", EMAIL, "--role", "customer"];
    assert_eq!(ticketctl_user(&app, &set, "").await.0, 0);
    let tokens: wire::Tokens = refresh(&app, &tokens.refresh_token).await.data();
    assert_eq!(tokens.role, "customer");
    let nobody = ["set-role", "--email", "nobody@example.org", "--role", "admin"];
    assert_eq!(ticketctl_user(&app, &nobody, "").await.0, 2);
}

#[tokio::test]
async fn a_password_from_stdin_is_used_and_never_printed() {
    let app = TestApp::start(Setup::default()).await;
    let create = ["create", "--email", EMAIL, "--role", "organizer", "--password-stdin"];
    let (code, short) = ticketctl_user(&app, &create, "short\n").await;
    assert_eq!((code, short.contains("12 to 128 characters")), (2, true), "{short}");
    let (code, made) = ticketctl_user(&app, &create, &format!("{PASSWORD}\n")).await;
    assert_eq!((code, made.contains(PASSWORD)), (0, false), "{made}");
    assert_eq!(login(&app, EMAIL, PASSWORD).await.data::<wire::Tokens>().role, "organizer");
}
