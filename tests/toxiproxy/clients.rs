//! Answers, byte for byte, as the clients of other languages decode them.

use super::server::{Server, free_address};

#[test]
fn the_go_client_gets_what_it_decodes() {
    let server = Server::start(&["--port", "0"]);
    let listen = free_address();
    let proxy = |enabled: bool, toxics: &str| {
        format!(
            r#"{{"name":"db","listen":"{listen}","upstream":"127.0.0.1:1","enabled":{enabled},"toxics":{toxics}}}"#
        )
    };
    let headers = "User-Agent: toxiproxy-cli/v2.12.0 (linux/amd64)\r\nAccept-Encoding: gzip\r\n\
                   Content-Type: application/json\r\n";
    let asked = proxy(true, "null");
    let toxic = r#"{"name":"slow","type":"latency","stream":"downstream","toxicity":1,"attributes":{"latency":100}}"#;
    let made = r#"{"attributes":{"jitter":0,"latency":100},"name":"slow","type":"latency","stream":"downstream","toxicity":1}"#;
    let change = r#"{"attributes":{"jitter":5},"toxicity":0.5}"#;
    let changed = made.replace(r#""jitter":0"#, r#""jitter":5"#).replace(":1}", ":0.5}");
    let with_toxic = proxy(true, &format!("[{changed}]"));
    let populated = format!(r#"{{"proxies":[{with_toxic}]}}"#);
    let missing =
        "{\"error\":\"missing required field: name at proxy 1\",\"status\":400,\"proxies\":null}";
    for exchange in [
        ("POST /proxies", asked.as_str(), 201, proxy(true, "[]").as_str()),
        ("POST /proxies", &asked, 409, "{\"error\":\"proxy already exists\",\"status\":409}\n"),
        // Enable, disable and save send the whole proxy, by POST in older versions and PATCH in newer ones.
        ("POST /proxies/db", &proxy(false, "null"), 200, &proxy(false, "[]")),
        ("PATCH /proxies/db", &proxy(true, "[]"), 200, &proxy(true, "[]")),
        ("GET /proxies", "", 200, &format!(r#"{{"db":{}}}"#, proxy(true, "[]"))),
        ("POST /proxies/db/toxics", toxic, 200, made),
        ("POST /proxies/db/toxics/slow", change, 200, &changed),
        ("GET /proxies/db/toxics", "", 200, &format!("[{changed}]")),
        ("POST /populate", &format!("[{asked}]"), 201, &populated),
        (
            "POST /populate",
            r#"[{"name":"","listen":"","upstream":"","enabled":false,"toxics":null}]"#,
            400,
            missing,
        ),
        ("DELETE /proxies/db/toxics/slow", "", 204, ""),
        (
            "DELETE /proxies/db/toxics/slow",
            "",
            404,
            "{\"error\":\"toxic not found\",\"status\":404}\n",
        ),
        ("POST /reset", "", 204, ""),
        ("DELETE /proxies/db", "", 204, ""),
        ("GET /proxies/db", "", 404, "{\"error\":\"proxy not found\",\"status\":404}\n"),
    ] {
        server.expect(headers, exchange);
    }
}

#[test]
fn the_ruby_client_gets_what_it_decodes() {
    let server = Server::start(&["--port", "0"]);
    let listen = free_address();
    // What Net::HTTP adds; the type of a body is wrong on purpose.
    let headers = "User-Agent: Ruby\r\nAccept: */*\r\n\
                   Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\n";
    let create =
        format!(r#"{{"upstream":"localhost:1","name":"db","listen":"{listen}","enabled":true}}"#);
    let view = |enabled: bool| {
        format!(
            r#"{{"name":"db","listen":"{listen}","upstream":"localhost:1","enabled":{enabled},"toxics":[]}}"#
        )
    };
    let populate = format!(r#"[{{"name":"db","upstream":"localhost:1","listen":"{listen}"}}]"#);
    let toxic = r#"{"name":"timeout_upstream","type":"timeout","stream":"upstream","toxicity":1.0,"attributes":{"timeout":10}}"#;
    let made = r#"{"attributes":{"timeout":10},"name":"timeout_upstream","type":"timeout","stream":"upstream","toxicity":1}"#;
    let wrong = "{\"error\":\"invalid toxic type\",\"status\":400}\n";
    for exchange in [
        ("GET /version", "", 200, "{\"version\": \"2.12.0\"}\n"),
        ("POST /proxies", create.as_str(), 201, view(true).as_str()),
        ("POST /populate", &populate, 201, &format!(r#"{{"proxies":[{}]}}"#, view(true))),
        ("POST /proxies/db", r#"{"enabled":false}"#, 200, &view(false)),
        ("POST /proxies/db", r#"{"enabled":true}"#, 200, &view(true)),
        ("POST /proxies/db/toxics", toxic, 200, made),
        ("POST /proxies/db/toxics", r#"{"type":"nope"}"#, 400, wrong),
        ("GET /proxies/db/toxics", "", 200, &format!("[{made}]")),
        ("DELETE /proxies/db/toxics/timeout_upstream", "", 204, ""),
        ("POST /reset", "", 204, ""),
        ("DELETE /proxies/db", "", 204, ""),
    ] {
        server.expect(headers, exchange);
    }
}
