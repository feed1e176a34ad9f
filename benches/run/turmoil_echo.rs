//! Another peer: what a message costs between turmoil hosts.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::{TcpListener, TcpStream};

const PAIRS: usize = 5;
const BODY_BYTES: usize = 100;

/// Five pairs of hosts that echo 100 bytes over TCP, `echoes` times each, in ticks of 1 ms. Says
/// how many messages were delivered.
pub(crate) fn run(echoes: u64) -> u64 {
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(Duration::from_secs(1_000_000))
        .rng_seed(1)
        .build();
    for pair in 0..PAIRS {
        sim.host(format!("server-{pair}"), || async {
            let listener = TcpListener::bind("0.0.0.0:9999").await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let mut body = [0; BODY_BYTES];
                    while stream.read_exact(&mut body).await.is_ok() {
                        if stream.write_all(&body).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        sim.client(format!("client-{pair}"), async move {
            let mut stream = TcpStream::connect((format!("server-{pair}"), 9999)).await?;
            let mut body = [7; BODY_BYTES];
            for _ in 0..echoes {
                stream.write_all(&body).await?;
                stream.read_exact(&mut body).await?;
            }
            Ok(())
        });
    }
    sim.run().expect("the echoes end well");
    echoes * 2 * PAIRS as u64
}
