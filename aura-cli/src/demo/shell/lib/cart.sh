# What a customer wants to buy.

# The price of one thing, in cents.
price() {
    case "$1" in
        apple) echo 45 ;;
        bread) echo 320 ;;
        cheese) echo 749 ;;
        *) echo "no such thing: $1" >&2; return 1 ;;
    esac
}

# The price of all of them.
cents() {
    sum=0
    for name in "$@"; do
        one=$(price "$name") || return 1
        sum=$((sum + one))
    done
    echo "$sum"
}
