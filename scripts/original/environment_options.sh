# Sourced by train_rm.sh and eval_rm.sh: the original's environment variables as options of the command.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
options=()

# option NAME VARIABLE: --NAME=value if the variable is set and not empty.
option() {
  local value=${!2-}
  [ -z "$value" ] || options+=("--$1=$value")
}

# list_option NAME VARIABLE: files separated by spaces or commas, or in the original's form, [a.jsonl,b.jsonl].
list_option() {
  local value=${!2-} files
  value=${value//[\[\],\"\']/ }
  read -r -d '' -a files <<<"$value" || true
  [ ${#files[@]} -eq 0 ] || options+=("--$1" "${files[@]}")
}

# run COMMAND [ARGUMENTS…]: an option given as an argument overrides its variable; files given both ways are joined.
run() {
  local command=$1
  shift
  if [ ! -f "$root/dist/cli/main.js" ]; then
    echo "cheems-native is not built yet: run 'npm ci && npm run build' in $root, or 'bash $root/scripts/quickstart.sh'." >&2
    exit 1
  fi
  exec node "$root/dist/cli/main.js" "$command" "${options[@]}" "$@"
}
