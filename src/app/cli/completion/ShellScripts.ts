import { hiddenCommand } from "../CommandNames.ts"
import type { Shell } from "./ShellLine.ts"

/** The variable that holds the line for PowerShell, whose older versions break quotes in arguments. */
export const lineVariable = "MCP_CLI_COMPLETE_LINE"

const bash = `# Completions of mcp-cli for bash.
_mcp_cli() {
  local IFS=$'\\n' line lines=() directive
  # An array of unquoted lines would replace those with a * by the names of files.
  while read -r line; do lines+=("$line"); done <<< "$(
    mcp-cli ${hiddenCommand} bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_TYPE" "$COMP_WORDBREAKS" 2>/dev/null
  )"
  directive=\${lines[0]}
  COMPREPLY=("\${lines[@]:1}")
  case $directive in
    files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2")) ;;
    nospace) compopt -o nospace 2>/dev/null ;;
  esac
}
complete -o nosort -F _mcp_cli mcp-cli 2>/dev/null || complete -F _mcp_cli mcp-cli
`

const zsh = `#compdef mcp-cli
# Completions of mcp-cli for zsh.
_mcp_cli() {
  local -a lines candidates suffix
  local line value description tab=$'\\t'
  lines=("\${(@f)$(mcp-cli ${hiddenCommand} zsh "\${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
  case $lines[1] in
    files) _files; return ;;
    nospace) suffix=(-S '') ;;
    value) compset -P '*=' ;;
  esac
  for line in "\${(@)lines[2,-1]}"; do
    value=\${line%%$tab*} description=\${line#*$tab}
    candidates+=("\${value//:/\\\\:}\${description:+:$description}")
  done
  _describe -V 'mcp-cli' candidates "\${(@)suffix}"
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
if [[ $funcstack[1] == _mcp-cli ]]; then _mcp_cli "$@"; else compdef _mcp_cli mcp-cli; fi
`

const fish = `# Completions of mcp-cli for fish.
function __mcp_cli_complete
    set -l lines (mcp-cli ${hiddenCommand} fish (commandline -cp | string collect) 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case '*'
            printf '%s\\n' $lines[2..-1]
    end
end
complete -c mcp-cli -e
complete -c mcp-cli -k -f -a '(__mcp_cli_complete)'
`

const powershell = `# Completions of mcp-cli for PowerShell.
Register-ArgumentCompleter -Native -CommandName 'mcp-cli' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $line = $commandAst.Extent.Text
    $length = $cursorPosition - $commandAst.Extent.StartOffset
    if ($length -lt $line.Length) { $line = $line.Substring(0, $length) }
    if ($wordToComplete -eq '') { $line += ' ' }
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
        $env:${lineVariable} = $line
        $lines = @(mcp-cli ${hiddenCommand} powershell 2>$null)
    } finally {
        Remove-Item Env:${lineVariable} -ErrorAction SilentlyContinue
        [Console]::OutputEncoding = $encoding
    }
    if ($lines.Count -lt 1 -or $lines[0] -eq 'files') { return }
    if ($lines.Count -eq 1) { return '' }
    foreach ($candidate in $lines[1..($lines.Count - 1)]) {
        $value, $shown, $description = $candidate -split "\`t", 3
        if (-not $description) { $description = $shown }
        [System.Management.Automation.CompletionResult]::new($value, $shown, 'ParameterValue', $description)
    }
}
`

/** What each shell reads at its start. They are small: the program knows the candidates. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell }
