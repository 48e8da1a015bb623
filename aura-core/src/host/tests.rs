//! The queue by itself, on a clock that jumps.

use std::path::Path;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;

const LIMIT: Duration = Duration::from_secs(100);
const GRACE: Duration = Duration::from_secs(5);

struct Desk {
    queue: HostQueue,
    folder: tempfile::TempDir,
    cancel: CancellationToken,
    output: mpsc::Sender<String>,
    lines: mpsc::Receiver<String>,
}

fn tell(output: mpsc::Sender<String>) -> Tell {
    Box::new(move |line| drop(output.try_send(line)))
}

impl Desk {
    fn new() -> Self {
        let (output, lines) = mpsc::channel(3);
        Self {
            queue: HostQueue::new(),
            folder: tempfile::tempdir().unwrap(),
            cancel: CancellationToken::new(),
            output,
            lines,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn order(&self) -> Order {
        Order {
            kind: JobKind::Agent,
            name: "mine".to_owned(),
            request: json!({"n": 1}),
            workspace: self.path().to_owned(),
            limit: LIMIT,
            grace: GRACE,
            tell: tell(self.output.clone()),
            mask: Box::new(|text| text::clean(text.as_bytes())),
            log: self.path().join("log"),
        }
    }

    async fn run(&self) -> Answer {
        self.queue.run(self.order(), &self.cancel).await.unwrap()
    }

    /// Whether a job waits.
    async fn is_empty(&self) -> bool {
        timeout(Duration::from_secs(1), self.queue.next_job())
            .await
            .is_err()
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_pulled_reported_and_answered_once() {
    let mut desk = Desk::new();
    let queue = desk.queue.clone();
    let host = async {
        let job = queue.next_job().await.unwrap();
        assert_eq!(
            (job.kind, &job.request, job.deadline_ms),
            (JobKind::Agent, &json!({"n": 1}), 100_000)
        );
        for line in ["one", "\u{1b}[1mtwo", "three", "four"] {
            queue.job_event(job.id, line).unwrap();
        }
        queue.finish_job(job.id, json!({"output": "end"})).unwrap();
        assert_eq!(queue.finish_job(job.id, json!(2)), Err(Stale(job.id)));
        assert_eq!(queue.job_event(job.id, "late"), Err(Stale(job.id)));
    };
    let (answer, ()) = tokio::join!(desk.run(), host);
    assert_eq!(answer, Answer::Given(json!({"output": "end"})));
    for line in ["one", "two", "three"] {
        assert_eq!(desk.lines.try_recv().unwrap(), line);
    }
    // The watcher was too slow for the fourth, which the log has.
    assert!(desk.lines.try_recv().is_err());
    let log = std::fs::read_to_string(desk.path().join("log")).unwrap();
    assert_eq!(log, "one\ntwo\nthree\nfour\nend\n");
    assert!(!desk.queue.is_quarantined(desk.path()) && desk.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_nobody_takes_means_that_the_host_is_gone() {
    let desk = Desk::new();
    let start = Instant::now();
    assert_eq!(desk.run().await, Answer::HostGone);
    assert_eq!(start.elapsed(), CLAIM_LIMIT);
    let quick = desk.queue.clone().claim_within(Duration::from_secs(2));
    assert_eq!(
        quick.run(desk.order(), &desk.cancel).await.unwrap(),
        Answer::HostGone
    );
    assert_eq!(start.elapsed(), CLAIM_LIMIT + Duration::from_secs(2));
    assert!(desk.is_empty().await && !desk.queue.is_quarantined(desk.path()));
}

#[tokio::test(start_paused = true)]
async fn a_late_job_is_abandoned_and_its_workspace_quarantined_until_the_answer() {
    let desk = Desk::new();
    let start = Instant::now();
    let take = desk.queue.next_job();
    let (answer, job) = tokio::join!(desk.run(), take);
    assert_eq!(answer, Answer::Late);
    assert_eq!(start.elapsed(), LIMIT + GRACE);
    let cancel = desk.queue.next_job().await.unwrap();
    let id = job.unwrap().id;
    assert_eq!(
        (cancel.id, cancel.kind, cancel.deadline_ms),
        (id, JobKind::Cancel, 5000)
    );
    assert!(desk.is_empty().await);

    assert!(desk.queue.is_quarantined(desk.path()));
    desk.queue.released(Path::new("/elsewhere")).await;
    assert!(
        timeout(LIMIT, desk.queue.released(desk.path()))
            .await
            .is_err()
    );
    assert_eq!(desk.queue.job_event(id, "still here"), Err(Stale(id)));
    let finish = async {
        tokio::task::yield_now().await;
        assert_eq!(desk.queue.finish_job(id, json!(1)), Err(Stale(id)));
    };
    tokio::join!(desk.queue.released(desk.path()), finish);
    assert!(!desk.queue.is_quarantined(desk.path()));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_stops_in_time_leaves_no_quarantine() {
    for cancelled in [false, true] {
        let desk = Desk::new();
        let host = async {
            let job = desk.queue.next_job().await.unwrap();
            if cancelled {
                desk.cancel.cancel();
            }
            let cancel = desk.queue.next_job().await.unwrap();
            assert_eq!((cancel.id, cancel.kind), (job.id, JobKind::Cancel));
            // The job ended, but its result is not used.
            assert_eq!(desk.queue.finish_job(job.id, json!(1)), Err(Stale(job.id)));
        };
        let (answer, ()) = tokio::join!(desk.run(), host);
        assert_eq!(
            answer,
            if cancelled {
                Answer::Cancelled
            } else {
                Answer::Late
            }
        );
        assert!(!desk.queue.is_quarantined(desk.path()) && desk.is_empty().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_that_nobody_took_is_never_seen() {
    let desk = Desk::new();
    desk.cancel.cancel();
    assert_eq!(desk.run().await, Answer::Cancelled);
    assert!(desk.is_empty().await && !desk.queue.is_quarantined(desk.path()));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_cancels_the_job() {
    let desk = Desk::new();
    let one_second = Duration::from_secs(1);
    assert!(timeout(one_second, desk.run()).await.is_err());
    assert!(desk.is_empty().await);

    let host = desk.queue.next_job();
    let (dropped, job) = tokio::join!(timeout(one_second, desk.run()), host);
    assert!(dropped.is_err());
    let id = job.unwrap().id;
    let cancel = desk.queue.next_job().await.unwrap();
    assert_eq!((cancel.id, cancel.kind), (id, JobKind::Cancel));
    assert!(desk.queue.is_quarantined(desk.path()));
    assert_eq!(desk.queue.finish_job(id, json!(1)), Err(Stale(id)));
    assert!(!desk.queue.is_quarantined(desk.path()));
}

#[tokio::test(start_paused = true)]
async fn strange_ids_are_stale() {
    let desk = Desk::new();
    let other = HostQueue::new();
    let host = async {
        let id = desk.queue.next_job().await.unwrap().id;
        let not_ours = JobId {
            epoch: id.epoch.wrapping_add(1),
            ..id
        };
        let not_yet = JobId {
            number: id.number + 1,
            ..id
        };
        for strange in [not_ours, not_yet] {
            assert_eq!(desk.queue.job_event(strange, "x"), Err(Stale(strange)));
            assert_eq!(
                desk.queue.finish_job(strange, json!(1)),
                Err(Stale(strange))
            );
        }
        assert_eq!(other.finish_job(id, json!(1)), Err(Stale(id)));
        desk.queue.finish_job(id, json!(2)).unwrap();
    };
    let (answer, ()) = tokio::join!(desk.run(), host);
    assert_eq!(answer, Answer::Given(json!(2)));

    // A job that was not taken cannot be answered by guessing its number.
    let guess = async {
        tokio::task::yield_now().await;
        let number = 2;
        let id = JobId {
            epoch: desk.queue.shared.epoch,
            number,
        };
        assert_eq!(desk.queue.finish_job(id, json!(1)), Err(Stale(id)));
    };
    let (answer, ()) = tokio::join!(desk.run(), guess);
    assert_eq!(answer, Answer::HostGone);
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_gives_and_takes_nothing() {
    let desk = Desk::new();
    let host = async {
        let job = desk.queue.next_job().await.unwrap();
        let waiters = async { tokio::join!(desk.queue.next_job(), desk.queue.next_job()) };
        let close = async {
            tokio::task::yield_now().await;
            desk.queue.close();
        };
        let (waiters, ()) = tokio::join!(waiters, close);
        assert_eq!(waiters, (None, None));
        job.id
    };
    let start = Instant::now();
    let (answer, id) = tokio::join!(desk.run(), host);
    assert_eq!(
        (answer, start.elapsed()),
        (Answer::HostGone, Duration::ZERO)
    );
    assert!(desk.queue.is_quarantined(desk.path()));
    assert_eq!(desk.queue.finish_job(id, json!(1)), Err(Stale(id)));
    assert!(!desk.queue.is_quarantined(desk.path()));
    assert_eq!(desk.run().await, Answer::HostGone);
    assert_eq!(desk.queue.next_job().await, None);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_jobs_and_hosts_lose_and_double_nothing() {
    let queue = HostQueue::new();
    let folder = tempfile::tempdir().unwrap();
    let mut hosts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let queue = queue.clone();
        hosts.spawn(async move {
            let mut done = 0;
            while let Some(job) = queue.next_job().await {
                queue.finish_job(job.id, job.request).unwrap();
                done += 1;
            }
            done
        });
    }
    let mut jobs = tokio::task::JoinSet::new();
    for n in 0..500 {
        let queue = queue.clone();
        let (output, _lines) = mpsc::channel(1);
        let order = Order {
            kind: JobKind::Gate,
            name: "g".to_owned(),
            request: json!(n),
            workspace: folder.path().to_owned(),
            limit: LIMIT,
            grace: GRACE,
            tell: tell(output),
            mask: Box::new(str::to_owned),
            log: folder.path().join(n.to_string()),
        };
        jobs.spawn(async move {
            let answer = queue.run(order, &CancellationToken::new()).await.unwrap();
            assert_eq!(answer, Answer::Given(json!(n)));
        });
    }
    while let Some(job) = jobs.join_next().await {
        job.unwrap();
    }
    queue.close();
    let done: Vec<i32> = hosts.join_all().await;
    assert_eq!(done.iter().sum::<i32>(), 500);
}
