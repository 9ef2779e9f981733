#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who may include what: check-layers.sh SOURCE_DIR. Rules point one way:
#   include/vmascope  <-  preload/model  <-  preload/trace  <-  preload/replay  <-  preload, analyzer
set -euo pipefail
cd "$1"
bad=0

# includes FILE…: "file:line: <header>" or "header", one a line
includes()
{
	[ "$#" -eq 0 ] || grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]' "$@" || true
}

# only WHAT ALLOWED FILE…: every include of the files must match the regular expression (its header's name alone)
only()
{
	local what=$1 allowed=$2 line header
	shift 2
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		[[ $line =~ include[[:space:]]*([\<\"][^\>\"]*) ]]
		header=${BASH_REMATCH[1]}
		if ! [[ $header =~ ^($allowed)$ ]]; then
			echo "$line: $what" >&2
			bad=1
		fi
	done < <(includes "$@")
}

# own FOLDER: the headers of a folder as alternatives of a regular expression, "name.h each
own()
{
	local header list='"-'
	for header in "$1"/*.h; do
		header=${header##*/}
		list+="|\"${header//./\\.}"
	done
	echo "$list"
}

shopt -s nullglob
public='["<]vmascope/(kernel|model|trace|replay|vmascope)\.h'

only 'the model is pure: no other header than these' \
	'<(stddef|stdint|stdbool|errno|limits|string)\.h|["<]vmascope/(kernel|model)\.h|'"$(own preload/model)" \
	preload/model/*.[ch]
only 'the trace format knows no recorder' \
	"<[^\"]*|[\"<]vmascope/(kernel|model|trace)\\.h|$(own preload/trace)" preload/trace/*.[ch]
only 'the replay knows no recorder' \
	"<[^\"]*|[\"<]vmascope/(kernel|model|trace|replay)\\.h|$(own preload/replay)" preload/replay/*.[ch]
only 'the recorder includes public headers and its own' "<[^\"]*|$public|$(own preload)" preload/*.[chS]
only 'the analyzer includes public headers and its own' "<[^\"]*|$public|$(own analyzer)" analyzer/*.[ch]

# The public headers among themselves, lowest first.
only 'kernel.h is the lowest header' '<std(def|int|bool)\.h' include/vmascope/kernel.h
only 'model.h is above kernel.h alone' '<std(def|int|bool)\.h|"vmascope/kernel\.h' include/vmascope/model.h
only 'trace.h is above model.h' '<std(def|int|bool)\.h|"vmascope/(kernel|model)\.h' include/vmascope/trace.h
only 'replay.h is above trace.h' '<std(def|int|bool)\.h|"vmascope/(kernel|model|trace)\.h' include/vmascope/replay.h
only 'vmascope.h is for programs and stands alone' '<std(def|int|bool)\.h' include/vmascope/vmascope.h

exit "$bad"
