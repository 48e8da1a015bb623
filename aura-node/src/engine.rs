//! Handles of an opened repository and of a run.
//!
//! Every promise owns what it needs: a worker that is terminated frees its handles while their futures still run.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use aura_core::{Result, embed};
use napi::Env;
use napi::bindgen_prelude::{PromiseRaw, ToNapiValue, block_on};
use napi_derive::napi;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::fail;
use crate::jobs::{Bell, Jobs, watch};
use crate::keys::{to_camel, to_snake};

/// How long the end of a worker waits for its runs.
const FAREWELL: Duration = Duration::from_secs(2);

/// Lives as long as JavaScript holds a handle or a run is under way.
struct Session {
    engine: embed::Engine,
    bell: Arc<Notify>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Session {
    /// Ends the jobs and what rings for them; the JavaScript function is free from then on.
    fn leave(&self) {
        self.engine.abandon();
        self.bell.notify_one();
    }

    fn started(self: Arc<Self>, run: embed::RunHandle) -> RunHandle {
        let (session, watched) = (Arc::clone(&self), run.clone());
        tokio::spawn(async move {
            // How it ended is told to whoever asks.
            let _ = watched.wait().await;
            drop(session);
        });
        RunHandle {
            run,
            _session: self,
        }
    }
}

/// Makes a promise; it keeps Node alive until it is settled.
fn promise<'env, T, F>(env: &'env Env, future: F) -> napi::Result<PromiseRaw<'env, T>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    env.spawn_future(async move { future.await.map_err(fail) })
}

/// An opened repository.
#[napi]
pub struct Engine {
    session: Arc<Session>,
}

/// Opens a repository. `ring` is called when a job may wait and has to call [`Jobs::next`] until there is none.
#[napi(catch_unwind)]
pub fn open<'env>(
    env: &'env Env,
    options: String,
    ring: Bell,
) -> napi::Result<PromiseRaw<'env, Engine>> {
    promise(env, async move {
        let engine = embed::Engine::open(&to_snake(&options)).await?;
        let bell = Arc::new(Notify::new());
        tokio::spawn(watch(engine.clone(), ring, Arc::clone(&bell)));
        let session = Arc::new(Session { engine, bell });
        Ok(Engine { session })
    })
}

#[napi]
impl Engine {
    /// Calls one of the library's methods.
    #[napi(catch_unwind)]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        method: String,
        arguments: String,
    ) -> napi::Result<PromiseRaw<'env, String>> {
        let session = Arc::clone(&self.session);
        promise(env, async move {
            let answer = session.engine.call(&method, &to_snake(&arguments)).await?;
            Ok(to_camel(&answer))
        })
    }

    /// Starts a run.
    #[napi(catch_unwind)]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        arguments: String,
    ) -> napi::Result<PromiseRaw<'env, RunHandle>> {
        let session = Arc::clone(&self.session);
        promise(env, async move {
            let run = session.engine.run(&to_snake(&arguments)).await?;
            Ok(session.started(run))
        })
    }

    /// Starts a landing.
    #[napi(catch_unwind)]
    pub fn complete<'env>(
        &self,
        env: &'env Env,
        arguments: String,
    ) -> napi::Result<PromiseRaw<'env, RunHandle>> {
        let session = Arc::clone(&self.session);
        promise(env, async move {
            let run = session.engine.complete(&to_snake(&arguments)).await?;
            Ok(session.started(run))
        })
    }

    /// The jobs of agents and gates that are JavaScript.
    #[napi(catch_unwind)]
    pub fn jobs(&self) -> Jobs {
        Jobs::new(&self.session.engine, &self.session.bell)
    }

    /// Cancels the runs, waits for their end, and ends the jobs.
    #[napi(catch_unwind)]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        let session = Arc::clone(&self.session);
        promise(env, async move {
            session.engine.close().await;
            session.leave();
            Ok(())
        })
    }

    /// For an environment that ends before the process does, as a worker's: its jobs end at once and its runs are cancelled, as long
    /// as the runtime is sure to be there.
    #[napi(catch_unwind)]
    pub fn end_with_environment(&self, env: &Env) -> napi::Result<()> {
        let session = Arc::downgrade(&self.session);
        env.add_env_cleanup_hook(session, |session: Weak<Session>| {
            if let Some(session) = session.upgrade() {
                session.leave();
                block_on(async {
                    // What takes longer is interrupted, and a later run takes it up.
                    let _ = timeout(FAREWELL, session.engine.close()).await;
                });
            }
        })?;
        Ok(())
    }
}

/// A run under way.
#[napi]
pub struct RunHandle {
    run: embed::RunHandle,
    _session: Arc<Session>,
}

#[napi]
impl RunHandle {
    /// The story.
    #[napi(getter)]
    pub fn story(&self) -> String {
        self.run.story()
    }

    /// The run.
    #[napi(getter)]
    pub fn id(&self) -> String {
        self.run.id()
    }

    /// Events as they come, at most `max`; null at the end.
    #[napi(catch_unwind)]
    pub fn next_events<'env>(
        &self,
        env: &'env Env,
        max: u32,
    ) -> napi::Result<PromiseRaw<'env, Option<String>>> {
        let run = self.run.clone();
        promise(env, async move {
            let events = run.next_events(max as usize).await?;
            Ok(events.map(|text| to_camel(&text)))
        })
    }

    /// The report, once the run has ended.
    #[napi(catch_unwind)]
    pub fn wait<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, String>> {
        let run = self.run.clone();
        promise(env, async move { Ok(to_camel(&run.wait().await?)) })
    }

    /// Steers the run.
    #[napi(catch_unwind)]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        method: String,
        arguments: String,
    ) -> napi::Result<PromiseRaw<'env, ()>> {
        let run = self.run.clone();
        promise(env, async move {
            run.call(&method, &to_snake(&arguments)).await
        })
    }
}
