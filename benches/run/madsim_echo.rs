//! The peer: what a message costs between bare madsim endpoints.

use std::net::SocketAddr;

use madsim::net::Endpoint;
use madsim::runtime::Runtime;

const NODES: u8 = 5;
const BODY_BYTES: usize = 100;

/// Five nodes in a ring, each sending 100 bytes to the next and waiting for them to come back,
/// until `echoes` have been made by each. Says how many messages were delivered.
pub(crate) fn run(echoes: u64) -> u64 {
    let runtime = Runtime::with_seed_and_config(1, madsim::Config::default());
    let address = |node: u8| SocketAddr::from(([10, 0, 0, node + 1], 1));
    let mut tasks = Vec::new();
    for node in 0..NODES {
        let handle = runtime.create_node().name(format!("n{node}")).ip(address(node).ip()).build();
        handle.spawn(async move {
            let endpoint = Endpoint::bind(address(node)).await.expect("the address is free");
            let (tx, mut rx, _) = endpoint.accept1().await.expect("somebody connects");
            while let Ok(message) = rx.recv().await {
                if tx.send(message).await.is_err() {
                    break;
                }
            }
        });
        let client = runtime
            .create_node()
            .name(format!("c{node}"))
            .ip(([10, 0, 1, node + 1]).into())
            .build();
        tasks.push(client.spawn(async move {
            madsim::time::sleep(std::time::Duration::from_secs(1)).await;
            let endpoint = Endpoint::bind("0.0.0.0:0").await.expect("a port is free");
            let to = address((node + 1) % NODES);
            let (tx, mut rx) = endpoint.connect1(to).await.expect("the node listens");
            for _ in 0..echoes {
                tx.send(Box::new(vec![7_u8; BODY_BYTES])).await.expect("the peer lives");
                rx.recv().await.expect("the peer answers");
            }
        }));
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no echo panics");
        }
    });
    echoes * 2 * u64::from(NODES)
}
