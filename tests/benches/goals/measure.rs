//! Rounds, medians, and what the system says about this process.

use std::time::{Duration, Instant};

/// One way to do the work, by the time it took.
pub(crate) struct Variant<'a> {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut() + 'a>,
}

/// Wall and processor time of one run, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) processor: f64,
}

/// The median of some numbers and the quartiles around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

/// The costs of all variants in all rounds.
pub(crate) struct Rounds {
    names: Vec<&'static str>,
    /// By variant, then by round.
    costs: Vec<Vec<Cost>>,
}

impl Rounds {
    /// Runs every variant once to warm up and then once in each round, in an order that is drawn anew.
    pub(crate) fn measure(rounds: usize, mut variants: Vec<Variant<'_>>) -> Self {
        let mut random = Random::new(1);
        let mut costs = vec![Vec::with_capacity(rounds); variants.len()];
        for variant in &mut variants {
            (variant.run)();
        }
        for _ in 0..rounds {
            let mut order: Vec<usize> = (0..variants.len()).collect();
            for place in (1..order.len()).rev() {
                order.swap(place, random.below(place as u32 + 1) as usize);
            }
            for number in order {
                let (before, start) = (processor_time(), Instant::now());
                (variants[number].run)();
                costs[number].push(Cost {
                    wall: micros(start.elapsed()),
                    processor: micros(processor_time() - before),
                });
            }
        }
        let names = variants.iter().map(|variant| variant.name).collect();
        Self { names, costs }
    }

    /// How a variant compares with another one, round by round.
    pub(crate) fn ratio(&self, of: &str, to: &str, cost: fn(&Cost) -> f64) -> Spread {
        let (of, to) = (self.costs_of(of), self.costs_of(to));
        Spread::of(of.iter().zip(to).map(|(of, to)| cost(of) / cost(to)))
    }

    /// Wall time of a variant.
    pub(crate) fn wall(&self, of: &str) -> Spread {
        Spread::of(self.costs_of(of).iter().map(|cost| cost.wall))
    }

    fn costs_of(&self, name: &str) -> &[Cost] {
        let number = self.names.iter().position(|known| *known == name);
        &self.costs[number.expect("a variant of that name")]
    }
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let at = |part: usize| numbers[(numbers.len() - 1) * part / 4];
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }
}

/// Prints the line of a goal, and tells whether it was reached.
pub(crate) fn verdict(row: &str, peer: (Spread, f64), limit: (Spread, f64)) -> bool {
    let passed = peer.0.median <= peer.1 && limit.0.median <= limit.1;
    println!(
        "{row} {:.2} (goal {:.2}) {:.2} (goal {:.2}) {:.2}-{:.2}/{:.2}-{:.2} {}",
        peer.0.median,
        peer.1,
        limit.0.median,
        limit.1,
        peer.0.low,
        peer.0.high,
        limit.0.low,
        limit.0.high,
        if passed { "PASS" } else { "FAIL" }
    );
    passed
}

/// A small generator, so that every run draws the same graphs and orders.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z >> 32) % u64::from(bound)) as u32
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Of this process and all children that have ended, in the system's ticks of 10 ms; zero where it does not say.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

/// The largest amount of memory that this process has held, in KiB; 0 where the system does not say.
pub(crate) fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Lets the peak begin anew at what is held now.
pub(crate) fn forget_peak_memory() {
    // Where the system cannot do that the older peak stays, which can only make the result worse.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
