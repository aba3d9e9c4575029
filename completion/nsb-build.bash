# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of nsb-build(1) for bash.

_nsb_build() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} word
	local options='--target --pid --debian --rpm --fixed-version --source --output --deb --chroot --suite --on-top-of --built --test --accept-difference --no-trial --again --no-cache --keep --verbose --quiet --help --version --'

	COMPREPLY=()
	# Behind -- stands the command that builds.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
		if [ "$word" = -- ]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
			return
		fi
	done
	case $before in
	-p|--pid)
		mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur")
		return ;;
	--test|--debian|--fixed-version|--again|--suite)
		return ;;
	-s|--source|-o|--output|--chroot)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

complete -F _nsb_build nsb-build
