# SPDX-License-Identifier: BSD-2-Clause
# fish completion for runtserv(1)

complete -c runtserv -n __fish_use_subcommand -f -l help -d 'Print help'
complete -c runtserv -n __fish_use_subcommand -f -l version -d 'Print the version'
complete -c runtserv -n __fish_use_subcommand -f -a serve -d 'Give a virtual machine its UEFI variables'
complete -c runtserv -n __fish_use_subcommand -f -a rom -d 'Pack EFI drivers into an option ROM, or show one'

set -l serve '__fish_seen_subcommand_from serve'
complete -c runtserv -n $serve -l store -r -F -d 'Where the variables are kept'
complete -c runtserv -n $serve -l quota -x -d 'Room for variables, in bytes'
complete -c runtserv -n $serve -l socket -r -F -d 'Serve MM buffers on this socket'
complete -c runtserv -n $serve -l fd -x -d 'Serve MM buffers on this descriptor'
complete -c runtserv -n $serve -l ivshmem -r -F -d 'Serve the guest driver here'
complete -c runtserv -n $serve -l qmp -r -F -d 'QEMU\'s monitor'
complete -c runtserv -n $serve -l sandbox -x -a 'auto on log off' -d 'How to confine itself'
complete -c runtserv -n $serve -l log-level -x -a 'error warning info debug' -d 'What to say'
complete -c runtserv -n $serve -l terminate -f -d 'End with the last connection'
complete -c runtserv -n $serve -l print-capabilities -f -d 'Print what is offered, as JSON'
complete -c runtserv -n $serve -l help -f -d 'Print help'

set -l rom '__fish_seen_subcommand_from rom'
complete -c runtserv -n "$rom; and not __fish_seen_subcommand_from pack show" -f -a 'pack show'
complete -c runtserv -n "$rom; and __fish_seen_subcommand_from pack" -l vendor -x -d 'PCI vendor'
complete -c runtserv -n "$rom; and __fish_seen_subcommand_from pack" -l device -x -d 'PCI device'
complete -c runtserv -n "$rom; and __fish_seen_subcommand_from pack" -l class -x -d 'PCI class code'
complete -c runtserv -n "$rom; and __fish_seen_subcommand_from pack" -l check-driver -d 'Refuse what is no runtime driver'
complete -c runtserv -n "$rom; and __fish_seen_subcommand_from show" -l json -d 'Print JSON'
complete -c runtserv -n $rom -l help -f -d 'Print help'
