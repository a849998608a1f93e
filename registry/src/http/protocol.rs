//! Which protocol a connection speaks. HTTP/2 without TLS begins with a preface that no request of HTTP/1 begins with.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// How HTTP/2 begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is clear. The connection that is returned has what was read in front.
pub(super) async fn open(mut stream: impl Io) -> io::Result<(Protocol, impl Io)> {
    let mut begin = Vec::with_capacity(PREFACE.len());
    let protocol = loop {
        let mut rest = (&mut stream).take((PREFACE.len() - begin.len()) as u64);
        let came = rest.read_buf(&mut begin).await?;
        if begin == PREFACE {
            break Protocol::Http2;
        }
        if came == 0 || !PREFACE.starts_with(&begin) {
            break Protocol::Http1;
        }
    };
    let (read, write) = tokio::io::split(stream);
    Ok((protocol, tokio::io::join(io::Cursor::new(begin).chain(read), write)))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_say_the_protocol_and_are_not_lost() {
        for (pieces, protocol) in [
            (vec![&PREFACE[..5], &PREFACE[5..], b"frame"], Protocol::Http2),
            (vec![b"P".as_slice(), b"UT / HTTP/1.1\r\n\r\n"], Protocol::Http1),
            (vec![b"GET / HTTP/1.1\r\n\r\n".as_slice()], Protocol::Http1),
            (vec![b"PRI".as_slice()], Protocol::Http1),
        ] {
            let (mut client, server) = tokio::io::duplex(5);
            let sent = pieces.concat();
            let sending = tokio::spawn(async move {
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                }
            });
            let (found, mut io) = open(server).await.unwrap();
            assert_eq!(found, protocol);
            let mut came = Vec::new();
            io.read_to_end(&mut came).await.unwrap();
            assert_eq!(came, sent);
            sending.await.unwrap();
        }
    }
}
