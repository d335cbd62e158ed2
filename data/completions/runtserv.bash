# SPDX-License-Identifier: BSD-2-Clause
# bash completion for runtserv(1)

_runtserv()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs='serve vars run scan memmap rom fw' words=

	case ${COMP_CWORD}:${COMP_WORDS[1]} in
	1:*)
		words="$verbs --help --version"
		;;
	*:serve)
		case $prev in
		--sandbox) words='auto on log off' ;;
		--log-level) words='error warning info debug' ;;
		--quota | --hw-error-quota | --fd) return ;;
		--store | --socket | --ivshmem | --qmp) ;;
		*)
			words='--store --quota --hw-error-quota --socket --fd --ivshmem --qmp --physical-presence --no-custom-mode
				--force-secure-boot --allow-policy-disable --sandbox --log-level --terminate --print-capabilities --help'
			;;
		esac
		;;
	2:rom)
		words='pack show --help'
		;;
	*:rom)
		case ${COMP_WORDS[2]}:$cur in
		pack:-*) words='--vendor --device --class --check-driver --help' ;;
		show:-*) words='--json --help' ;;
		esac
		;;
	2:fw)
		words='list extract --help'
		;;
	*:fw)
		case ${COMP_WORDS[2]}:$cur in
		list:-*) words='--json --help' ;;
		extract:-*) words='--output --json --help' ;;
		esac
		;;
	*:run)
		case $prev:$cur in
		--engine:*) words='own edk2' ;;
		--timeout:* | --runtime-stack:* | --pcd:* | --seed:*) return ;;
		--firmware:* | --calls:* | --trace:* | --flash:* | --save-flash:* | --save-map:*) ;;
		*:-*)
			words='--json --firmware --engine --no-virtual --timeout --runtime-stack --calls --trace --flash
				--save-flash --save-map --pcd --seed --head-guard --verbose --help'
			;;
		esac
		;;
	*:scan)
		case $prev:$cur in
		--threads:*) return ;;
		--html:* | --svg:* | --extract:* | --firmware:* | --inventory:* | --save:* | --qmp:*) ;;
		*:-*)
			words='--json --html --svg --extract --firmware --inventory --live --save --qmp --threads
				--help'
			;;
		esac
		;;
	2:vars)
		words='list get set delete boot status enroll audit apply diff merge convert --help'
		;;
	*:vars)
		case ${COMP_WORDS[2]}:$cur in
		list:-*) words='--json --help' ;;
		get:-*) words='--json --raw --output --help' ;;
		set:-*) words='--data --file --text --attributes --time --quota --help' ;;
		delete:-*) words='--help' ;;
		boot:-*)
			words='--add --file --uri --device-path --args --first --remove --order --next --enable --disable
				--quota --json --help'
			;;
		status:-* | diff:-*) words='--json --help' ;;
		enroll:-*)
			words='--pk --kek --db --dbx --mok --mokx --generate-pk --owner --replace --time --quota --help'
			;;
		audit:-*) words='--dbx --date --json --help' ;;
		apply:-*) words='--append --quota --help' ;;
		merge:-*) words='--delete --quota --help' ;;
		convert:-*) words='--layout --force --lossy --help' ;;
		esac
		;;
	*:memmap)
		case $prev:$cur in
		--descriptor-size:*) return ;;
		--svg:* | --sysfs:*) ;;
		*:-*) words='--json --svg --descriptor-size --live --sysfs --help' ;;
		esac
		;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _runtserv runtserv
