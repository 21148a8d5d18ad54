# bash completion of pillarbox(1).
_pillarbox() {
    local commands words current=${COMP_WORDS[COMP_CWORD]}
# generated: commands (make generate)
    commands="init serve passwd hash deliver check status report backup restore copy import export export-recipients try help version"
# end of generated
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands help version" -- "$current")
        return
    fi
    case ${COMP_WORDS[1]} in
# generated: options (make generate)
        init) words="--help --db --state" ;;
        serve) words="--help --db --state --listen --listen-tls --lmtp --set" ;;
        passwd) words="--help --db --state --create" ;;
        hash) words="--help --batch" ;;
        deliver) words="--help --db --state --sender --timeout" ;;
        check) words="--help --db --state" ;;
        status) words="--help --db --state --json" ;;
        report) words="--help --db --state" ;;
        backup) words="--help --db --state" ;;
        restore) words="--help --db --state --force" ;;
        copy) words="--help --state" ;;
        import) words="--help --db --state --user --uidl --uidl-format --with-deleted --list --dry-run --token --insecure --no-uidl" ;;
        export) words="--help --db --state --user" ;;
        export-recipients) words="--help --db --state" ;;
        try) words="--help --user --mail --fault --json" ;;
        help) words="--help" ;;
        version) words="--help" ;;
# end of generated
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}
complete -o default -F _pillarbox pillarbox
