# shellcheck shell=bash
# shellcheck disable=SC2154 # a variable of helper.bash
#
# What the bats files take from the manuals' own text, so that the commands that are run are those that are shown.

manual() { echo "$REPO/cmd/$1.1"; }
render() { mandoc -T ascii -O width="${2:-1000}" "$1" | sed $'s/.\b//g'; }

# section FILE TITLE: of a manual, as people see it.
section() {
	render "$1" | awk -v title="$2" '/^[A-Z]/ { on = $0 == title; next } on'
}

# titled_blocks FILE: what stands literally in its RECIPES and EXAMPLES, each block ended by NUL: its title (EXAMPLES
# there), its number below that title, and, on further lines, its text. An empty line does not end a block of RECIPES.
titled_blocks() {
	render "$1" 80 | awk '
		function flush() { if (block != "") printf "%s %d\n%s%c", title, ++n, block, 0; block = "" }
		/^[A-Z]/ { flush(); section = title = $0; n = 0; next }
		section !~ /^(RECIPES|EXAMPLES)$/ { next }
		/^   [A-Z]/ { flush(); title = substr($0, 4); n = 0; next }
		/^           / { block = block substr($0, 12) "\n"; next }
		/^$/ && block != "" && section == "RECIPES" { block = block "\n"; next }
		{ flush() }
		END { flush() }'
}

# man_blocks FILE SECTION: what stands literally in it, one block after another, each ended by NUL.
man_blocks() {
	render "$1" 80 | awk -v title="$2" '
		function flush() { if (block != "") printf "%s%c", block, 0; block = "" }
		/^[A-Z]/ { flush(); on = $0 == title; next }
		on && /^           / { block = block substr($0, 12) "\n"; next }
		on { flush() }
		END { flush() }'
}

# manual_rules PROGRAM: the commands of its PERMISSIONS, one a line. give_rights RULE: does one of them on the test's server.
manual_rules() {
	render "$(manual "$1")" 80 | sed -nE '/^PERMISSIONS/,/^[A-Q]/s/^ {11}[$>] //p' | sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}'
}
give_rights() {
	# shellcheck disable=SC2317 # the rule calls it
	redis-cli() { cli "$@"; }
	assert_equal "$(eval "$1")" OK || { echo "$1" >&2 && return 1; }
}

# commands, shown: of a block on standard input: what follows `$ `, and `> ` to go on with, is typed, and the rest is
# shown. A block that does not begin with `$ ` is a script.
commands() { awk 'NR == 1 { script = !/^[$] / } script; !script && /^[$>] / { print substr($0, 3) }'; }
shown() { awk 'NR == 1 { script = !/^[$] / } !script && !/^[$>] /'; }
