//! The control API, answer by answer, as section by section a Toxiproxy client relies on it.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Rig, connect, drain, read_answer, round_trip};
use crate::toxiproxy::toxics::TOXICS;

#[tokio::test(flavor = "multi_thread")]
async fn version_is_one_that_clients_accept() {
    let rig = Rig::new().await;
    let answer = rig.call("GET", "/version", "").await;
    assert_eq!(answer.body, "{\"version\": \"2.12.0\"}\n");
    assert_eq!(answer.content_type, "application/json;charset=utf-8");
    assert!(answer.has_request_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_stop_before_the_guard() {
    let rig = Rig::new().await;
    for (method, path, status, body) in [
        ("GET", "/nothing", 404, "404 page not found\n"),
        ("GET", "/proxies/", 404, "404 page not found\n"),
        ("PUT", "/proxies", 405, ""),
        ("OPTIONS", "/proxies", 405, ""),
        ("HEAD", "/proxies", 405, ""),
        ("GET", "/reset", 405, ""),
    ] {
        let answer = rig.call(method, path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{method} {path}");
        assert!(!answer.has_request_id, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_refused() {
    let rig = Rig::new().await;
    let url = format!("{}/proxies", rig.running.url());
    let answer = read_answer(rig.http.get(url).header("user-agent", "Mozilla/5.0")).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "User agent not allowed\n"));
    assert_eq!(answer.content_type, "text/plain; charset=utf-8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_goes_through_its_life() {
    let rig = Rig::new().await;
    assert_eq!(rig.call("GET", "/proxies", "").await.body, "{}");
    let listen = rig.proxy("db").await;
    let upstream = rig.upstream.to_string();
    let view = json!({
        "name": "db", "listen": listen, "upstream": upstream, "enabled": true, "toxics": [],
    });
    assert_eq!(rig.ok("GET", "/proxies/db", "").await, view);
    assert_eq!(rig.ok("GET", "/proxies", "").await, json!({ "db": view }));
    for method in ["POST", "PATCH"] {
        let off = rig.ok(method, "/proxies/db", r#"{"ENABLED":false,"name":"other"}"#).await;
        assert_eq!((&off["enabled"], &off["name"]), (&json!(false), &json!("db")));
        assert_eq!(rig.ok(method, "/proxies/db", r#"{"enabled":true}"#).await, view);
    }
    let deleted = rig.call("DELETE", "/proxies/db", "").await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(rig.call("GET", "/proxies/db", "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_toxiproxys_words() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency","name":"slow"}"#).await;
    let taken = format!(r#"{{"name":"b","listen":"{listen}","upstream":"x:1"}}"#);
    let in_use = format!("listen tcp {listen}: bind: address already in use");
    let toxics = "/proxies/db/toxics";
    let stream = "stream was invalid, can be either upstream or downstream";
    for (method, path, body, status, error) in [
        ("POST", "/proxies", "", 400, "bad request body: EOF"),
        ("POST", "/proxies", "{", 400, "bad request body: unexpected EOF"),
        ("POST", "/proxies", "{}", 400, "missing required field: name"),
        ("POST", "/proxies", r#"{"name":"b"}"#, 400, "missing required field: upstream"),
        ("POST", "/proxies", r#"{"name":"db","upstream":"x:1"}"#, 409, "proxy already exists"),
        ("POST", "/proxies", &taken, 500, &in_use),
        (
            "POST",
            "/proxies",
            r#"{"name":"b","upstream":"x:1","listen":"X"}"#,
            500,
            "listen tcp: address X: missing port in address",
        ),
        ("POST", "/proxies/db", r#"{"listen":"X"}"#, 500, "address X: missing port in address"),
        (
            "POST",
            "/proxies",
            r#"{"name":"b","upstream":"x:1","listen":"127.0.0.1:nothing"}"#,
            500,
            "listen tcp: lookup tcp/nothing: unknown port",
        ),
        ("POST", "/proxies/none", "{", 404, "proxy not found"),
        ("DELETE", "/proxies/none", "", 404, "proxy not found"),
        ("GET", "/proxies/none/toxics", "", 404, "proxy not found"),
        ("GET", "/proxies/db/toxics/none", "", 404, "toxic not found"),
        ("PATCH", "/proxies/db/toxics/none", "{", 404, "toxic not found"),
        ("POST", toxics, r#"{"stream":"x","type":"x"}"#, 400, stream),
        ("POST", toxics, r#"{"stream":"","type":"x"}"#, 400, stream),
        ("POST", toxics, r#"{"type":"x","name":"slow"}"#, 400, "invalid toxic type"),
        ("POST", toxics, "{}", 400, "invalid toxic type"),
        (
            "POST",
            toxics,
            r#"{"type":"noop","name":"slow","attributes":{"latency":"1"}}"#,
            409,
            "toxic already exists",
        ),
        (
            "POST",
            toxics,
            r#"{"type":"latency","attributes":{"latency":1.5}}"#,
            400,
            "bad request body: latency must be a whole number",
        ),
        (
            "POST",
            toxics,
            r#"{"type":"packet_loss","attributes":{"LOSS":5,"loss_rate":0.3,"correlation":0.5}}"#,
            400,
            "bad request body: packet_loss knows no correlation, it has loss, retransmit",
        ),
    ] {
        rig.refuses((method, path, body), status, error).await;
    }
    let proxies = rig.ok("GET", "/proxies", "").await;
    assert_eq!(proxies.as_object().unwrap().len(), 1, "a refusal left something behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_bounds_is_refused_in_the_same_form() {
    let rig = Rig::new().await;
    rig.proxy("db").await;
    let toxics = "/proxies/db/toxics";
    let name = "n".repeat(257);
    for (method, path, body, status, error) in [
        (
            "POST",
            "/proxies",
            r#"{"upstream":5}"#,
            400,
            "bad request body: upstream must be a string",
        ),
        (
            "POST",
            "/proxies",
            &format!(r#"{{"name":"{name}","upstream":"x:1"}}"#),
            400,
            "name is too long, at most 256 bytes are taken",
        ),
        (
            "POST",
            toxics,
            &format!(r#"{{"name":"{name}","type":"noop"}}"#),
            400,
            "name is too long, at most 256 bytes are taken",
        ),
        (
            "POST",
            toxics,
            r#"{"type":"noop","toxicity":1e39}"#,
            400,
            "bad request body: toxicity must be a number of 32 bits",
        ),
        ("GET", "/proxies/%ff", "", 404, "proxy not found"),
        ("DELETE", "/proxies/%ff/toxics/slow", "", 404, "proxy not found"),
        ("GET", "/proxies/db/toxics/%ff", "", 404, "toxic not found"),
        (
            "POST",
            "/proxies",
            &" ".repeat(4 * 1024 * 1024 + 1),
            413,
            "request body is too long, at most 4194304 bytes are taken",
        ),
    ] {
        rig.refuses((method, path, body), status, error).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_for_other_machines_has_to_be_allowed() {
    let rig = Rig::new().await;
    let body = r#"{"name":"b","upstream":"127.0.0.1:1","listen":"0.0.0.0:0"}"#;
    let disabled = body.replace('}', r#","enabled":false}"#);
    rig.proxy("db").await;
    for (path, body) in [
        ("/proxies", body),
        ("/proxies", &disabled),
        ("/proxies/db", r#"{"listen":"0.0.0.0:0","enabled":false}"#),
        ("/populate", &format!("[{body}]")),
        ("/populate", &format!("[{disabled}]")),
    ] {
        let answer = rig.call("POST", path, body).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(answer.body.contains("--allow-remote"), "{answer:?}");
    }
    rig.ok("POST", "/reset", "").await;
    let nowhere = rig.ok("POST", "/proxies", r#"{"name":"c","upstream":"127.0.0.1:1"}"#).await;
    assert!(nowhere["listen"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_may_hold_anything() {
    let rig = Rig::new().await;
    rig.proxy("a/b c").await;
    let view = rig.ok("GET", "/proxies/a%2Fb%20c", "").await;
    assert_eq!(view["name"], "a/b c");
    rig.ok("POST", "/proxies/a%2Fb%20c/toxics", r#"{"type":"noop","name":"x/y"}"#).await;
    rig.ok("DELETE", "/proxies/a%2Fb%20c/toxics/x%2Fy", "").await;
    rig.ok("DELETE", "/proxies/a%2Fb%20c", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn populate_creates_keeps_and_replaces() {
    let rig = Rig::new().await;
    for nothing in ["[]", "null"] {
        let answer = rig.call("POST", "/populate", nothing).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, r#"{"proxies":[]}"#));
    }
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"noop"}"#).await;
    let entry = |name: &str, listen: &str, upstream: &str| json!({ "name": name, "listen": listen, "upstream": upstream });
    let upstream = rig.upstream.to_string();
    let same = entry("db", &listen, &upstream);
    let list = json!([same, entry("new", "127.0.0.1:0", &upstream)]).to_string();
    let proxies = rig.ok("POST", "/populate", &list).await;
    assert_eq!(proxies["proxies"][0]["toxics"][0]["name"], "noop_downstream");
    assert_eq!(proxies["proxies"][1]["name"], "new");
    let moved = json!([entry("db", &listen, "127.0.0.1:1")]).to_string();
    let proxies = rig.ok("POST", "/populate", &moved).await;
    assert_eq!(proxies["proxies"][0]["toxics"], json!([]), "a replaced proxy starts afresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn populate_says_what_it_did_before_it_failed() {
    let rig = Rig::new().await;
    let list = r#"[{"name":"a","upstream":"x:1"},{"name":"b"}]"#;
    let answer = rig.call("POST", "/populate", list).await;
    let error = "missing required field: upstream at proxy 2";
    let expected = json!({ "error": error, "status": 400, "proxies": null });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&answer.body).unwrap(), expected);
    assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/json"));
    assert_eq!(rig.call("GET", "/proxies", "").await.body, "{}", "validation comes first");

    let taken = rig.upstream;
    let list = format!(
        r#"[{{"name":"a","upstream":"x:1"}},{{"name":"b","upstream":"x:1","listen":"{taken}"}}]"#
    );
    let answer = rig.call("POST", "/populate", &list).await;
    assert_eq!(answer.status, 500);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["proxies"].as_array().unwrap().len(), 1);
    assert!(body["error"].as_str().unwrap().ends_with("address already in use"));
    assert_eq!(rig.call("POST", "/populate", "{}").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn populate_leaves_a_proxy_alone_that_it_cannot_replace() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"before").await;
    for (refused, status) in [("0.0.0.0:0", 400), ("nowhere", 500), ("not a name:0", 500)] {
        let list = json!([{ "name": "db", "listen": refused, "upstream": "127.0.0.1:1" }]);
        assert_eq!(rig.call("POST", "/populate", &list.to_string()).await.status, status);
    }
    round_trip(&mut stream, b"after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_to_its_end_also_when_its_caller_hangs_up() {
    const PROXIES: usize = 300;
    let rig = Rig::new().await;
    let proxy = |number| json!({ "name": format!("p{number}"), "upstream": "127.0.0.1:1" });
    let list: Vec<_> = (0..PROXIES).map(proxy).collect();
    let body = json!(list).to_string();
    let head =
        format!("POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut caller = connect(&rig.running.addr().to_string()).await;
    caller.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    rig.proxies_reach(|count| count > 0).await;
    drop(caller);
    rig.proxies_reach(|count| count == PROXIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_bad_chunks_is_refused_in_the_apis_words() {
    let rig = Rig::new().await;
    let mut stream = connect(&rig.running.addr().to_string()).await;
    let head = "POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (answer, _) = drain(&mut stream).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("{\"error\":\"bad request body: "), "{answer}");
    assert!(answer.contains("x-toxiproxy-request-id"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_a_toxic_of_ours_does_not_have_are_refused() {
    let rig = Rig::new().await;
    rig.proxy("db").await;
    for kind in TOXICS {
        let name = kind.name;
        let toxic = json!({ "type": name, "attributes": { "unknown": 1, "other": null } });
        let answer = rig.call("POST", "/proxies/db/toxics", &toxic.to_string()).await;
        assert_eq!(answer.status, if kind.is_original { 200 } else { 400 }, "{name}: {answer:?}");
        rig.ok("POST", "/reset", "").await;
    }
    rig.add("db", r#"{"type":"packet_loss","name":"it"}"#).await;
    rig.refuses(
        ("PATCH", "/proxies/db/toxics/it", r#"{"attributes":{"loss":5,"los":5}}"#),
        400,
        "bad request body: packet_loss knows no los, it has loss, retransmit",
    )
    .await;
    let toxic = rig.ok("GET", "/proxies/db/toxics/it", "").await;
    assert_eq!(toxic["attributes"]["loss"], 0, "a change that is refused changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_an_update_empties_are_emptied() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"before").await;
    let view = rig.ok("PATCH", "/proxies/db", r#"{"upstream":""}"#).await;
    assert_eq!((&view["upstream"], &view["listen"]), (&json!(""), &json!(listen)));
    assert_eq!(drain(&mut stream).await.0, b"");
    assert_eq!(drain(&mut connect(&listen).await).await.0, b"", "there is nothing to dial");
    let view = rig.ok("PATCH", "/proxies/db", r#"{"listen":""}"#).await;
    let moved = view["listen"].as_str().unwrap();
    assert!(moved.starts_with("127.0.0.1:") && moved != listen, "{moved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_may_be_given_by_the_names_of_their_services() {
    let rig = Rig::new().await;
    let proxy =
        r#"{"name":"web","listen":"127.0.0.1:http","upstream":"127.0.0.1:https","enabled":false}"#;
    rig.ok("POST", "/proxies", proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn toxics_are_listed_upstream_first_and_updates_merge() {
    let rig = Rig::new().await;
    rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":5,"unknown":1}}"#).await;
    rig.add("db", r#"{"type":"timeout","stream":"UPSTREAM","toxicity":0.25}"#).await;
    let list = rig.ok("GET", "/proxies/db/toxics", "").await;
    let timeout = json!({
        "attributes": { "timeout": 0 }, "name": "timeout_UPSTREAM", "type": "timeout",
        "stream": "UPSTREAM", "toxicity": 0.25,
    });
    let mut latency = json!({
        "attributes": { "jitter": 0, "latency": 5 }, "name": "latency_downstream",
        "type": "latency", "stream": "downstream", "toxicity": 1,
    });
    assert_eq!(list, json!([timeout, latency]));
    let change = r#"{"attributes":{"jitter":2},"name":"x","type":"noop","stream":"upstream"}"#;
    let changed = rig.ok("POST", "/proxies/db/toxics/latency_downstream", change).await;
    latency["attributes"]["jitter"] = json!(2);
    assert_eq!(changed, latency);
    let changed = rig.ok("PATCH", "/proxies/db/toxics/timeout_UPSTREAM", r#"{"toxicity":1}"#).await;
    assert_eq!(changed["toxicity"], json!(1));
    assert_eq!(rig.call("POST", "/reset", "").await.status, 204);
    assert_eq!(rig.ok("GET", "/proxies/db/toxics", "").await, json!([]));
}
