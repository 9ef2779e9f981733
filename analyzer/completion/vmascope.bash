# SPDX-License-Identifier: MIT
# bash completion of vmascope. Commands, options and their values are what --help says.
_vmascope()
{
	local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} program=${COMP_WORDS[0]} help option

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p') --help --version" -- "$cur")
		return
	fi
	help=$("$program" "$command" --help 2>/dev/null)
	# --format=js: readline gives "--format", "=" and "js" as words of their own
	if [ "$cur" = = ] || [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
		option=${COMP_WORDS[COMP_CWORD - 1]}
		[ "$cur" = = ] && cur= || option=${COMP_WORDS[COMP_CWORD - 2]}
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n "s/.*$option=\([a-z0-9|]*\).*/\1/p" <<<"$help" | tr '|' '\n' | awk '!seen[$0]++')" -- "$cur")
		[ "${#COMPREPLY[@]}" -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '(^| )(--[a-z][a-z-]*=?|-[a-z])' <<<"$help" | tr -d ' ' | sort -u) --help" -- "$cur")
		case ${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}
complete -o filenames -F _vmascope vmascope
