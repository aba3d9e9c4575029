# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of nsb(1) for bash.

# _nsb_processes: process ids, those with a patch for revert.
_nsb_processes() {
	if [ "$1" = revert ]; then
		nsb list -q 2>/dev/null | sed -n 's/^\([0-9]*\): .*/\1/p' | sort -u
	else
		printf '%s\n' /proc/[0-9]*/exe | tr -dc '0-9\n'
	fi
}

# _nsb_ids: build-ids of the patches in processes.
_nsb_ids() {
	nsb list 2>/dev/null | awk '$3 ~ /^[0-9a-f]+$/ { print $3 }' | sort -u
}

_nsb() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' word i
	local commands='patch revert check list info run status install remove sync watch help'
	local options='--filename --json --quiet --verbosity --syslog --no-syslog --help --version'
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [ "$word" = -- ] && [ "$command" = run ]; then
			# What follows is the program's own command line.
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			else
				mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
			fi
			return
		fi
		if [[ " $commands " == *" $word "* ]]; then
			command=$word
		fi
	done
	case $before in
	-p|--pid)
		mapfile -t COMPREPLY < <(compgen -W "$(_nsb_processes "$command")" -- "$cur")
		return ;;
	--core)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	-f|--filename)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -X '!*.so' -- "$cur"; compgen -d -- "$cur")
		return ;;
	--id)
		mapfile -t COMPREPLY < <(compgen -W "$(_nsb_ids)" -- "$cur")
		return ;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return ;;
	--exe)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return ;;
	--store)
		compopt -o dirnames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	help)
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
		return ;;
	install)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -X '!*.so' -- "$cur"; compgen -d -- "$cur")
		return ;;
	--timeout|--retries|--allow-active|--build-id|--object|--cve|--canary|--batch|--settle|--probe)
		return ;;
	esac
	case $command in
	patch) options+=' --pid --all --canary --batch --settle --probe --stop-on-failure --exe --user --insecure-file --replace --dry-run --no-exceptions --timeout --retries --allow-active' ;;
	revert) options+=' --pid --all --exe --user --id --dry-run --timeout --retries --allow-active' ;;
	check) options+=' --pid --all --exe --user --insecure-file --no-exceptions --timeout --retries --allow-active' ;;
	list) options+=' --pid --exe --user --build-id --object --core --perf-map' ;;
	status) options+=' --store --cve --check --prometheus --exe --user --insecure-file' ;;
	install|remove) options+=' --store --insecure-file --dry-run --timeout' ;;
	watch) options+=' --store --insecure-file --no-syslog' ;;
	sync) options+=' --store --canary --batch --settle --probe --stop-on-failure --exe --user --insecure-file --dry-run --timeout' ;;
	run) options+=' --insecure-file --best-effort --follow --no-exceptions --timeout --retries' ;;
	esac
	if [ -z "$command" ] && [[ $cur != -* ]]; then
		options=$commands
	fi
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _nsb nsb
