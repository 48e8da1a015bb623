//! The five changes, as the agents make them.

use aura_tests::{Script, Step};

/// Tests that the changes add, the example in the description of `pick` included.
pub(super) const NEW_TESTS: usize = 5;

pub(super) const PLAN: &str = r"
title: Friendlier indexes and numbers
tasks:
  - id: nth
    title: Let nth() count from the end
    description: A negative n asks for an item counted from the end.
  - id: dotproduct
    title: Refuse vectors of different lengths
    description: dotproduct() silently ignores what one vector has more than the other.
  - id: factor
    title: Say what is wrong with a negative number
    description: factor() fails with a message about a square root.
  - id: pick
    title: Add pick()
    description: Several items by index. A negative index is an error.
  - id: document
    title: Document pick()
    depends_on: [pick]
";

const RECIPES: &str = "more_itertools/recipes.py";
const RECIPES_TESTS: &str = "tests/test_recipes.py";
const MORE: &str = "more_itertools/more.py";
const MORE_TESTS: &str = "tests/test_more.py";

pub(super) fn script() -> Script {
    Script::new()
        .task("nth", nth())
        .task("dotproduct", dotproduct())
        .task("factor", factor())
        .attempt("pick", 1, pick())
        .attempt("pick", 2, repaired_pick())
        .task(
            "document",
            [Step::replace(
                "docs/api.rst",
                ".. autofunction:: nth_or_last(iterable, n[, default])\n",
                ".. autofunction:: nth_or_last(iterable, n[, default])\n.. autofunction:: pick\n",
            )],
        )
}

/// What `pick` relies on being an error becomes an answer.
fn nth() -> [Step; 2] {
    [
        Step::replace(
            RECIPES,
            "    return next(islice(iterable, n, None), default)\n",
            "    if n < 0:\n        last_items = deque(iterable, maxlen=-n)\n        \
             return last_items[0] if len(last_items) == -n else default\n    \
             return next(islice(iterable, n, None), default)\n",
        ),
        Step::replace(
            RECIPES_TESTS,
            "    def test_negative_item_raises(self):\n        \
             \"\"\"Ensure asking for a negative item raises an exception\"\"\"\n        \
             self.assertRaises(ValueError, lambda: mi.nth(range(10), -3))\n",
            "    def test_negative_counts_from_the_end(self):\n        \
             self.assertEqual(mi.nth(range(10), -3), 7)\n        \
             self.assertEqual(mi.nth(range(2), -3, 'none'), 'none')\n",
        ),
    ]
}

fn dotproduct() -> [Step; 2] {
    [
        Step::replace(
            RECIPES,
            "    return sum(map(operator.mul, vec1, vec2))\n",
            "    return sum(starmap(operator.mul, _zip_equal(vec1, vec2)))\n",
        ),
        Step::replace(
            RECIPES_TESTS,
            "        self.assertEqual(400, mi.dotproduct([10, 10], [20, 20]))\n",
            "        self.assertEqual(400, mi.dotproduct([10, 10], [20, 20]))\n\n    \
             def test_different_lengths(self):\n        \
             with self.assertRaises(ValueError):\n            mi.dotproduct([1, 2], [3])\n",
        ),
    ]
}

fn factor() -> [Step; 2] {
    [
        Step::replace(
            RECIPES,
            "    for prime in sieve(math.isqrt(n) + 1):\n        while not n % prime:\n",
            "    if n < 0:\n        raise ValueError('n must not be negative')\n    \
             for prime in sieve(math.isqrt(n) + 1):\n        while not n % prime:\n",
        ),
        Step::replace(
            RECIPES_TESTS,
            "class FactorTests(TestCase):\n",
            "class FactorTests(TestCase):\n    def test_negative(self):\n        \
             with self.assertRaisesRegex(ValueError, 'must not be negative'):\n            \
             list(mi.factor(-5))\n\n",
        ),
    ]
}

/// Leaves it to `nth` to refuse a negative index.
fn pick() -> [Step; 5] {
    [
        Step::replace(
            MORE,
            "    flatten,\n    powerset,\n",
            "    flatten,\n    nth,\n    powerset,\n",
        ),
        Step::replace(MORE, "    'peekable',\n", "    'peekable',\n    'pick',\n"),
        Step::replace(
            MORE,
            "class peekable:\n",
            "def pick(iterable, *indexes):\n    \
             \"\"\"Return the items of *iterable* at *indexes*, which must not be negative.\n\n        \
             >>> pick('abcdef', 0, 3)\n        ['a', 'd']\n\n    \"\"\"\n    \
             items = tuple(iterable)\n    return [nth(items, n) for n in indexes]\n\n\nclass peekable:\n",
        ),
        Step::replace(
            "more_itertools/more.pyi",
            "class peekable(Generic[_T], Iterator[_T]):\n",
            "def pick(iterable: Iterable[_T], *indexes: int) -> list[_T | None]: ...\n\n\
             class peekable(Generic[_T], Iterator[_T]):\n",
        ),
        Step::replace(
            MORE_TESTS,
            "class PeekableMixinTests:\n",
            "class PickTests(TestCase):\n    def test_basic(self):\n        \
             self.assertEqual(mi.pick('abcdef', 0, 3, 9), ['a', 'd', None])\n\n    \
             def test_negative_index(self):\n        \
             self.assertRaises(ValueError, lambda: mi.pick('abc', 0, -1))\n\n\n\
             class PeekableMixinTests:\n",
        ),
    ]
}

/// On top of the first try and of the accepted `nth`: refuses a negative index itself.
fn repaired_pick() -> [Step; 3] {
    [
        Step::ExpectPromptContains("test_negative_index".to_owned()),
        Step::ExpectPromptContains("ValueError not raised".to_owned()),
        Step::replace(
            MORE,
            "    return [nth(items, n) for n in indexes]\n",
            "    if any(n < 0 for n in indexes):\n        \
             raise ValueError('indexes must not be negative')\n    \
             return [nth(items, n) for n in indexes]\n",
        ),
    ]
}
