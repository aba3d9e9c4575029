# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of nsb-gen(1) for bash.

_nsb_gen() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' word
	local commands='generate compare refs new externs buildid check dump' options='--help --version --quiet --verbosity'

	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
		if [[ " $commands " == *" $word "* ]]; then
			command=$word
		fi
	done
	case $before in
	-m|--mode)
		mapfile -t COMPREPLY < <(compgen -W 'manual auto' -- "$cur")
		return ;;
	-p|--pid|-i|--id|--verbosity)
		return ;;
	esac
	if [[ $cur != -* ]] && [ -n "$command" ]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	case $command in
	generate) options+=' --mode --original --debugfile --output --as-built --fixed --no-abi-check --accept-difference --strict' ;;
	compare|refs|new) options+=' --debugfile' ;;
	check) options+=' --pid --id' ;;
	dump) options+=' --json' ;;
	esac
	if [ -z "$command" ] && [[ $cur != -* ]]; then
		options=$commands
	fi
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _nsb_gen nsb-gen
