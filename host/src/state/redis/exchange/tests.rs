//! What becomes of answers when connections break: against servers whose every answer is scripted.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::super::RedisOptions;
use super::*;

/// What a server does with a command of the test.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer(&'static str),
    /// Sends the caller to that server.
    AskAt(u16),
    HangUp,
}

use Act::{Answer, AskAt, HangUp};

/// A server that takes part in the first exchanges as Redis does, and then acts as it is told: once for each `SET` and
/// `WAIT`, over all connections. Says which it was sent.
struct Scripted {
    port: u16,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn start<const N: usize>(acts: [Act; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sent, mut acts) = (Arc::<Mutex<Vec<String>>>::default(), acts.into_iter());
        let told = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut acts, &told);
            }
        });
        Self { port, sent }
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }

    fn nodes(&self, wait_replicas: u32) -> Nodes {
        let options = RedisOptions {
            wait_replicas,
            response_timeout: Duration::from_secs(5),
            ..RedisOptions::new(vec![format!("redis://127.0.0.1:{}", self.port)])
        };
        Nodes::connect(options).unwrap()
    }
}

/// Until the other side or the script hangs up; one connection at a time.
fn serve(stream: TcpStream, acts: &mut impl Iterator<Item = Act>, told: &Mutex<Vec<String>>) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    while let Some(words) = command(&mut input) {
        let answer = match words[0].as_str() {
            "INFO" => "$19\r\nredis_version:7.4.0\r\n".to_owned(),
            "SCRIPT" | "ASKING" => "+OK\r\n".to_owned(),
            "SET" | "WAIT" => {
                told.lock().unwrap().push(words[..2].join(" "));
                match acts.next() {
                    Some(Answer(answer)) => format!("{answer}\r\n"),
                    Some(AskAt(port)) => format!("-ASK 1 127.0.0.1:{port}\r\n"),
                    Some(HangUp) | None => return,
                }
            }
            other => panic!("{other}"),
        };
        output.write_all(answer.as_bytes()).unwrap();
    }
}

/// The words of the next command; `None` = the other side has hung up.
fn command(input: &mut impl BufRead) -> Option<Vec<String>> {
    let mut line = || {
        let mut line = String::new();
        (input.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let count: usize = line()?.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let mut length = String::new();
        input.read_line(&mut length).ok()?;
        let length: usize = length.trim_end().strip_prefix('$')?.parse().ok()?;
        let mut word = vec![0; length + 2];
        input.read_exact(&mut word).ok()?;
        word.truncate(length);
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words)
}

fn batch(keys: &[&str]) -> Batch {
    let mut batch = Batch::default();
    keys.iter().for_each(|key| batch.push(0, redis::cmd("SET").arg(key).arg("v")));
    batch
}

fn run(nodes: &Nodes, keys: &[&str]) -> Result<Vec<Value>, String> {
    let answers = nodes.run(Call::write("write"), &batch(keys));
    answers.map_err(|error| std::error::Error::source(&error).unwrap().to_string())
}

#[test]
fn answers_whose_wait_broke_are_not_counted_and_sent_again() {
    let one = Answer(":1");
    let server = Scripted::start([one, one, HangUp, one, one, Answer(":0")]);
    let error = run(&server.nodes(1), &["a", "b"]).unwrap_err();
    assert!(error.ends_with("only 0 of 1 replicas have it"), "{error}");
    assert_eq!(server.sent(), ["SET a", "SET b", "WAIT 1", "SET a", "SET b", "WAIT 1"]);
}

#[test]
fn an_answer_before_the_connection_broke_is_waited_for_too() {
    let server = Scripted::start([Answer(":1"), HangUp, Answer(":2"), Answer(":3"), Answer(":1")]);
    let answers = run(&server.nodes(1), &["a", "b"]);
    assert_eq!(answers, Ok(vec![Value::Int(2), Value::Int(3)]));
    assert_eq!(server.sent(), ["SET a", "SET b", "SET a", "SET b", "WAIT 1"]);
}

#[test]
fn without_a_wait_an_answer_counts_at_once() {
    let server = Scripted::start([Answer(":1"), HangUp, Answer(":3")]);
    assert_eq!(run(&server.nodes(0), &["a", "b"]), Ok(vec![Value::Int(1), Value::Int(3)]));
    assert_eq!(server.sent(), ["SET a", "SET b", "SET b"]);
}

#[test]
fn what_another_server_was_asked_for_is_waited_for_there() {
    let other = Scripted::start([Answer(":7"), Answer(":0")]);
    let server = Scripted::start([AskAt(other.port), Answer(":1")]);
    let error = run(&server.nodes(1), &["a"]).unwrap_err();
    assert!(
        error.contains(&other.port.to_string()) && error.ends_with("only 0 of 1 replicas have it"),
        "{error}"
    );
    assert_eq!(other.sent(), ["SET a", "WAIT 1"]);
}
