[ "$(sh shop.sh total apple bread)" = 365 ] || echo "test_prices_add_up: not 365"
