//! Ctrl-C and its relatives.

use aura_core::{Error, ErrorKind, Result};

/// Requests to stop, from the terminal or from another process.
pub(crate) struct Interrupts {
    /// There was one.
    pub(crate) seen: bool,
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Interrupts {
    /// Listens from now on; the default, which is to die at once, is off.
    ///
    /// # Errors
    /// `Process` where the system refuses.
    pub(crate) fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind).map_err(|error| {
                    Error::new(
                        ErrorKind::Process,
                        format!("cannot listen for signals: {error}"),
                    )
                    .with_source(error)
                })
            };
            Ok(Self {
                seen: false,
                signals: [
                    listen(SignalKind::interrupt())?,
                    listen(SignalKind::terminate())?,
                    listen(SignalKind::hangup())?,
                ],
            })
        }
        #[cfg(not(unix))]
        Ok(Self { seen: false })
    }

    /// Takes note of a request that has come already.
    pub(crate) async fn poll(&mut self) {
        // The runtime looks for signals when nothing else is to be done.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            () = self.next() => {}
            () = std::future::ready(()) => {}
        }
    }

    /// The next request. Cancel safe.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hangup] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.seen = true;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_request_that_came_while_nobody_waited_is_heard() {
        let mut interrupts = Interrupts::listen().expect("signals");
        interrupts.poll().await;
        assert!(!interrupts.seen);
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::HUP).expect("a signal");
        let heard = async {
            while !interrupts.seen {
                interrupts.poll().await;
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(60), heard).await;
        heard.expect("the signal is heard");
    }
}
