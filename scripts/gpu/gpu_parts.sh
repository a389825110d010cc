# Sourced by test_gpu.sh and bench_gpu.sh after gpu_build.sh: the parts of a run, its time limit, and the report that
# says for each prediction of bench/gpu_predictions.json whether it held. Sets `measured`, the folder where every part
# writes PART.json, or PART.reason if it was not measured. Both scripts add to the same report, $tree/gpu_report.json,
# of one commit. shellcheck shell=bash disable=SC2034,SC2154

# begin_parts KNOWN_PART…: takes PARTS from the environment (default: all, in this order), and sets earlier results of
# them aside.
begin_parts() {
  local part
  measured=$tree/measured
  report=$tree/gpu_report.json
  known_parts="$*"
  parts=${PARTS:-$known_parts}
  for part in $parts; do
    case " $known_parts " in
      *" $part "*) ;;
      *) stop "There is no part $part in PARTS; there are: $known_parts." ;;
    esac
  done
  mkdir -p "$measured"
  command -v python3 >/dev/null || { echo "== python3 was not found: no report will be written (apt-get install python3)"; return; }
  local options=()
  [ "$emulated" = yes ] && options=(--emulated)
  python3 bench/gpu_machine.py "${options[@]}" >"$measured/machine.new" || stop "The facts of this machine could not be found out (bench/gpu_machine.py, above)."
  # Measurements of another commit do not apply to this one.
  if ! diff -q <(grep '"commit"\|"uncommitted_changes"' "$measured/machine.json" 2>/dev/null) <(grep '"commit"\|"uncommitted_changes"' "$measured/machine.new") >/dev/null; then
    find "$measured" -type f ! -name machine.new -delete
  fi
  mv "$measured/machine.new" "$measured/machine.json"
}

# limit_minutes N: limits the whole run, including its build. At the limit the current part is ended; measurements are
# kept.
limit_minutes() {
  case $1 in
    '' | *[!0-9]* | 0) stop "--minutes wants a number of minutes, not '$1'." ;;
  esac
  deadline=$((SECONDS + $1 * 60))
}
deadline=

seconds_left() { echo $((deadline - SECONDS)); }
time_is_over() { [ -n "$deadline" ] && [ "$(seconds_left)" -le 0 ]; }
# limited COMMAND…: ends it at the time limit, with status 124.
limited() {
  if [ -z "$deadline" ]; then "$@"; elif time_is_over; then return 124; else timeout -k 5 "$(seconds_left)" "$@"; fi
}

# measure PART JSON, not_measured PART REASON: adds the result of a part to the report immediately.
measure() {
  rm -f "$measured/$1.reason"
  printf '%s\n' "$2" >"$measured/$1.json.new" && mv "$measured/$1.json.new" "$measured/$1.json"
  judge >/dev/null
}
not_measured() {
  rm -f "$measured/$1.json"
  echo "$2" >"$measured/$1.reason"
  echo "== $1: NOT MEASURED: $2"
  judge >/dev/null
}

judge() {
  command -v python3 >/dev/null || return 0
  python3 bench/gpu_judge.py "$measured" "$report"
}

# wanted PART: whether it is to be run. A part that PARTS leaves out keeps what an earlier run measured.
wanted() {
  case " $parts " in
    *" $1 "*) ;;
    *)
      echo "== $1: SKIPPED, because PARTS=\"$parts\" does not name it"
      [ -e "$measured/$1.json" ] || echo "PARTS did not name it" >"$measured/$1.reason"
      return 1
      ;;
  esac
  time_is_over || return 0
  not_measured "$1" "no time was left (--minutes)"
  return 1
}
