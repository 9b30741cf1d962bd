//! The payment simulator over real connections.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::{CapturedCharge, PaymentBehaviour, PaymentSimulator};
use crate::wire::{Charge, ChargeRequest, ChargeState, RefundRequest};

const PAYMENT: Uuid = Uuid::from_u128(7);

async fn start(behaviour: PaymentBehaviour) -> PaymentSimulator {
    PaymentSimulator::start(behaviour).await.unwrap()
}

fn request(payment_id: Uuid, amount_cents: i64) -> ChargeRequest {
    ChargeRequest { payment_id, amount_cents, payment_method: "card".to_owned() }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn charge(
    simulator: &PaymentSimulator,
    amount_cents: i64,
) -> reqwest::Result<(StatusCode, String)> {
    let url = format!("{}/server-1/charges", simulator.url());
    let response = client().post(url).json(&request(PAYMENT, amount_cents)).send().await?;
    Ok((response.status(), response.text().await?))
}

async fn get(simulator: &PaymentSimulator, path: &str) -> (StatusCode, String) {
    let response = client().get(format!("{}/{path}", simulator.url())).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

async fn refund(simulator: &PaymentSimulator) -> StatusCode {
    try_refund(simulator).await.unwrap()
}

async fn try_refund(simulator: &PaymentSimulator) -> reqwest::Result<StatusCode> {
    let url = format!("{}/server-1/charges/{PAYMENT}/refund", simulator.url());
    let request = client().post(url).json(&RefundRequest { refund_id: PAYMENT });
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn a_charge_repeated_by_another_server_takes_the_money_once() {
    let simulator = start(PaymentBehaviour::default()).await;
    let (status, body) = charge(&simulator, 500).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    let url = format!("{}/server-2/charges", simulator.url());
    let again = client().post(url).json(&request(PAYMENT, 500)).send().await.unwrap();
    assert_eq!(again.text().await.unwrap(), body);
    assert_eq!(charge(&simulator, 501).await.unwrap().0, StatusCode::CONFLICT);
    assert_eq!(charge(&simulator, 0).await.unwrap().0, StatusCode::UNPROCESSABLE_ENTITY);
    let counts = simulator.counts();
    assert_eq!((counts.captured, counts.repeated, counts.conflicting), (1, 1, 1));
    let expected = Charge { payment_id: PAYMENT, amount_cents: 500, state: ChargeState::Captured };
    assert_eq!(simulator.ledger(), [expected]);
    let (_, list) = get(&simulator, "server-1/charges").await;
    assert_eq!(serde_json::from_str::<Vec<Charge>>(&list).unwrap(), simulator.ledger());
}

#[tokio::test]
async fn charges_are_found_and_refunded_over_http() {
    let simulator = start(PaymentBehaviour::default()).await;
    let path = format!("server-1/charges/{PAYMENT}");
    assert_eq!(get(&simulator, &path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(refund(&simulator).await, StatusCode::NOT_FOUND);
    charge(&simulator, 500).await.unwrap();
    assert_eq!(refund(&simulator).await, StatusCode::OK);
    assert_eq!(refund(&simulator).await, StatusCode::OK);
    assert_eq!(simulator.counts().refunded, 1);
    let (status, body) = get(&simulator, &path).await;
    assert_eq!(status, StatusCode::OK);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["state"], json!("refunded"));
}

#[tokio::test]
async fn a_declined_charge_says_so_and_cannot_be_refunded() {
    let behaviour = PaymentBehaviour { decline_percent: 100.0, ..PaymentBehaviour::default() };
    let simulator = start(behaviour).await;
    let (status, body) = charge(&simulator, 500).await.unwrap();
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    let charge: Charge = serde_json::from_str(&body).unwrap();
    assert_eq!(charge.state, ChargeState::Declined);
    assert_eq!(refund(&simulator).await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_lost_reply_took_the_money_and_closes_the_connection() {
    let simulator = start(PaymentBehaviour::default()).await;
    let behaviour = PaymentBehaviour { drop_reply_percent: 100.0, ..PaymentBehaviour::default() };
    simulator.set_behaviour(behaviour).unwrap();
    let error = charge(&simulator, 500).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(simulator.ledger()[0].state, ChargeState::Captured);
    // The repeat is answered: it captured nothing, so there is nothing to lose.
    assert_eq!(charge(&simulator, 500).await.unwrap().0, StatusCode::OK);
    assert_eq!(simulator.counts().replies_lost, 1);
    try_refund(&simulator).await.unwrap_err();
    assert_eq!(simulator.ledger()[0].state, ChargeState::Refunded);
    assert_eq!(refund(&simulator).await, StatusCode::OK);
    assert_eq!((simulator.counts().refunded, simulator.counts().replies_lost), (1, 2));
}

#[tokio::test]
async fn an_error_does_nothing_and_look_ups_meet_it_too() {
    let simulator = start(PaymentBehaviour::default()).await;
    charge(&simulator, 500).await.unwrap();
    let behaviour = PaymentBehaviour { error_percent: 100.0, ..PaymentBehaviour::default() };
    simulator.set_behaviour(behaviour).unwrap();
    let other = json!({"payment_id": Uuid::nil(), "amount_cents": 5, "payment_method": "card"});
    let url = format!("{}/server-1/charges", simulator.url());
    let answer = client().post(url).json(&other).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refund(&simulator).await, StatusCode::SERVICE_UNAVAILABLE);
    let path = format!("server-1/charges/{PAYMENT}");
    assert_eq!(get(&simulator, &path).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(simulator.ledger().len(), 1);
    assert_eq!(simulator.ledger()[0].state, ChargeState::Captured);
}

#[tokio::test]
async fn the_payment_method_declined_is_declined_and_takes_nothing() {
    let simulator = start(PaymentBehaviour::default()).await;
    let body = ChargeRequest { payment_method: "declined".to_owned(), ..request(PAYMENT, 500) };
    let url = format!("{}/server-1/charges", simulator.url());
    let answer = client().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(simulator.ledger()[0].state, ChargeState::Declined);
}

#[tokio::test]
async fn latency_delays_the_answer() {
    let behaviour = PaymentBehaviour { latency_ms: 200, ..PaymentBehaviour::default() };
    let simulator = start(behaviour).await;
    let started = tokio::time::Instant::now();
    charge(&simulator, 500).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_trap_withholds_the_answer_of_one_capture_for_one_server() {
    let simulator = start(PaymentBehaviour::default()).await;
    let trap = simulator.trap_next_capture("server-1");
    let mut other = simulator.trap_next_capture("server-2");
    let url = format!("{}/server-1/charges", simulator.url());
    let trapped = client().post(url).json(&request(PAYMENT, 500)).send();
    let mut trapped = std::pin::pin!(trapped);
    let captured = tokio::select! {
        captured = trap => captured.unwrap(),
        _ = &mut trapped => panic!("the trapped charge was answered"),
    };
    assert_eq!(captured, CapturedCharge { payment_id: PAYMENT });
    assert_eq!(simulator.ledger()[0].state, ChargeState::Captured);
    timeout(Duration::from_millis(200), trapped).await.unwrap_err();
    // The same server, started again, asks again and is answered.
    assert_eq!(charge(&simulator, 500).await.unwrap().0, StatusCode::OK);
    assert!(other.try_recv().is_err());
}

#[tokio::test]
async fn a_trap_whose_owner_has_gone_does_not_spring() {
    let simulator = start(PaymentBehaviour::default()).await;
    drop(simulator.trap_next_capture("server-1"));
    assert_eq!(charge(&simulator, 500).await.unwrap().0, StatusCode::OK);
}
