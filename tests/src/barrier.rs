//! Points where agents wait, made of sockets: whoever waits blocks in a read, and nobody sleeps.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Longest time that anybody waits: a test that forgot somebody fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

fn socket(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

/// A point where scripted agents wait until the test lets them go.
pub struct Barrier {
    path: PathBuf,
    arrivals: Receiver<UnixStream>,
    waiting: Vec<UnixStream>,
}

impl Barrier {
    /// A barrier of that name for the agents whose state is kept in `dir`.
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        let path = socket(dir, name);
        let listener = UnixListener::bind(&path)
            .unwrap_or_else(|error| panic!("barrier {}: {error}", path.display()));
        Self {
            path,
            arrivals: accept(listener),
            waiting: Vec::new(),
        }
    }

    /// Waits for so many further agents to arrive; who they are (`task attempt`), in the order of their arrival.
    pub fn wait_for(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|arrived| {
                let mut stream = self.arrivals.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                    panic!(
                        "{arrived} of {count} agents arrived at {}",
                        self.path.display()
                    )
                });
                let who = read_line(&mut stream).expect("an agent says who it is");
                self.waiting.push(stream);
                who
            })
            .collect()
    }

    /// Lets everybody go who was waited for.
    pub fn release(&mut self) {
        for mut stream in self.waiting.drain(..) {
            // An agent that was killed while it waited needs no release.
            let _ = stream.write_all(b"g");
        }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        self.release();
        let (_, nobody) = mpsc::channel();
        self.arrivals = nobody;
        // Wakes the thread, which then finds that nobody listens.
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An agent's side of a [`Barrier`]: says who it is and waits.
pub fn arrive(dir: &Path, name: &str, who: &str) -> io::Result<()> {
    wait(UnixStream::connect(socket(dir, name))?, who)
}

/// Waits until `count` processes have called this with the same name. The first one to come does what a test would do for a
/// [`Barrier`].
pub fn meet(dir: &Path, name: &str, who: &str, count: u32) -> io::Result<()> {
    let path = socket(dir, name);
    let lock = File::create(dir.join(format!("{name}.lock")))?;
    lock.lock()?;
    match UnixStream::connect(&path) {
        Ok(stream) => {
            lock.unlock()?;
            wait(stream, who)
        }
        Err(_) => {
            // Nobody is here, or the first one was killed and left its socket.
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            lock.unlock()?;
            let arrivals = accept(listener);
            let others: Vec<UnixStream> = (1..count)
                .map(|_| {
                    let mut stream = arrivals.recv_timeout(PATIENCE).map_err(io::Error::other)?;
                    read_line(&mut stream).map(|_| stream)
                })
                .collect::<io::Result<_>>()?;
            std::fs::remove_file(&path)?;
            for mut stream in others {
                let _ = stream.write_all(b"g");
            }
            Ok(())
        }
    }
}

/// Accepts until nobody listens to the arrivals any more.
fn accept(listener: UnixListener) -> Receiver<UnixStream> {
    let (sender, arrivals) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if sender.send(stream).is_err() {
                return;
            }
        }
    });
    arrivals
}

fn wait(mut stream: UnixStream, who: &str) -> io::Result<()> {
    stream.write_all(format!("{who}\n").as_bytes())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // The end of the stream is a release too: the test is over.
    stream.read(&mut [0]).map(|_| ())
}

fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}
