#!/bin/sh
# Runs every test; a test is a file that prints nothing and ends well.
failed=0
for test in tests/test_*.sh; do
    if output=$(sh "$test" 2>&1) && [ -z "$output" ]; then
        echo "ok $test"
    else
        echo "FAIL: $test"
        echo "$output"
        failed=1
    fi
done
exit "$failed"
